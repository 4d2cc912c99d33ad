"""The routes below ``/api/v1``: each is one use case of the services."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import bot
from bot.domain.errors import ReservationOver, TokenRefused
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import booking, changing, queries, tokens
from bot.web.api.answers import (
    ErrorAnswer,
    GpuList,
    ReservationAnswer,
    ReservationList,
    StatusAnswer,
)
from bot.web.api.refusals import SentenceOf, answer_refusals
from bot.web.api.size_limit import SizeLimit
from bot.web.api.wishes import CancelWish, EndWish, ReservationWish, StartWish

PREFIX = "/api/v1"
MOST_LISTED = 500

Number = Annotated[int, Path(ge=1, le=2**53, description="12 for what people call R12")]
RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="names this asking: sent again with the same key, it changes nothing more",
    ),
]
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": what}
    for status, what in {
        401: "the token is unknown, revoked or not a member's",
        403: "the member may not do that",
        404: "there is no such thing",
        409: "the world does not allow it now; what fits instead is in `alternatives`",
        413: "the body is too large",
        422: "the request makes no sense",
        503: "try again",
    }.items()
}


def api_app(run: UseCaseRunner, sentence_of: SentenceOf) -> FastAPI:
    """Return the application to mount at ``/api/v1``; every route asks for a member's token."""
    app = FastAPI(
        title="Berth",
        version=bot.__version__,
        description="Book and change reservations of GPUs as the member whose token is used.",
        docs_url=None,
        redoc_url=None,
    )
    answer_refusals(app, sentence_of)
    app.add_middleware(SizeLimit)
    app.include_router(_looking(run), responses=REFUSALS)
    app.include_router(_booking(run), responses=REFUSALS)
    app.include_router(_changing(run), responses=REFUSALS)
    return app


class _Door:
    """Finds out who asks."""

    def __init__(self, run: UseCaseRunner) -> None:
        self._run = run

    async def __call__(
        self,
        bearer: Annotated[
            HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))
        ],
    ) -> Member:
        """Return the member as whom the token acts.

        Raises:
            TokenRefused: there is none, or it is not a member's.
        """
        if bearer is None:
            raise TokenRefused
        return await self._run(tokens.member_of_token, bearer.credentials)


def _looking(run: UseCaseRunner) -> APIRouter:
    door: Any = Depends(_Door(run))
    router = APIRouter(tags=["look"])

    @router.get("/status", dependencies=[door], summary="Every host and GPU now")
    async def status() -> StatusAnswer:
        return StatusAnswer.of(await run(queries.status))

    @router.get("/gpus", dependencies=[door], summary="Every GPU, who holds it and who is next")
    async def gpus() -> GpuList:
        return GpuList.of(await run(queries.status))

    @router.get("/reservations", summary="Reservations that are not over, by start")
    async def reservations(
        *,
        member: Member = door,
        mine: Annotated[bool, Query(description="`false` lists everybody's")] = True,
    ) -> ReservationList:
        views = await (run(queries.mine, member) if mine else run(queries.everybodys, MOST_LISTED))
        return ReservationList(reservations=[ReservationAnswer.of(view) for view in views])

    @router.get("/reservations/{number}", dependencies=[door], summary="One reservation")
    async def reservation(number: Number) -> ReservationAnswer:
        return ReservationAnswer.of(await run(queries.reservation, number))

    return router


def _booking(run: UseCaseRunner) -> APIRouter:
    door: Any = Depends(_Door(run))
    router = APIRouter(tags=["book"])

    @router.post("/reservations", status_code=201, summary="Book GPUs")
    async def book(
        wish: ReservationWish, member: Member = door, request_key: RequestKey = None
    ) -> ReservationAnswer:
        form = await run(queries.booking_form)
        key = _key(member, request_key)
        request = wish.request(form.now, form.run_defaults, key)
        return ReservationAnswer.of(await run(booking.reserve, member, request))

    @router.post("/reservations/{number}/cancel", summary="Cancel or release")
    async def cancel(number: Number, wish: CancelWish, member: Member = door) -> ReservationAnswer:
        try:
            view = await run(booking.cancel, member, number, wish.reason)
        except ReservationOver:
            # Asked for again, or over by itself: it is as it was wished to be.
            view = await run(queries.reservation, number)
        return ReservationAnswer.of(view)

    return router


def _changing(run: UseCaseRunner) -> APIRouter:
    door: Any = Depends(_Door(run))
    router = APIRouter(tags=["change"])

    @router.post("/reservations/{number}/extend", summary="Go on until a later end")
    async def extend(number: Number, wish: EndWish, member: Member = door) -> ReservationAnswer:
        view = await run(changing.extend, member, number, wish.until)
        return ReservationAnswer.of(view)

    @router.post("/reservations/{number}/shorten", summary="End sooner")
    async def shorten(number: Number, wish: EndWish, member: Member = door) -> ReservationAnswer:
        view = await run(changing.shorten, member, number, wish.until)
        return ReservationAnswer.of(view)

    @router.post("/reservations/{number}/move", summary="Move to another start, as long as before")
    async def move(number: Number, wish: StartWish, member: Member = door) -> ReservationAnswer:
        view = await run(changing.move, member, number, wish.start)
        return ReservationAnswer.of(view)

    return router


def _key(member: Member, request_key: str | None) -> str | None:
    return None if request_key is None else f"api:{member.member_id}:{request_key}"
