"""Answers that others wait for: approvals, and whether idle GPUs are still needed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import approvals, offer_lists, usage
from bot.web.api.answers import ReservationAnswer, ReservationList
from bot.web.api.door import Number
from bot.web.api.wishes import Instant, ReasonWish, Wish


class ReleaseWish(Wish):
    """When the GPUs are released: now, or at a sooner slot boundary than booked."""

    at: Instant | None = None


class KeptAnswer(BaseModel):
    """A reservation that is kept, and for how long nobody asks again."""

    reservation: ReservationAnswer
    kept_for_s: float


def approval_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of approvals."""
    router = APIRouter(prefix="/approvals", tags=["approve"])

    @router.get("", summary="What waits for approval: your own, and what you may decide")
    async def listed(member: Member = door) -> ReservationList:
        views = await run(offer_lists.open_approvals, member)
        return ReservationList(reservations=[ReservationAnswer.of(view) for view in views])

    @router.post("/{number}/approve", summary="Approve a request")
    async def approve(number: Number, member: Member = door) -> ReservationAnswer:
        return ReservationAnswer.of(await run(approvals.approve, member, number))

    @router.post("/{number}/decline", summary="Decline a request")
    async def decline(number: Number, wish: ReasonWish, member: Member = door) -> ReservationAnswer:
        return ReservationAnswer.of(await run(approvals.decline, member, number, wish.reason))

    return router


def usage_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of questions about the use of GPUs."""
    router = APIRouter(prefix="/usage-checks", tags=["usage"])

    @router.get("", summary="Your reservations whose GPUs do nothing")
    async def listed(member: Member = door) -> ReservationList:
        views = await run(offer_lists.open_usage_checks, member)
        return ReservationList(reservations=[ReservationAnswer.of(view) for view in views])

    @router.post("/{number}/keep", summary="Keep the GPUs")
    async def keep(number: Number, member: Member = door) -> KeptAnswer:
        kept = await run(usage.keep, member, number)
        return KeptAnswer(
            reservation=ReservationAnswer.of(kept.view), kept_for_s=kept.kept_for.total_seconds()
        )

    @router.post("/{number}/release", summary="Release the GPUs, now or at a sooner end")
    async def release(
        number: Number, wish: ReleaseWish, member: Member = door
    ) -> ReservationAnswer:
        if wish.at is None:
            return ReservationAnswer.of(await run(usage.release, member, number))
        return ReservationAnswer.of(await run(usage.release_at, member, number, wish.at))

    return router
