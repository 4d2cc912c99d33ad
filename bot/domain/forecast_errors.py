"""Errors of what is done about late runs; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from bot.domain.error_branches import Conflict


class NoRunToFit(Conflict):
    """Nothing trains on the reservation that could end early."""

    code = "no_run_to_fit"

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class CannotGiveMinutes(Conflict):
    """Minutes of the next reservation cannot be asked for or given as things stand.

    ``why``: ``nobody_next`` (the GPUs are free, or several hold them), ``started`` (theirs has
    begun), ``changed`` (one of the two has another window by now), ``too_much`` (``most`` minutes
    can be asked for) or ``nothing_left`` (theirs would be all but gone).
    """

    code = "cannot_give_minutes"

    def __init__(self, reservation_id: int, why: str, most: int = 0) -> None:
        super().__init__(reservation_id=reservation_id, why=why, most=most)
        self.reservation_id = reservation_id
        self.why = why
        self.most = most
