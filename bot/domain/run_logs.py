"""The log of a training as it is shown: its last lines, and whether all of it can be had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOG_NAME = "trainer.log.gz"
"""What the agent calls the whole log of an attempt when it sends it."""

LINES_SHOWN, MOST_LINES = 20, 40
"""How many lines are shown where nobody says, and how many an agent tells at most."""


@dataclass(frozen=True, slots=True)
class LogView:
    """The last lines of one attempt, oldest first.

    ``at`` is when they were told, None where there are none.  ``running`` tells that more may
    come; ``whole`` that the whole log is kept and can be had.
    """

    reservation_id: int
    run_id: int
    attempt: int
    attempts: int
    host_name: str
    lines: tuple[str, ...]
    at: datetime | None
    running: bool
    whole: bool
    end_cause: str | None = None
    end_detail: str = ""


class FullLog(StrEnum):
    """What came of asking for the whole log in the thread."""

    COMES = "comes"
    ON_ITS_WAY = "on_its_way"
    THERE = "there"
    NOT_YET = "not_yet"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FullLogAsked:
    """The whole log of one attempt was asked for."""

    reservation_id: int
    attempt: int
    outcome: FullLog
