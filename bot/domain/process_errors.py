"""Errors of processes on GPUs that nobody booked; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from datetime import datetime

from bot.domain.error_branches import Conflict, InvalidRequest, NotFound


class InvalidUnixUser(InvalidRequest):
    """That cannot be the Unix user of a person; root is everybody's."""

    code = "invalid_unix_user"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name


class UnknownProcess(NotFound):
    """No process of that number was noticed."""

    code = "unknown_process"

    def __init__(self, process_id: int) -> None:
        super().__init__(process_id=process_id)
        self.process_id = process_id


class ProcessSettled(Conflict):
    """There is nothing left to decide; ``state`` says how it was settled (`ProcessState`)."""

    code = "process_settled"

    def __init__(self, process_id: int, state: str) -> None:
        super().__init__(process_id=process_id, state=state)
        self.process_id = process_id
        self.state = state


class CannotAdopt(Conflict):
    """The GPU of the process is somebody else's, until ``until``."""

    code = "cannot_adopt"

    def __init__(
        self, gpu_name: str, reservation_id: int, holder_slack_id: str, until: datetime
    ) -> None:
        super().__init__(
            gpu_name=gpu_name,
            reservation_id=reservation_id,
            holder_slack_id=holder_slack_id,
            until=until,
        )
        self.gpu_name = gpu_name
        self.reservation_id = reservation_id
        self.holder_slack_id = holder_slack_id
        self.until = until
