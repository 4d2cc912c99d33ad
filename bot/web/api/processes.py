"""The API of processes on GPUs that no booking explains."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from bot.domain.people import Member
from bot.domain.processes import ProcessView
from bot.ports.use_cases import UseCaseRunner
from bot.services import process_answers, process_views
from bot.web.api.door import Number


class ProcessGpu(BaseModel):
    """A GPU that a process is on, and who has booked it now."""

    name: str
    reservation_id: int | None
    holder_slack_id: str


class ProcessAnswer(BaseModel):
    """A process as its host tells of it; memory in MiB over all its GPUs."""

    id: int
    state: str
    host: str
    pid: int
    user: str
    command: str
    started_at: datetime | None
    first_seen_at: datetime
    memory_mib: float | None
    gpus: list[ProcessGpu]
    likely_slack_id: str
    denied_by: list[str]
    stop_asked_by: str
    stop_outcome: str

    @classmethod
    def of(cls, view: ProcessView) -> ProcessAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.process_id,
            state=view.state.value,
            host=view.host_name,
            pid=view.pid,
            user=view.user,
            command=view.command,
            started_at=view.started_at,
            first_seen_at=view.first_seen_at,
            memory_mib=view.memory_mib,
            gpus=[
                ProcessGpu(
                    name=gpu.name,
                    reservation_id=gpu.reservation_id,
                    holder_slack_id=gpu.holder_slack_id,
                )
                for gpu in view.gpus
            ],
            likely_slack_id=view.likely_slack_id,
            denied_by=list(view.denied_by),
            stop_asked_by=view.stop_asked_by,
            stop_outcome=view.stop_outcome,
        )


class ProcessList(BaseModel):
    """Processes that no booking explains now, the oldest first."""

    processes: list[ProcessAnswer]


class AdoptedAnswer(BaseModel):
    """A process that is the member's now, and the reservation made for it, if one was."""

    process: ProcessAnswer
    reservation_id: int | None


def process_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of processes that no booking explains."""
    router = APIRouter(tags=["processes"])

    @router.get("/processes", dependencies=[door], summary="Processes without a booking")
    async def listed() -> ProcessList:
        found = await run(process_views.open_ones)
        return ProcessList(processes=[ProcessAnswer.of(one) for one in found])

    @router.post("/processes/{number}/adopt", summary="It is mine: book its free GPUs")
    async def adopt(number: Number, member: Member = door) -> AdoptedAnswer:
        adopted = await run(process_answers.adopt, member, number)
        return AdoptedAnswer(
            process=ProcessAnswer.of(adopted.view), reservation_id=adopted.reservation_id
        )

    @router.post("/processes/{number}/deny", summary="It is not mine")
    async def deny(number: Number, member: Member = door) -> ProcessAnswer:
        return ProcessAnswer.of(await run(process_answers.deny, member, number))

    @router.post("/processes/{number}/stop", summary="Admins: send it SIGTERM")
    async def stop(number: Number, member: Member = door) -> ProcessAnswer:
        return ProcessAnswer.of(await run(process_answers.stop, member, number))

    return router
