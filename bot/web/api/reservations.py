"""GPUs and reservations: look, book, change, give back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from bot.domain.errors import ReservationOver
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import booking, changing, queries
from bot.web.api.answers import GpuList, ReservationAnswer, ReservationList, StatusAnswer
from bot.web.api.door import Number, RequestKey, key_of
from bot.web.api.wishes import CancelWish, EndWish, ReservationWish, StartWish

MOST_LISTED = 500


def looking(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes that only look."""
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


def booking_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes that book and give back."""
    router = APIRouter(tags=["book"])

    @router.post("/reservations", status_code=201, summary="Book GPUs")
    async def book(
        wish: ReservationWish, member: Member = door, request_key: RequestKey = None
    ) -> ReservationAnswer:
        form = await run(queries.booking_form)
        key = key_of(member, request_key)
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


def changing_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes that change what is booked."""
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
