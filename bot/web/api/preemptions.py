"""Preemption for programs: dry runs, asking, approving, and the answers of those who lose GPUs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bot.domain.people import Member
from bot.domain.preemption_views import PlanView, PreemptionView, VictimView
from bot.domain.priority import Priority
from bot.ports.use_cases import UseCaseRunner
from bot.services import preemption_answers, preemption_plans, preemptions, queries
from bot.web.api.answers import ReservationAnswer
from bot.web.api.door import Number, RequestKey, key_of
from bot.web.api.wishes import ReasonWish, WindowWish, Wish, Word


class PreemptionWish(WindowWish):
    """GPUs for a window, which others may hold."""

    priority: Priority = Priority.P0


class PlanSeen(Wish):
    """Which plan was seen: its digest."""

    digest: Word


class VictimAnswer(BaseModel):
    """What one reservation would lose, and where it goes on."""

    reservation_id: int
    holder: str
    team: str
    priority: Priority
    gpus: list[str]
    ends_at: datetime
    begun: bool = Field(description="whether it will have begun; otherwise it is moved whole")
    run_id: int | None
    epoch: int
    epochs: int
    checkpoint_at: datetime | None
    lost_work_s: float = Field(description="since the last checkpoint, on each of its GPUs")
    next_start: datetime
    next_end: datetime
    finishes_at: datetime | None

    @classmethod
    def of(cls, victim: VictimView) -> VictimAnswer:
        """Return the answer for a value."""
        return cls(
            reservation_id=victim.reservation_id,
            holder=victim.holder_slack_id,
            team=victim.team_name,
            priority=victim.priority,
            gpus=list(victim.gpu_names),
            ends_at=victim.ends_at,
            begun=victim.begun,
            run_id=victim.run_id,
            epoch=victim.epoch,
            epochs=victim.epochs,
            checkpoint_at=victim.checkpoint_at,
            lost_work_s=victim.lost_work_s,
            next_start=victim.next_start,
            next_end=victim.next_end,
            finishes_at=victim.finishes_at,
        )


class PreemptionPlanAnswer(BaseModel):
    """Which GPUs would be taken from whom, from when on; nothing has happened."""

    digest: str
    priority: Priority
    gpus: list[str]
    takes_at: datetime
    ends_at: datetime
    victims: list[VictimAnswer]

    @classmethod
    def of(cls, plan: PlanView) -> PreemptionPlanAnswer:
        """Return the answer for a value."""
        return cls(
            digest=plan.digest,
            priority=plan.priority,
            gpus=list(plan.gpu_names),
            takes_at=plan.takes_at,
            ends_at=plan.window.end,
            victims=[VictimAnswer.of(victim) for victim in plan.victims],
        )


class PreemptionAnswer(BaseModel):
    """A preemption, with the plan that was shown last."""

    preemption_id: int
    reservation_id: int
    state: str
    asked_by: str
    takes_at: datetime | None
    changed: bool = Field(description="the plan is another one now: nothing has happened")
    plan: PreemptionPlanAnswer

    @classmethod
    def of(cls, view: PreemptionView) -> PreemptionAnswer:
        """Return the answer for a value."""
        return cls(
            preemption_id=view.preemption_id,
            reservation_id=view.reservation_id,
            state=view.state.value,
            asked_by=view.asked_by_slack_id,
            takes_at=view.takes_at,
            changed=view.changed,
            plan=PreemptionPlanAnswer.of(view.plan),
        )


def preemption_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes about GPUs that a higher priority takes back."""
    router = APIRouter(tags=["preemption"])

    @router.post("/preemption-plans", summary="Who would lose what: a dry run")
    async def plan(wish: PreemptionWish, member: Member = door) -> PreemptionPlanAnswer:
        form = await run(queries.booking_form)
        request = wish.request(form.now, form.run_defaults, None)
        return PreemptionPlanAnswer.of(await run(preemption_plans.preview, member, request))

    @router.post("/preemptions", status_code=201, summary="Ask for GPUs that others hold")
    async def ask(
        wish: PreemptionWish, key: RequestKey = None, member: Member = door
    ) -> PreemptionAnswer:
        form = await run(queries.booking_form)
        request = wish.request(form.now, form.run_defaults, key_of(member, key))
        return PreemptionAnswer.of(await run(preemptions.ask, member, request))

    @router.get("/preemptions/{number}", summary="A preemption and its plan")
    async def show(number: Number, _: Member = door) -> PreemptionAnswer:
        return PreemptionAnswer.of(await run(preemptions.show, number))

    @router.post("/preemptions/{number}/approve", summary="Approve the plan that was seen")
    async def approve(number: Number, seen: PlanSeen, member: Member = door) -> PreemptionAnswer:
        return PreemptionAnswer.of(await run(preemptions.approve, member, number, seen.digest))

    @router.post("/preemptions/{number}/withdraw", summary="Call it off before it is taken")
    async def withdraw(number: Number, wish: ReasonWish, member: Member = door) -> PreemptionAnswer:
        return PreemptionAnswer.of(await run(preemptions.withdraw, member, number, wish.reason))

    @router.post("/reservations/{number}/yield", summary="Hand over now what is taken back")
    async def yield_now(number: Number, member: Member = door) -> ReservationAnswer:
        return ReservationAnswer.of(await run(preemption_answers.yield_now, member, number))

    @router.post("/reservations/{number}/object", summary="Object to being taken back")
    async def object_to(
        number: Number, wish: ReasonWish, member: Member = door
    ) -> ReservationAnswer:
        view = await run(preemption_answers.object_to, member, number, wish.reason)
        return ReservationAnswer.of(view)

    return router
