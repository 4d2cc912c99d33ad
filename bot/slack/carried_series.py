"""A series carried by a button: compact, versioned, checked again when it comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

from bot.domain.errors import UnreadableRequest
from bot.domain.recurrence import Recurrence, WallEnd
from bot.domain.requests import ReserveRequest
from bot.slack.carried_request import VALUE_CHARS, request_from_value, request_to_value

_OUTDATED = "a fresh list: this button is from another release of Berth"


def series_to_value(rule: Recurrence, request: ReserveRequest) -> str | None:
    """Return a series as the value of a button, without its note where that would be too long.

    None where even that is too long.
    """
    for carried in (request, replace(request, note="")):
        value = json.dumps(
            {"r": _rule_to_json(rule), "q": request_to_value(carried)},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        if len(value) <= VALUE_CHARS:
            return value
    return None


def series_from_value(value: str, *, request_key: str | None) -> tuple[Recurrence, ReserveRequest]:
    """Return the series that a button carries.

    Raises:
        UnreadableRequest: it is none, or one of another release.
    """
    try:
        carried = json.loads(value)
        return (
            _rule_from_json(carried["r"]),
            request_from_value(str(carried["q"]), request_key=request_key),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableRequest("", _OUTDATED) from error


def _rule_to_json(rule: Recurrence) -> dict[str, Any]:
    lasts = rule.lasts
    return {
        "d": ",".join(sorted(rule.weekdays)),
        "t": f"{rule.at:%H:%M}",
        "z": rule.time_zone,
        "f": rule.starts_on.isoformat(),
        "u": rule.ends_on.isoformat() if rule.ends_on else None,
        "l": [lasts.days_later, f"{lasts.at:%H:%M}"]
        if isinstance(lasts, WallEnd)
        else lasts.total_seconds(),
    }


def _rule_from_json(carried: dict[str, Any]) -> Recurrence:
    lasts = carried["l"]
    return Recurrence(
        weekdays=frozenset(carried["d"].split(",")),
        at=time.fromisoformat(carried["t"]),
        time_zone=carried["z"],
        starts_on=date.fromisoformat(carried["f"]),
        ends_on=date.fromisoformat(carried["u"]) if carried["u"] else None,
        lasts=WallEnd(int(lasts[0]), time.fromisoformat(lasts[1]))
        if isinstance(lasts, list)
        else timedelta(seconds=lasts),
    )
