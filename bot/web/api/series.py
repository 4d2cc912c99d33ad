"""Series: reservations that recur."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field, model_validator

from bot.domain.people import Member
from bot.domain.recurrence import Missed, Recurrence, WallEnd, rule_words
from bot.domain.series_views import SeriesView
from bot.ports.use_cases import UseCaseRunner
from bot.services import queries, series
from bot.web.api.answers import Held, ReservationAnswer
from bot.web.api.door import Number, RequestKey, key_of
from bot.web.api.wishes import EARLIEST, LATEST, LONGEST_S, BookableWish, ReasonWish

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the database is no zone either
        return None


def _known_zone(name: str) -> str:
    """Return the name of a zone that this machine knows.

    Raises:
        ValueError: it knows none of that name.
    """
    if _zone(name) is None:
        raise ValueError("must be a zone of the IANA database, such as Europe/Paris")
    return name


def _on_a_calendar(day: date) -> date:
    """Return a day that calendars can reckon with.

    Raises:
        ValueError: it is before 2000 or after 2200.
    """
    if not EARLIEST.date() <= day <= LATEST.date():
        raise ValueError("must lie between the years 2000 and 2200")
    return day


ZoneName = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
Day = Annotated[date, AfterValidator(_on_a_calendar)]
WallTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="such as 20:00")]


class SeriesWish(BookableWish):
    """On which days, at what local time, and how long: a length, or until a local time."""

    weekdays: list[Weekday] = Field(min_length=1, max_length=7)
    at: WallTime
    time_zone: ZoneName | None = Field(None, description="your own, when it is left out")
    length_s: int | None = Field(None, ge=1, le=LONGEST_S)
    until: WallTime | None = Field(None, description="the next time that clocks show this")
    starts_on: Day | None = Field(None, description="today, when it is left out")
    ends_on: Day | None = Field(None, description="the last day; goes on when it is left out")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.until is None) == (self.length_s is None):
            raise ValueError("give either length_s or until")
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("ends_on must not be before starts_on")
        return self

    def rule(self, time_zone: str, today: date) -> Recurrence:
        """Return the rule, with what was left out filled in."""
        at = time.fromisoformat(self.at)
        lasts: timedelta | WallEnd = timedelta(seconds=self.length_s or 0)
        if self.until is not None:
            until = time.fromisoformat(self.until)
            lasts = WallEnd(0 if until > at else 1, until)
        return Recurrence(
            weekdays=frozenset(self.weekdays),
            at=at,
            time_zone=self.time_zone or time_zone,
            starts_on=self.starts_on or today,
            lasts=lasts,
            ends_on=self.ends_on,
        )

    def rule_for(self, member: Member, now: datetime) -> Recurrence:
        """Return the rule as a member means it: in their own zone, from their today on."""
        own = member.time_zone if _zone(member.time_zone) else "UTC"
        zone = _zone(self.time_zone or own) or UTC
        return self.rule(own, now.astimezone(zone).date())


class MissedAnswer(BaseModel):
    """A day that a series has to do without: why, and who holds the GPUs."""

    on_date: date
    starts_at: datetime
    ends_at: datetime
    reason: str
    holdings: list[Held]

    @classmethod
    def of(cls, missed: Missed) -> MissedAnswer:
        """Return the answer for a value."""
        return cls(
            on_date=missed.on_date,
            starts_at=missed.window.start,
            ends_at=missed.window.end,
            reason=missed.code,
            holdings=[Held.of(held) for held in missed.holdings],
        )


class SeriesAnswer(BaseModel):
    """A series, what it has booked ahead, and the days that it has to do without."""

    id: int
    active: bool
    holder_slack_id: str
    holder_name: str
    rule: str
    time_zone: str
    starts_on: date
    ends_on: date | None
    upcoming: list[ReservationAnswer]
    missed: list[MissedAnswer]

    @classmethod
    def of(cls, view: SeriesView) -> SeriesAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.series_id,
            active=view.active,
            holder_slack_id=view.holder_slack_id,
            holder_name=view.holder_name,
            rule=rule_words(view.rule),
            time_zone=view.rule.time_zone,
            starts_on=view.rule.starts_on,
            ends_on=view.rule.ends_on,
            upcoming=[ReservationAnswer.of(one) for one in view.upcoming],
            missed=[MissedAnswer.of(one) for one in view.missed],
        )


class SeriesList(BaseModel):
    """Series that go on, oldest first."""

    series: list[SeriesAnswer]


def series_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of series."""
    router = APIRouter(tags=["series"])

    @router.get("/series", summary="Your series that go on")
    async def listed(member: Member = door) -> SeriesList:
        return SeriesList(series=[SeriesAnswer.of(one) for one in await run(series.mine, member)])

    @router.post("/series", status_code=201, summary="Book what recurs")
    async def create(
        wish: SeriesWish, member: Member = door, request_key: RequestKey = None
    ) -> SeriesAnswer:
        form = await run(queries.booking_form)
        rule = wish.rule_for(member, form.now)
        length = timedelta(seconds=wish.length_s or 0)
        request = wish.asked(length, form.run_defaults, key_of(member, request_key))
        return SeriesAnswer.of(await run(series.create, member, rule, request))

    @router.get("/series/{number}", dependencies=[door], summary="One series")
    async def one(number: Number) -> SeriesAnswer:
        return SeriesAnswer.of(await run(series.look_up, number))

    @router.post("/series/{number}/cancel", summary="End a series and give back what is ahead")
    async def cancel(number: Number, wish: ReasonWish, member: Member = door) -> SeriesAnswer:
        return SeriesAnswer.of(await run(series.cancel_all, member, number, wish.reason))

    @router.post("/reservations/{number}/skip", summary="Give back one occurrence of a series")
    async def skip(number: Number, member: Member = door) -> SeriesAnswer:
        return SeriesAnswer.of(await run(series.skip, member, number))

    return router
