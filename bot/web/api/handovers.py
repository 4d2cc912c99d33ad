"""Handing over: a reservation offered to somebody else, and two holders who exchange theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from bot.domain.handovers import SwapView, TransferView
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import offer_lists, people, swaps, transfers
from bot.web.api.answers import ReservationAnswer
from bot.web.api.door import Number
from bot.web.api.wishes import ReasonWish, SlackUserId, Text, Wish


class TransferWish(Wish):
    """A reservation, and who shall have it."""

    reservation_id: int = Field(ge=1, le=2**53)
    to: SlackUserId
    reason: Text = ""


class TransferAnswer(BaseModel):
    """An offer to take a reservation over; `reservation` is shown as it is now."""

    id: int
    state: str
    reservation: ReservationAnswer
    from_slack_id: str
    to_slack_id: str
    expires_at: datetime
    reason: str

    @classmethod
    def of(cls, view: TransferView) -> TransferAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.transfer_id,
            state=view.state.value,
            reservation=ReservationAnswer.of(view.reservation),
            from_slack_id=view.from_slack_id,
            to_slack_id=view.to_slack_id,
            expires_at=view.expires_at,
            reason=view.reason,
        )


class TransferList(BaseModel):
    """Open offers, oldest first."""

    transfers: list[TransferAnswer]


class SwapWish(Wish):
    """One's own reservation, and the one that is wanted for it."""

    mine: int = Field(ge=1, le=2**53)
    theirs: int = Field(ge=1, le=2**53)
    reason: Text = ""


class SwapAcceptance(Wish):
    """Agreement; with the `version` of both, to those as they were seen and to no others."""

    first_version: int | None = Field(None, ge=1, le=2**53)
    second_version: int | None = Field(None, ge=1, le=2**53)

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.first_version is None) != (self.second_version is None):
            raise ValueError("give both versions or none")
        return self

    @property
    def seen(self) -> swaps.Versions | None:
        """The versions that were seen, or None where that does not matter."""
        if self.first_version is None or self.second_version is None:
            return None
        return (self.first_version, self.second_version)


class SwapAnswer(BaseModel):
    """A proposal to exchange two reservations; the holder of `second` is asked."""

    id: int
    state: str
    first: ReservationAnswer
    second: ReservationAnswer
    proposed_by_slack_id: str
    expires_at: datetime
    reason: str

    @classmethod
    def of(cls, view: SwapView) -> SwapAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.swap_id,
            state=view.state.value,
            first=ReservationAnswer.of(view.first),
            second=ReservationAnswer.of(view.second),
            proposed_by_slack_id=view.proposed_by_slack_id,
            expires_at=view.expires_at,
            reason=view.reason,
        )


class SwapList(BaseModel):
    """Open proposals, oldest first."""

    swaps: list[SwapAnswer]


def transfer_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of transfers."""
    router = APIRouter(prefix="/transfers", tags=["hand over"])

    @router.get("", summary="Open offers to you, and those of what you hold")
    async def listed(member: Member = door) -> TransferList:
        views = await run(offer_lists.open_transfers, member)
        return TransferList(transfers=[TransferAnswer.of(view) for view in views])

    @router.post("", status_code=201, summary="Offer a reservation to another member")
    async def offer(wish: TransferWish, member: Member = door) -> TransferAnswer:
        to = await run(people.known, wish.to)
        view = await run(transfers.offer, member, wish.reservation_id, to, wish.reason)
        return TransferAnswer.of(view)

    @router.get("/{number}", dependencies=[door], summary="One offer")
    async def one(number: Number) -> TransferAnswer:
        return TransferAnswer.of(await run(transfers.look_up, number))

    @router.post("/{number}/accept", summary="Take a reservation over")
    async def accept(number: Number, member: Member = door) -> TransferAnswer:
        return TransferAnswer.of(await run(transfers.accept, member, number))

    @router.post("/{number}/decline", summary="Leave a reservation with its holder")
    async def decline(number: Number, wish: ReasonWish, member: Member = door) -> TransferAnswer:
        return TransferAnswer.of(await run(transfers.decline, member, number, wish.reason))

    @router.post("/{number}/withdraw", summary="Take an offer back")
    async def withdraw(number: Number, member: Member = door) -> TransferAnswer:
        return TransferAnswer.of(await run(transfers.withdraw, member, number))

    return router


def swap_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of swaps."""
    router = APIRouter(prefix="/swaps", tags=["hand over"])

    @router.get("", summary="Open proposals about your reservations")
    async def listed(member: Member = door) -> SwapList:
        views = await run(offer_lists.open_swaps, member)
        return SwapList(swaps=[SwapAnswer.of(view) for view in views])

    @router.post("", status_code=201, summary="Propose to exchange two reservations")
    async def propose(wish: SwapWish, member: Member = door) -> SwapAnswer:
        view = await run(swaps.propose, member, wish.mine, wish.theirs, wish.reason)
        return SwapAnswer.of(view)

    @router.get("/{number}", dependencies=[door], summary="One proposal")
    async def one(number: Number) -> SwapAnswer:
        return SwapAnswer.of(await run(swaps.look_up, number))

    @router.post("/{number}/accept", summary="Exchange the two")
    async def accept(number: Number, wish: SwapAcceptance, member: Member = door) -> SwapAnswer:
        return SwapAnswer.of(await run(swaps.accept, member, number, wish.seen))

    @router.post("/{number}/decline", summary="Leave both as they are")
    async def decline(number: Number, wish: ReasonWish, member: Member = door) -> SwapAnswer:
        return SwapAnswer.of(await run(swaps.decline, member, number, wish.reason))

    @router.post("/{number}/withdraw", summary="Take a proposal back")
    async def withdraw(number: Number, member: Member = door) -> SwapAnswer:
        return SwapAnswer.of(await run(swaps.withdraw, member, number))

    return router
