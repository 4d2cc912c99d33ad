"""A change of a reservation carried by a button: where it leads to, so that two clicks are one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.errors import UnreadableRequest

VERSION = 1
_OUTDATED = "a fresh list: this button is from another release of Berth"


class Change(StrEnum):
    """``SLOT_AFTER`` an end that was shown, ``END`` at an instant, ``START`` at an instant."""

    SLOT_AFTER = "after"
    END = "end"
    START = "start"


@dataclass(frozen=True, slots=True)
class CarriedChange:
    """What a click asks for."""

    reservation_id: int
    change: Change
    instant: datetime


def change_to_value(carried: CarriedChange) -> str:
    """Return a change as the value of a button."""
    value = {
        "v": VERSION,
        "id": carried.reservation_id,
        carried.change.value: carried.instant.timestamp(),
    }
    return json.dumps(value, separators=(",", ":"))


def change_from_value(value: str) -> CarriedChange:
    """Return the change that a button carries.

    Raises:
        UnreadableRequest: it is none, or one of another release.
    """
    try:
        carried = json.loads(value)
        if carried["v"] != VERSION:
            raise UnreadableRequest("", _OUTDATED)
        change = next(each for each in Change if each.value in carried)
        instant = datetime.fromtimestamp(float(carried[change.value]), UTC)
        return CarriedChange(int(carried["id"]), change, instant)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        OSError,
        StopIteration,
    ) as error:
        raise UnreadableRequest("", _OUTDATED) from error
