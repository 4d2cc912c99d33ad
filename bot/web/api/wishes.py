"""What programs ask for: checked here for form, by the services for sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec, check_training_spec
from bot.domain.time_window import TimeWindow

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_S = 366 * 24 * 3600


def _within_calendar(instant: datetime) -> datetime:
    """Return the instant in UTC; far from today a calendar cannot reckon any more.

    Raises:
        ValueError: it is before 2000 or after 2200.
    """
    if not EARLIEST <= instant <= LATEST:
        raise ValueError("must lie between the years 2000 and 2200")
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
Text = Annotated[str, Field(max_length=300)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[float, Field(allow_inf_nan=False)]
SlackUserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{1,30}$", description="such as U0ALICE")]
Argument = bool | int | Number | Annotated[str, Field(max_length=200)]


class Wish(BaseModel):
    """Base of all bodies: an unknown field is an error, so that a typing error does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunWish(Wish):
    """A training; what is left out is as the operator has set it."""

    model: Word | None = None
    data: Word | None = None
    epochs: int | None = Field(None, ge=1, le=10_000)
    imgsz: int | None = Field(None, ge=32, le=4096, description="pixels")
    batch: int | None = Field(None, ge=1, le=4096, description="images")
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    task: Word | None = Field(
        None, description="`detect`, `segment`, `classify`, `pose` or `obb`; told by the model"
    )
    extra: dict[Word, Argument] = Field(
        default_factory=dict, max_length=32, description="other Ultralytics arguments, by name"
    )

    def checked(self, defaults: TrainingSpec) -> TrainingSpec:
        """Return the training.

        Raises:
            InvalidRunSpec: with every fault, by field.
        """
        main = self.model_dump(exclude={"extra"}, exclude_none=True)
        return check_training_spec({**self.extra, **main}, defaults)


class GpusWish(Wish):
    """How many GPUs, or which; ``gpu_names`` wins."""

    gpu_count: int = Field(1, ge=1, le=10_000)
    gpu_names: list[Word] = Field(
        default_factory=list, max_length=1000, description="`gpu3@host2`; wins over `gpu_count`"
    )
    gpu_type: Word | None = Field(None, description="such as `a100`; any, when it is left out")
    note: Text = ""


class BookableWish(GpusWish):
    """What can be booked, whenever that is."""

    priority: Priority | None = Field(None, description="the team's usual, when left out")
    preemptible: bool | None = Field(None, description="what the priority says, when left out")
    run: RunWish | None = None

    def asked(
        self, length: timedelta, defaults: TrainingSpec, request_key: str | None
    ) -> ReserveRequest:
        """Return the request for the services, for now and that long.

        Raises:
            InvalidRunSpec: the training has faults.
        """
        return ReserveRequest(
            length=length,
            gpu_count=self.gpu_count,
            gpu_names=tuple(self.gpu_names),
            gpu_type=self.gpu_type,
            priority=self.priority,
            preemptible=self.preemptible,
            run=self.run.checked(defaults) if self.run else None,
            note=self.note,
            request_key=request_key,
        )


class WindowWish(BookableWish):
    """A wish for one window: a length or an end, from a start on or from now."""

    start: Instant | None = Field(None, description="now, when it is left out")
    end: Instant | None = None
    length_s: int | None = Field(None, ge=1, le=LONGEST_S)

    @model_validator(mode="after")
    def _length_or_end(self) -> Self:
        if (self.end is None) == (self.length_s is None):
            raise ValueError("give either length_s or end")
        if self.end is not None and self.start is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    def request(
        self, now: datetime, defaults: TrainingSpec, request_key: str | None
    ) -> ReserveRequest:
        """Return the request for the services.

        Raises:
            InvalidRunSpec: the training has faults.
        """
        length = timedelta(seconds=self.length_s or 0)
        if self.end is not None:
            length = self.end - (self.start or now)
        return replace(self.asked(length, defaults, request_key), start=self.start)


class ReservationWish(WindowWish):
    """A booking; a training may have a second window, in which it goes on."""

    second_start: Instant | None = Field(
        None, description="a training in two parts goes on then, until `second_end`"
    )
    second_end: Instant | None = None

    @model_validator(mode="after")
    def _both_parts(self) -> Self:
        if (self.second_start is None) != (self.second_end is None):
            raise ValueError("give both second_start and second_end, or neither")
        if self.second_start and self.second_end and self.second_end <= self.second_start:
            raise ValueError("second_end must be after second_start")
        if self.second_start and self.run is None:
            raise ValueError("only a training can go on in a second window")
        return self

    def request(
        self, now: datetime, defaults: TrainingSpec, request_key: str | None
    ) -> ReserveRequest:
        """Return the request for the services.

        Raises:
            InvalidRunSpec: the training has faults.
        """
        asked = super().request(now, defaults, request_key)
        if self.second_start is None or self.second_end is None:
            return asked
        return replace(asked, second=TimeWindow(self.second_start, self.second_end))


class ReasonWish(Wish):
    """Why."""

    reason: Text = ""


class CancelWish(ReasonWish):
    """Why it is given back."""


class EndWish(Wish):
    """A new end."""

    until: Instant


class StartWish(Wish):
    """A new start."""

    start: Instant
