"""Hosts and GPUs in and out of service: maintenance, drained, broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, model_validator

from bot.domain.errors import ReservationOver
from bot.domain.maintenance import Effects, MaintenancePlan, MaintenanceWish, Outages
from bot.domain.people import Member
from bot.domain.teams import HostView
from bot.ports.use_cases import UseCaseRunner
from bot.services import booking, hardware, host_list, maintenance, queries
from bot.web.api.answers import ReservationAnswer
from bot.web.api.door import Number, RequestKey, key_of
from bot.web.api.wishes import LONGEST_S, Instant, ReasonWish, Text, Wish, Word

HostName = Annotated[str, Path(min_length=1, max_length=200, description="such as host2")]
Names = Annotated[list[Word], Field(min_length=1, max_length=1000)]


class BlockWish(Wish):
    """Hosts and GPUs that nobody shall use for a time, exactly as long as said."""

    targets: Names
    start: Instant | None = Field(None, description="now, when it is left out")
    end: Instant | None = None
    length_s: int | None = Field(None, ge=1, le=LONGEST_S)
    reason: Text = ""

    @model_validator(mode="after")
    def _length_or_end(self) -> Self:
        if (self.end is None) == (self.length_s is None):
            raise ValueError("give either length_s or end")
        if self.end is not None and self.start is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    def wish(self, now: datetime, request_key: str | None) -> MaintenanceWish:
        """Return the wish for the services."""
        length = timedelta(seconds=self.length_s or 0)
        if self.end is not None:
            length = self.end - (self.start or now)
        return MaintenanceWish(tuple(self.targets), length, self.start, self.reason, request_key)


class BrokenWish(Wish):
    """GPUs by name, or hosts for all of theirs, and what is wrong with them."""

    names: Names
    reason: Text = ""


class RepairedWish(Wish):
    """GPUs by name, or hosts for all of theirs."""

    names: Names


class EffectsAnswer(BaseModel):
    """What became of reservations in the way, by their numbers."""

    moved: list[int]
    asked: list[int]
    shortened: list[int]
    warned: list[int]

    @classmethod
    def of(cls, effects: Effects) -> EffectsAnswer:
        """Return the answer for a value."""
        return cls(
            moved=list(effects.moved),
            asked=list(effects.asked),
            shortened=list(effects.shortened),
            warned=list(effects.warned),
        )


class BlockAnswer(BaseModel):
    """Maintenance as it was planned, and what that did."""

    reservation: ReservationAnswer
    effects: EffectsAnswer

    @classmethod
    def of(cls, plan: MaintenancePlan) -> BlockAnswer:
        """Return the answer for a value."""
        return cls(
            reservation=ReservationAnswer.of(plan.view), effects=EffectsAnswer.of(plan.effects)
        )


class OutagesAnswer(BaseModel):
    """All that is out of service now or later."""

    maintenance: list[ReservationAnswer]
    drained_hosts: list[str]
    broken_gpus: list[str]
    absent_gpus: list[str]

    @classmethod
    def of(cls, outages: Outages) -> OutagesAnswer:
        """Return the answer for a value."""
        return cls(
            maintenance=[ReservationAnswer.of(view) for view in outages.windows],
            drained_hosts=list(outages.drained_hosts),
            broken_gpus=list(outages.broken_gpus),
            absent_gpus=list(outages.absent_gpus),
        )


class HostAnswer(BaseModel):
    """A host as administrators see it."""

    name: str
    online: bool
    drained_at: datetime | None
    agent_version: str
    last_seen_at: datetime
    gpu_models: list[str]
    gpu_count: int
    broken_count: int

    @classmethod
    def of(cls, view: HostView) -> HostAnswer:
        """Return the answer for a value."""
        return cls(
            name=view.name,
            online=view.online,
            drained_at=view.drained_at,
            agent_version=view.agent_version,
            last_seen_at=view.last_seen_at,
            gpu_models=list(view.models),
            gpu_count=view.gpu_count,
            broken_count=view.broken_count,
        )


class HostList(BaseModel):
    """Every host, by name."""

    hosts: list[HostAnswer]


class RepairedAnswer(BaseModel):
    """How many GPUs are back that were out of service."""

    repaired: int


class DrainAnswer(BaseModel):
    """Whether the host is drained now, and whether that is new."""

    host: str
    drained: bool
    changed: bool


def maintenance_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of maintenance."""
    router = APIRouter(prefix="/maintenance", tags=["operate"])

    @router.get("", dependencies=[door], summary="All that is out of service, now or later")
    async def listed() -> OutagesAnswer:
        return OutagesAnswer.of(await run(hardware.out_of_service))

    @router.post("", status_code=201, summary="Keep everybody off hosts or GPUs for a time")
    async def plan(
        wish: BlockWish, member: Member = door, request_key: RequestKey = None
    ) -> BlockAnswer:
        # First of all: who may not plan it need not learn what else is wrong with the wish.
        maintenance.require_admin(member, "plan maintenance")
        form = await run(queries.booking_form)
        asked = wish.wish(form.now, key_of(member, request_key))
        return BlockAnswer.of(await run(maintenance.plan, member, asked))

    @router.post("/{number}/call-off", summary="Let maintenance not be, or end now")
    async def call_off(
        number: Number, wish: ReasonWish, member: Member = door
    ) -> ReservationAnswer:
        await run(hardware.maintenance_of, number)
        try:
            view = await run(booking.cancel, member, number, wish.reason)
        except ReservationOver:
            # Asked for again, or over by itself: it is as it was wished to be.
            view = await run(hardware.maintenance_of, number)
        return ReservationAnswer.of(view)

    return router


def hardware_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of hosts and GPUs in and out of service."""
    router = APIRouter(tags=["operate"])

    @router.get("/hosts", dependencies=[door], summary="Every host: whether it answers, its agent")
    async def hosts() -> HostList:
        return HostList(hosts=[HostAnswer.of(one) for one in await run(host_list.list_hosts)])

    @router.post("/hosts/{name}/drain", summary="Let nothing new onto a host")
    async def drain(name: HostName, wish: ReasonWish, member: Member = door) -> DrainAnswer:
        changed = await run(hardware.drain, member, name, wish.reason)
        return DrainAnswer(host=name, drained=True, changed=changed)

    @router.post("/hosts/{name}/undrain", summary="Let a host be booked again")
    async def undrain(name: HostName, member: Member = door) -> DrainAnswer:
        changed = await run(hardware.undrain, member, name)
        return DrainAnswer(host=name, drained=False, changed=changed)

    @router.post("/gpus/broken", summary="Take GPUs out of service")
    async def broken(wish: BrokenWish, member: Member = door) -> EffectsAnswer:
        effects = await run(hardware.mark_broken, member, wish.names, wish.reason)
        return EffectsAnswer.of(effects)

    @router.post("/gpus/repaired", summary="Take GPUs back into service")
    async def repaired(wish: RepairedWish, member: Member = door) -> RepairedAnswer:
        count = await run(hardware.mark_repaired, member, wish.names)
        return RepairedAnswer(repaired=count)

    return router
