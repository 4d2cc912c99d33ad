"""Errors of taking GPUs back for a higher priority; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from bot.domain.error_branches import Conflict, NotAllowed, NotFound


class UnknownPreemption(NotFound):
    """There is no preemption of that number, or it is not about that reservation."""

    code = "unknown_preemption"

    def __init__(self, preemption_id: int) -> None:
        super().__init__(preemption_id=preemption_id)
        self.preemption_id = preemption_id


class MayNotPreempt(NotAllowed):
    """Only certain priorities may take GPUs back."""

    code = "may_not_preempt"

    def __init__(self, priority: str, allowed: tuple[str, ...]) -> None:
        super().__init__(priority=priority, allowed=list(allowed))
        self.priority, self.allowed = priority, allowed


class OwnPreemption(NotAllowed):
    """Whoever asks to take others' GPUs does not approve it themselves, unless an admin."""

    code = "own_preemption"

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class NobodyToPreempt(Conflict):
    """Not even taking every GPU back that may be taken makes enough room."""

    code = "nobody_to_preempt"

    def __init__(self, wanted_gpus: int, priority: str, protected_minutes: int) -> None:
        super().__init__(
            wanted_gpus=wanted_gpus, priority=priority, protected_minutes=protected_minutes
        )
        self.wanted_gpus, self.priority = wanted_gpus, priority
        self.protected_minutes = protected_minutes


class NeedsItsPlan(Conflict):
    """It takes GPUs from others: it is approved together with the plan that says from whom."""

    code = "needs_its_plan"

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class PreemptionOver(Conflict):
    """The preemption has been taken, cancelled or given up; nothing is to be answered any more."""

    code = "preemption_over"

    def __init__(self, preemption_id: int, state: str) -> None:
        super().__init__(preemption_id=preemption_id, state=state)
        self.preemption_id, self.state = preemption_id, state


class EpochDoesNotFit(Conflict):
    """The epoch that runs will not be done before the GPUs are taken, as far as is known."""

    code = "epoch_does_not_fit"

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id
