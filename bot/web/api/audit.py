"""The API of the audit log: searching it, and taking it away as JSON lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from bot.domain.audit_views import AuditFilter, AuditLine
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import audit_search
from bot.web.api.wishes import Instant, Text

JSON_LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/x-ndjson": {}}, "description": "one event in a line"}
}


class AuditEventAnswer(BaseModel):
    """Who did what to which thing, when, and why.

    ``sha256`` is the head of the chain after the event, empty while it is not sealed yet.
    """

    id: int
    at: datetime
    actor_type: str
    actor: str
    actor_name: str
    action: str
    subject_type: str
    subject_id: int
    reason: str
    data: dict[str, Any]
    sha256: str

    @classmethod
    def of(cls, line: AuditLine) -> AuditEventAnswer:
        """Return an event's answer."""
        return cls(
            id=line.event_id,
            at=line.at,
            actor_type=line.actor_kind,
            actor=line.actor,
            actor_name=line.actor_name,
            action=line.action,
            subject_type=line.subject_kind,
            subject_id=line.subject_id,
            reason=line.reason,
            data=dict(line.data),
            sha256=line.sha256,
        )


class AuditList(BaseModel):
    """Some events, the newest first; ``cursor`` asks for the next ones, and is None at the end."""

    events: list[AuditEventAnswer]
    cursor: int | None


def asked_filter(
    who: Annotated[Text, Query(description="a Slack user id, a name or a host")] = "",
    subject_type: Annotated[Text, Query(description="`reservation`, `run`, `team`, …")] = "",
    subject_id: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    action: Annotated[Text, Query(description="how it begins: `reservation.cancelled`")] = "",
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query(description="before this instant")] = None,
) -> AuditFilter:
    """Return the filter that a request's query asks for."""
    return AuditFilter(who, subject_type, subject_id, action, since, until)


Wanted = Annotated[AuditFilter, Depends(asked_filter)]


def audit_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of the audit log."""
    router = APIRouter(prefix="/audit", tags=["audit"])

    @router.get("", summary="Who did what, when and why, as far as you may see it")
    async def found(
        wanted: Wanted,
        member: Member = door,
        cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=audit_search.MOST_LISTED)] = 50,
    ) -> AuditList:
        page = await run(audit_search.search, member, wanted, cursor, limit)
        return AuditList(
            events=[AuditEventAnswer.of(line) for line in page.lines], cursor=page.cursor
        )

    @router.get(
        "/export",
        response_class=StreamingResponse,
        responses=JSON_LINES,
        summary="The same as JSON lines, the oldest first, all of them",
    )
    async def exported(wanted: Wanted, member: Member = door) -> StreamingResponse:
        return StreamingResponse(
            _exported(run, member, wanted),
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="berth-audit.jsonl"'},
        )

    return router


async def _exported(run: UseCaseRunner, member: Member, wanted: AuditFilter) -> AsyncIterator[str]:
    after_id = 0
    while lines := await run(audit_search.export, member, wanted, after_id):
        yield "".join(json_line(line) for line in lines)
        after_id = lines[-1].event_id


def json_line(line: AuditLine) -> str:
    """Return an event as one line of JSON."""
    answer = AuditEventAnswer.of(line).model_dump(mode="json")
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n"
