"""Errors of runs that go on elsewhere; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from datetime import datetime

from bot.domain.error_branches import Conflict


class NothingToContinue(Conflict):
    """There is no run that could go on: the reservation has none, or it is over.

    ``run_state`` is its `RunState`, None where there is no run.
    """

    code = "nothing_to_continue"

    def __init__(self, reservation_id: int, run_state: str | None) -> None:
        super().__init__(reservation_id=reservation_id, run_state=run_state)
        self.reservation_id = reservation_id
        self.run_state = run_state


class OutOfOrder(Conflict):
    """Two reservations of one run would overlap or change places.

    The run of ``source_id``, which ends at ``source_ends_at``, goes on in ``target_id``, which
    begins at ``target_starts_at``; the change of ``reservation_id`` would break that.
    """

    code = "out_of_order"

    def __init__(
        self,
        reservation_id: int,
        source_id: int,
        source_ends_at: datetime,
        target_id: int,
        target_starts_at: datetime,
    ) -> None:
        super().__init__(
            reservation_id=reservation_id,
            source_id=source_id,
            source_ends_at=source_ends_at,
            target_id=target_id,
            target_starts_at=target_starts_at,
        )
        self.reservation_id = reservation_id
        self.source_id = source_id
        self.source_ends_at = source_ends_at
        self.target_id = target_id
        self.target_starts_at = target_starts_at
