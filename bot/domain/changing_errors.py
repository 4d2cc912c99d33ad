"""Why a reservation cannot be changed as asked; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from datetime import datetime

from bot.domain.error_branches import Conflict, InvalidRequest, Unavailable


class EndNotLater(InvalidRequest):
    """A reservation is to go on until an end that it has passed or has already."""

    code = "end_not_later"

    def __init__(self, reservation_id: int, wanted: datetime, ends_at: datetime) -> None:
        super().__init__(reservation_id=reservation_id, wanted=wanted, ends_at=ends_at)
        self.reservation_id = reservation_id
        self.wanted = wanted
        self.ends_at = ends_at


class EndNotEarlier(InvalidRequest):
    """A reservation is to end sooner, at an instant that is not sooner."""

    code = "end_not_earlier"

    def __init__(self, reservation_id: int, wanted: datetime, ends_at: datetime) -> None:
        super().__init__(reservation_id=reservation_id, wanted=wanted, ends_at=ends_at)
        self.reservation_id = reservation_id
        self.wanted = wanted
        self.ends_at = ends_at


class NothingLeft(InvalidRequest):
    """A reservation is to end before its start, or in the past: nothing of it would be left."""

    code = "nothing_left"

    def __init__(self, reservation_id: int, wanted: datetime) -> None:
        super().__init__(reservation_id=reservation_id, wanted=wanted)
        self.reservation_id = reservation_id
        self.wanted = wanted


class ReservationStarted(Conflict):
    """The reservation has started: its end can be changed, its start no more."""

    code = "reservation_started"

    def __init__(self, reservation_id: int, starts_at: datetime) -> None:
        super().__init__(reservation_id=reservation_id, starts_at=starts_at)
        self.reservation_id = reservation_id
        self.starts_at = starts_at


class NotBookedYet(Conflict):
    """The reservation waits for somebody's answer; ``state`` says for which."""

    code = "not_booked_yet"

    def __init__(self, reservation_id: int, state: str) -> None:
        super().__init__(reservation_id=reservation_id, state=state)
        self.reservation_id = reservation_id
        self.state = state


class MaintenanceStays(Conflict):
    """Maintenance keeps the window that it was planned for: others have made room for just that."""

    code = "maintenance_stays"

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class HostDoesNotAnswer(Unavailable):
    """The host of a run is silent, so that it cannot be told of an earlier end."""

    code = "host_does_not_answer"

    def __init__(self, reservation_id: int, host_name: str) -> None:
        super().__init__(reservation_id=reservation_id, host_name=host_name)
        self.reservation_id = reservation_id
        self.host_name = host_name
