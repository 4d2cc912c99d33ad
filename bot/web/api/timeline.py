"""The timeline: everything in a window, and when there is something new."""

from __future__ import annotations

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.timeline import Filters, Timeline
from bot.ports.use_cases import UseCaseRunner
from bot.services import timeline
from bot.web.api.timeline_answers import RevisionAnswer, TimelineAnswer
from bot.web.api.timeline_watch import TimelineWatch
from bot.web.api.wishes import Instant, Text

WORTH_PACKING_BYTES = 4096
LONGEST_WAIT_S = 25.0


def timeline_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of the timeline."""
    router = APIRouter(tags=["look"])
    watch = TimelineWatch(run)

    @router.get("/timeline", summary="Who has which GPU when", response_model=TimelineAnswer)
    async def snapshot(
        request: Request,
        *,
        member: Member = door,
        start: Annotated[Instant | None, Query(description="now, when it is left out")] = None,
        end: Annotated[Instant | None, Query(description="30 days later; at most 62")] = None,
        team: Annotated[Text, Query(description="that team's alone")] = "",
        host: Annotated[Text, Query(description="that host's GPUs alone")] = "",
        model: Annotated[Text, Query(description="GPUs of that model alone")] = "",
        priority: Annotated[Priority | None, Query()] = None,
    ) -> Response:
        filters = Filters(team, host, model, priority)
        shown: Timeline = await run(timeline.snapshot, member, start, end, filters)
        return _packed(request, TimelineAnswer.of(shown))

    @router.get("/timeline/revision", dependencies=[door], summary="Wait for a change")
    async def changes(
        known: Annotated[Text, Query(description="the revision at hand")] = "",
        timeout_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
    ) -> RevisionAnswer:
        return RevisionAnswer(revision=await watch.wait(known, timeout_s))

    return router


def _packed(request: Request, answer: TimelineAnswer) -> Response:
    """Return the answer as JSON, compressed where that is worth while and understood."""
    body = answer.model_dump_json().encode()
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    understood = "gzip" in request.headers.get("Accept-Encoding", "")
    if understood and len(body) > WORTH_PACKING_BYTES:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=5)
    return Response(body, media_type="application/json", headers=headers)
