"""The API below ``/api/v1``, put together from its areas: each route is one use case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

import bot
from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.web.api import (
    answering,
    audit,
    going_on,
    handovers,
    incidents,
    outages,
    people,
    plan,
    preemptions,
    processes,
    reports,
    reservations,
    runs,
    series,
    templates,
    timeline,
    waiting,
)
from bot.web.api.door import PREFIX, REFUSALS, Door
from bot.web.api.refusals import SentenceIn, SentenceOf, answer_refusals
from bot.web.api.size_limit import SizeLimit
from bot.web.sign_in import StandingOf

__all__ = ["AREAS", "PREFIX", "REFUSALS", "api_app"]

Area = Callable[[UseCaseRunner, Any], APIRouter]
"""Makes the routes of an area: of the runner of use cases, and the dependency that is the member
who asks (``member: Member = door``)."""

AREAS: tuple[Area, ...] = (
    reservations.looking,
    reservations.booking_routes,
    reservations.changing_routes,
    handovers.transfer_routes,
    handovers.swap_routes,
    waiting.waitlist_routes,
    waiting.queue_routes,
    series.series_routes,
    answering.approval_routes,
    answering.usage_routes,
    plan.plan_routes,
    outages.maintenance_routes,
    outages.hardware_routes,
    people.people_routes,
    people.team_routes,
    runs.run_routes,
    runs.run_file_routes,
    going_on.going_on_routes,
    templates.template_routes,
    preemptions.preemption_routes,
    processes.process_routes,
    incidents.incident_routes,
    timeline.timeline_routes,
    audit.audit_routes,
    reports.report_routes,
)
"""Every area of the API; a route that stands in none does not exist."""


def api_app(
    run: UseCaseRunner,
    sentence_of: SentenceOf,
    standing_of: StandingOf | None = None,
    artifacts: ArtifactStore | None = None,
    sentence_in: SentenceIn | None = None,
) -> FastAPI:
    """Return the application to mount at ``/api/v1``; every route asks who comes.

    Programs show a member's token, pages the session of their browser. Files of runs come from
    ``artifacts``.
    """
    app = FastAPI(
        title="Berth",
        version=bot.__version__,
        description="Book and change reservations of GPUs as the member whose token is used.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.artifacts = artifacts
    answer_refusals(app, sentence_of, sentence_in)
    app.add_middleware(SizeLimit)
    door: Any = Depends(Door(run, standing_of))
    for area in AREAS:
        app.include_router(area(run, door), responses=REFUSALS)
    return app
