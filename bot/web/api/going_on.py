"""Trainings that go on: in the next free window, or once more after they failed or were stopped."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import continuing, retries
from bot.web.api.answers import ReservationAnswer
from bot.web.api.door import Number, RequestKey, key_of
from bot.web.api.wishes import Wish


class ContinueWish(Wish):
    """Whether to stop now, and not at the end of the reservation."""

    now: bool = False


class RetryWish(Wish):
    """With which batch, in images; the one that it has, when it is left out."""

    batch: int | None = Field(None, ge=1, le=retries.LARGEST_BATCH)


def going_on_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes that let trainings go on."""
    router = APIRouter(tags=["trainings"])

    @router.post(
        "/reservations/{number}/continue", summary="Let a training go on in the next free window"
    )
    async def continue_run(
        number: Number, wish: ContinueWish, key: RequestKey = None, member: Member = door
    ) -> ReservationAnswer:
        view = await run(
            continuing.stop_and_continue, member, number, key_of(member, key), now=wish.now
        )
        return ReservationAnswer.of(view)

    @router.post("/reservations/{number}/retry", summary="Try a training again")
    async def retry(number: Number, wish: RetryWish, member: Member = door) -> ReservationAnswer:
        return ReservationAnswer.of(await run(retries.retry, member, number, wish.batch))

    return router
