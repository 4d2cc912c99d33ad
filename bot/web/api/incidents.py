"""The API of incidents: what is wrong with hosts and GPUs now, and what was."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from bot.domain.incidents import IncidentView
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import incident_views, incidents
from bot.web.api.door import Number


class IncidentAnswer(BaseModel):
    """An incident; ``value`` and ``worst`` are degrees, per cent, a count or a code by its kind."""

    id: int
    kind: str
    state: str
    host: str
    gpu: str | None
    gpu_uuid: str | None
    value: float | None
    worst: float | None
    times: int
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_by_slack_id: str
    reservation_ids: list[int]

    @classmethod
    def of(cls, view: IncidentView) -> IncidentAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.incident_id,
            kind=view.kind.value,
            state=view.state.value,
            host=view.host_name,
            gpu=view.gpu_name or None,
            gpu_uuid=view.gpu_uuid or None,
            value=view.value,
            worst=view.worst,
            times=view.times,
            opened_at=view.opened_at,
            resolved_at=view.resolved_at,
            acknowledged_by_slack_id=view.acknowledged_by_slack_id,
            reservation_ids=[one.reservation_id for one in view.holders],
        )


class IncidentList(BaseModel):
    """Incidents: those that go on, the oldest first, or those of some days, the newest first."""

    incidents: list[IncidentAnswer]


def incident_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of incidents."""
    router = APIRouter(tags=["incidents"])

    @router.get("/incidents", dependencies=[door], summary="What is wrong with hosts and GPUs")
    async def listed(
        days: Annotated[
            int | None, Query(ge=1, le=366, description="Also what is over, for so many days")
        ] = None,
    ) -> IncidentList:
        if days is None:
            found = await run(incident_views.open_ones)
        else:
            found = await run(incident_views.history, days)
        return IncidentList(incidents=[IncidentAnswer.of(one) for one in found])

    @router.post("/incidents/{number}/acknowledge", summary="Admins: I look after it")
    async def acknowledge(number: Number, member: Member = door) -> IncidentAnswer:
        return IncidentAnswer.of(await run(incidents.acknowledge, member, number))

    return router
