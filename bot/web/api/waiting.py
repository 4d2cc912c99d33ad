"""Waiting: for a window that is full, and for GPUs that are idle."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.waiting import WaitView
from bot.ports.use_cases import UseCaseRunner
from bot.services import queries, queue, waitlist
from bot.web.api.answers import ReservationAnswer
from bot.web.api.door import Number
from bot.web.api.wishes import GpusWish, RunWish, WindowWish


class JobWish(GpusWish):
    """A training shorter than a slot, for GPUs that are idle."""

    length_s: int = Field(ge=1, le=24 * 3600)
    run: RunWish = Field(default_factory=RunWish, description="as the operator has set it")

    def request(self, defaults: TrainingSpec) -> ReserveRequest:
        """Return the request for the services.

        Raises:
            InvalidRunSpec: the training has faults.
        """
        return ReserveRequest(
            length=timedelta(seconds=self.length_s),
            gpu_count=self.gpu_count,
            gpu_names=tuple(self.gpu_names),
            gpu_type=self.gpu_type,
            run=self.run.checked(defaults),
            note=self.note,
        )


class WaitAnswer(BaseModel):
    """A place: `place` is 1 for who comes first; `reservation_id` holds the window offered."""

    id: int
    kind: str
    state: str
    slack_user_id: str
    gpu_count: int
    gpu_type: str | None
    gpu_names: list[str]
    length_s: float
    note: str
    since: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    place: int
    ahead: list[str]
    reservation_id: int | None
    offered_until: datetime | None
    expires_at: datetime | None
    expected_start: datetime | None

    @classmethod
    def of(cls, view: WaitView) -> WaitAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.wait_id,
            kind=view.kind.value,
            state=view.state.value,
            slack_user_id=view.slack_user_id,
            gpu_count=view.request.gpu_count,
            gpu_type=view.request.gpu_type,
            gpu_names=list(view.request.gpu_names),
            length_s=view.request.length.total_seconds(),
            note=view.request.note,
            since=view.since,
            starts_at=view.window.start if view.window else None,
            ends_at=view.window.end if view.window else None,
            place=view.place,
            ahead=list(view.ahead),
            reservation_id=view.held,
            offered_until=view.offered_until,
            expires_at=view.expires_at,
            expected_start=view.expected_start,
        )


class Waitlist(BaseModel):
    """Places on the waitlist, in turn."""

    waitlist: list[WaitAnswer]


class Queue(BaseModel):
    """Everything in the queue, in turn."""

    queue: list[WaitAnswer]


def waitlist_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of the waitlist."""
    router = APIRouter(prefix="/waitlist", tags=["wait"])

    @router.get("", summary="Your places, in turn")
    async def listed(member: Member = door) -> Waitlist:
        views = await run(waitlist.mine, member)
        return Waitlist(waitlist=[WaitAnswer.of(view) for view in views])

    @router.post("", status_code=201, summary="Wait for a window that is full")
    async def join(wish: WindowWish, member: Member = door) -> WaitAnswer:
        form = await run(queries.booking_form)
        request = wish.request(form.now, form.run_defaults, None)
        return WaitAnswer.of(await run(waitlist.join, member, request))

    @router.post("/{number}/accept", summary="Take the window that is offered")
    async def accept(number: Number, member: Member = door) -> ReservationAnswer:
        return ReservationAnswer.of(await run(waitlist.accept, member, number))

    @router.post("/{number}/decline", summary="Say no to the window that is offered")
    async def decline(number: Number, member: Member = door) -> WaitAnswer:
        return WaitAnswer.of(await run(waitlist.decline, member, number))

    @router.post("/{number}/leave", summary="Give up a place")
    async def leave(number: Number, member: Member = door) -> WaitAnswer:
        return WaitAnswer.of(await run(waitlist.leave, member, number))

    return router


def queue_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of the queue."""
    router = APIRouter(prefix="/queue", tags=["wait"])

    @router.get("", dependencies=[door], summary="The whole queue, in turn")
    async def listed() -> Queue:
        return Queue(queue=[WaitAnswer.of(view) for view in await run(queue.line)])

    @router.post("", status_code=201, summary="Queue a training shorter than a slot")
    async def join(wish: JobWish, member: Member = door) -> WaitAnswer:
        form = await run(queries.booking_form)
        return WaitAnswer.of(await run(queue.join, member, wish.request(form.run_defaults)))

    @router.post("/{number}/leave", summary="Take a job out of the queue")
    async def leave(number: Number, member: Member = door) -> WaitAnswer:
        return WaitAnswer.of(await run(queue.leave, member, number))

    return router
