"""Values of any type of Berth's, drawn by a seed: what cards and notices are made of.

A draw is reckless on purpose: every text that a person or a host could have written is hostile,
every list may be empty or far too long, every optional value is sometimes missing.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import random
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from bot.domain.recurrence import WEEKDAYS, Recurrence, WallEnd
from bot.domain.time_window import TimeWindow

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
VICTIM, GROUP = "U0VICTIM", "S0EVERYBODY"
"""Somebody and a group whom hostile texts try to reach; Berth itself never names them."""

HOSTILE = (
    f"<!channel> <!here> <!everyone> <@{VICTIM}> <!subteam^{GROUP}> <https://evil.example|docs>",
    "@channel @here @everyone *bold* _it_ ~gone~ `code` ```\nblock\n``` > quote",
    "\u202eabc\u202c \u2066x\u2069 עִבְרִית العربية " * 40,
    "🎉👩‍👩‍👧‍👦🏳️‍🌈" * 700,
    "& < > &amp; &lt;!channel&gt; " * 200,
    f"<@{VICTIM}>" * 600,
    "a" * 5000,
    "word " * 1000,
    "\x00\x1b[31mred\x1b[0m\r\n\t\u2028",
    "",
    " ",
    "it's 100 % fine",
)
PLAIN = ("v1", "short", "a-name_1", "some words")
_IDS: Mapping[str, str] = {
    "slack_id": "U0ALICE",
    "slack_ids": "U0ALICE",
    "slack_user_id": "U0ALICE",
    "stop_asked_by": "U0ALICE",
    "denied_by": "U0ALICE",
    "usergroup_id": "S0VISION",
    "channel_id": "C0GPUS",
    "message_ts": "1790000000.000100",
    "plot_file_id": "F0PLOT",
    "time_zone": "Europe/Paris",
    "request_key": "k" * 64,
    "private_metadata": '{"channel_id":"C0GPUS"}',
    "url": "http://127.0.0.1:8600/timeline",
    "colour": "#1f2937",
    "offer": "transfer",
    "older": '{"v":1}',
    "run_state": "failed",
    "priority": "p1",
    "wanted": "a start: `now`",
    "extra": "cos_lr=true",
    "digest": "d" * 64,
    "incident_kind": "too_hot",
    "ends": "2026-11-24T08:00:00+00:00",
    "choices": "2026-11-24T08:00:00+00:00",
}
_VICTIM_OF_PREEMPTION = json.dumps(
    {
        "reservation_id": 7,
        "holder_slack_id": "U0BOB",
        "team_name": HOSTILE[0],
        "priority": "p2",
        "gpu_names": [f"gpu{number}@host1" for number in range(8)],
        "ends_at": (NOW + timedelta(hours=9)).isoformat(),
        "begun": True,
        "run_id": 3,
        "model": HOSTILE[1],
        "epoch": 2,
        "epochs": 90,
        "checkpoint_at": None,
        "lost_work_s": 600.0,
        "next_id": 12,
        "next_start": (NOW + timedelta(hours=20)).isoformat(),
        "next_end": (NOW + timedelta(hours=30)).isoformat(),
        "finishes_at": None,
    }
)
_AN_END = re.compile(r"end|until|finish|closes|expires|deadline|high")
_ZONES = (UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu"))


class CannotDraw(Exception):
    """A type of which nothing is known here."""


class Draw:
    """Draws values; the same seed draws the same.

    Args:
        seed: what the draws depend on, all of them.
        given: makers for types that need one; a maker is given the draw and the field's name.
    """

    def __init__(
        self, seed: str, given: Mapping[Any, Callable[[Draw, str], Any]] | None = None
    ) -> None:
        self._random = random.Random(seed)
        self._given = dict(given or {})
        self._depth = 0

    def one_of(self, choices: Collection[Any]) -> Any:
        """Return one of the choices."""
        return self._random.choice(list(choices))

    def arguments(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Return arguments that a function can be called with, all by name.

        Raises:
            CannotDraw: a parameter has a type of which nothing is known.
        """
        takes: Any = vars(function).get("__init__", function)
        hints = get_type_hints(takes)
        drawn: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            drawn[parameter.name] = self.value(hints.get(parameter.name, Any), parameter.name)
        return drawn

    def value(self, wanted: Any, name: str) -> Any:
        """Return a value of a type, for a field of that name.

        Raises:
            CannotDraw: nothing is known of the type.
        """
        if wanted in self._given:
            return self._given[wanted](self, name)
        origin = get_origin(wanted)
        if origin in (typing.Union, types.UnionType):
            return self._one_of_types(get_args(wanted), name)
        if origin is typing.Literal:
            return self.one_of(get_args(wanted))
        if origin is not None:
            return self._several(origin, get_args(wanted), name)
        if isinstance(wanted, type):
            return self._of_class(wanted, name)
        raise CannotDraw(f"{name}: {wanted}")

    def _one_of_types(self, choices: tuple[Any, ...], name: str) -> Any:
        kinds = [choice for choice in choices if choice is not type(None)]
        if len(kinds) < len(choices) and self._random.random() < 0.25:
            return None
        return self.value(self.one_of(kinds), name)

    def _several(self, origin: Any, inner: tuple[Any, ...], name: str) -> Any:
        most = 60 if self._depth < 2 else 6
        count = self.one_of((0, 1, 1, 2, 3, most))
        if issubclass(origin, tuple) and (len(inner) != 2 or inner[1] is not Ellipsis):
            return tuple(self.value(one, name) for one in inner)
        self._depth += 1
        try:
            if issubclass(origin, Mapping):
                return {
                    self.value(inner[0], name): self.value(inner[1], name) for _ in range(count)
                }
            drawn = [self.value(inner[0], name) for _ in range(count)]
        finally:
            self._depth -= 1
        if issubclass(origin, frozenset | set):
            return frozenset(drawn)
        return drawn if issubclass(origin, list) else tuple(drawn)

    def _of_class(self, wanted: type, name: str) -> Any:
        if wanted in _SIMPLE:
            return _SIMPLE[wanted](self, name)
        if issubclass(wanted, Enum):
            return self.one_of(list(wanted))
        if dataclasses.is_dataclass(wanted):
            return self.instance(wanted)
        raise CannotDraw(f"{name}: {wanted}")

    def instance(self, kind: type) -> Any:
        """Return an instance of a dataclass, all of its fields drawn.

        Raises:
            CannotDraw: a field has a type of which nothing is known.
        """
        hints = get_type_hints(kind)
        fields = [field for field in dataclasses.fields(kind) if field.init]
        self._depth += 1
        try:
            return kind(
                **{field.name: self.value(hints[field.name], field.name) for field in fields}
            )
        finally:
            self._depth -= 1

    def text(self, name: str) -> str:
        """Return what a field of that name may hold: an id of its kind, or hostile words."""
        if name in ("victim", "victims"):
            return _VICTIM_OF_PREEMPTION  # a notice carries it as JSON
        for end, text in _IDS.items():
            if name == end or name.endswith(f"_{end}"):
                return text
        return str(self.one_of(HOSTILE + PLAIN))

    def instant(self, name: str = "") -> datetime:
        """Return an instant within some weeks of `NOW`; an end is later than all that begins."""
        later = 60_000 if _AN_END.search(name) else 0
        return NOW + timedelta(minutes=self._random.randint(-20_000, 30_000) + later)

    def length(self, _name: str = "") -> timedelta:
        """Return how long something takes: a minute to two weeks."""
        minutes = self.one_of((1, 30, 60, 120, 60 * 26, 60 * 24 * 14))
        return timedelta(minutes=minutes)

    def window(self, _name: str = "") -> TimeWindow:
        """Return a window around `NOW`, or before or after it."""
        start = self.instant()
        return TimeWindow(start, start + self.length())

    def recurrence(self, _name: str = "") -> Recurrence:
        """Return a rule of a series."""
        return Recurrence(
            weekdays=frozenset(self._random.sample(WEEKDAYS, self._random.randint(1, 7))),
            at=time(20, 0),
            time_zone="Europe/Paris",
            starts_on=NOW.date(),
            lasts=self.one_of((timedelta(hours=12), WallEnd(1, time(8, 0)))),
            ends_on=self.one_of((None, NOW.date() + timedelta(days=70))),
        )

    def number(self, _name: str = "") -> int:
        """Return a count or an id."""
        return int(self.one_of((1, 1, 2, 3, 8, 97, 12_345)))


_SIMPLE: Mapping[Any, Callable[[Draw, str], Any]] = {
    str: Draw.text,
    bool: lambda draw, _name: draw.one_of((True, False)),
    int: Draw.number,
    float: lambda draw, _name: draw.one_of((0.0, 0.25, 0.5, 1.0, 123.456, 1e9)),
    datetime: Draw.instant,
    timedelta: Draw.length,
    date: lambda draw, _name: draw.instant().date(),
    time: lambda draw, _name: draw.one_of((time(0), time(8, 30), time(23, 59))),
    tzinfo: lambda draw, _name: draw.one_of(_ZONES),
    ZoneInfo: lambda draw, _name: draw.one_of(_ZONES[1:]),
    TimeWindow: Draw.window,
    Recurrence: Draw.recurrence,
    object: Draw.text,
}
