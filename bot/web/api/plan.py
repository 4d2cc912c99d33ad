"""Will it be ready? The same answer as `/gpu plan`, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bot.domain.forecast import Span
from bot.domain.pace import PaceEstimate
from bot.domain.people import Member
from bot.domain.planning import Plan, PlannedWindow, PlanRequest, RoomMaker, TypeOption
from bot.domain.priority import Priority
from bot.domain.run_spec import TrainingSpec
from bot.ports.use_cases import UseCaseRunner
from bot.services import plans, queries
from bot.web.api.answers import Held
from bot.web.api.wishes import Instant, RunWish, Wish, Word


class PlanWish(Wish):
    """A training, GPUs on one host, and by when."""

    run: RunWish
    gpu_count: int = Field(1, ge=1, le=10_000)
    gpu_type: Word | None = Field(None, description="such as `a100`; any, when it is left out")
    deadline: Instant | None = Field(None, description="the soonest, when it is left out")
    not_before: Instant | None = Field(None, description="now, when it is left out")
    priority: Priority | None = Field(None, description="the team's usual, when left out")

    def request(self, defaults: TrainingSpec) -> PlanRequest:
        """Return the request for the services.

        Raises:
            InvalidRunSpec: the training has faults.
        """
        return PlanRequest(
            run=self.run.checked(defaults),
            gpu_count=self.gpu_count,
            gpu_type=self.gpu_type,
            deadline=self.deadline,
            not_before=self.not_before,
            priority=self.priority,
        )


class LengthAnswer(BaseModel):
    """A length of time in seconds, with the range that holds in four of five cases."""

    low_s: float
    likely_s: float
    high_s: float

    @classmethod
    def of(cls, length: Span) -> LengthAnswer:
        """Return the answer for a value."""
        return cls(
            low_s=length.low.total_seconds(),
            likely_s=length.likely.total_seconds(),
            high_s=length.high.total_seconds(),
        )


class StepAnswer(BaseModel):
    """A step of scaling; `guessed` where there was nothing to scale by."""

    what: str
    old: str
    new: str
    guessed: bool


class BasisAnswer(BaseModel):
    """What a length is based on: so many runs of a model on so many GPUs, and how it was scaled."""

    runs: int
    model: str
    gpu_type: str
    gpu_count: int
    imgsz: int
    batch: int
    scaled: list[StepAnswer]

    @classmethod
    def of(cls, estimate: PaceEstimate) -> BasisAnswer:
        """Return the answer for a value."""
        key = estimate.key
        return cls(
            runs=estimate.runs,
            model=key.model,
            gpu_type=key.gpu_type,
            gpu_count=key.gpu_count,
            imgsz=key.imgsz,
            batch=key.batch,
            scaled=[
                StepAnswer(what=step.what, old=step.old, new=step.new, guessed=step.guessed)
                for step in estimate.steps
            ],
        )


class OptionAnswer(BaseModel):
    """How long the training takes on one type of GPU, and an epoch of it, in seconds."""

    gpu_type: str
    length: LengthAnswer
    epoch_s: float
    startup_s: float
    basis: BasisAnswer

    @classmethod
    def of(cls, option: TypeOption) -> OptionAnswer:
        """Return the answer for a value."""
        return cls(
            gpu_type=option.gpu_type,
            length=LengthAnswer.of(option.length),
            epoch_s=option.estimate.likely_s,
            startup_s=option.estimate.startup.total_seconds(),
            basis=BasisAnswer.of(option.estimate),
        )


class WindowAnswer(BaseModel):
    """A window to book, and when the training would be done in it.

    `meets` is `surely`, `likely` or `no`.
    """

    starts_at: datetime
    ends_at: datetime
    gpu_count: int
    gpu_type: str | None
    epochs: int
    imgsz: int
    finishes_low_at: datetime
    finishes_at: datetime
    finishes_high_at: datetime
    meets: str

    @classmethod
    def of(cls, planned: PlannedWindow) -> WindowAnswer:
        """Return the answer for a value."""
        return cls(
            starts_at=planned.window.start,
            ends_at=planned.window.end,
            gpu_count=planned.gpu_count,
            gpu_type=planned.gpu_type,
            epochs=planned.run.epochs,
            imgsz=planned.run.imgsz,
            finishes_low_at=planned.low_at,
            finishes_at=planned.likely_at,
            finishes_high_at=planned.high_at,
            meets=planned.meets.value,
        )


class IdeaAnswer(BaseModel):
    """Something else that would be in time: `fewer_epochs`, `smaller_images` or `more_gpus`."""

    kind: str
    window: WindowAnswer


class MakerAnswer(BaseModel):
    """A reservation that would have to give way."""

    held: Held
    priority: str
    needs_approval: bool

    @classmethod
    def of(cls, maker: RoomMaker) -> MakerAnswer:
        """Return the answer for a value."""
        return cls(
            held=Held.of(maker.holding),
            priority=maker.priority.value,
            needs_approval=maker.needs_approval,
        )


class RoomAnswer(BaseModel):
    """The window that would be in time if those gave way."""

    starts_at: datetime
    ends_at: datetime
    makers: list[MakerAnswer]


class PlanAnswer(BaseModel):
    """Whether it will be ready, and when.

    `options` are empty where nothing has run on the data yet.  `median_off` is how far the last
    `forecasts_judged` forecasts at half time were off, as a share of what was left.
    """

    meets: str
    options: list[OptionAnswer]
    windows: list[WindowAnswer]
    latest_start: WindowAnswer | None
    ideas: list[IdeaAnswer]
    room: RoomAnswer | None
    too_long: bool
    forecasts_judged: int
    median_off: float

    @classmethod
    def of(cls, plan: Plan) -> PlanAnswer:
        """Return the answer for a value."""
        room = plan.room
        return cls(
            meets=plan.meets.value,
            options=[OptionAnswer.of(option) for option in plan.options],
            windows=[WindowAnswer.of(planned) for planned in plan.windows],
            latest_start=WindowAnswer.of(plan.latest) if plan.latest else None,
            ideas=[
                IdeaAnswer(kind=idea.kind.value, window=WindowAnswer.of(idea.planned))
                for idea in plan.ideas
            ],
            room=RoomAnswer(
                starts_at=room.window.start,
                ends_at=room.window.end,
                makers=[MakerAnswer.of(maker) for maker in room.makers],
            )
            if room
            else None,
            too_long=plan.too_long,
            forecasts_judged=plan.accuracy.count,
            median_off=plan.accuracy.median_off,
        )


def plan_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the route that plans; it books nothing."""
    router = APIRouter(tags=["plan"])

    @router.post("/plan", summary="How long a training takes, and when it would be done")
    async def plan(wish: PlanWish, member: Member = door) -> PlanAnswer:
        form = await run(queries.booking_form)
        return PlanAnswer.of(await run(plans.plan, member, wish.request(form.run_defaults)))

    return router
