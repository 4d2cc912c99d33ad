"""What holders are told about GPUs that nothing uses; see `bot.domain.notices`.

``question`` is a `bot.domain.usage.UsageQuestion`, ``since`` when the GPUs were used last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class UsageAsked(Notice):
    """Are the GPUs still needed? Silence until ``expires_at`` releases them.

    ``ends`` are the slot boundaries at which they could be released instead, in ISO format;
    ``time_zone`` is the holder's.
    """

    kind: ClassVar[str] = "usage_asked"
    check_id: int
    holder_slack_id: str
    question: str
    since: datetime
    expires_at: datetime
    gpu_names: tuple[str, ...]
    kept_for_s: float | None = None
    ends: tuple[str, ...] = ()
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class UsageReleased(Notice):
    """Nobody answered, and the GPUs were released."""

    kind: ClassVar[str] = "usage_released"
    holder_slack_id: str
    question: str
    since: datetime
    gpu_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsageSeen(Notice):
    """The GPUs are used again, so that the question is no longer one."""

    kind: ClassVar[str] = "usage_seen"
    holder_slack_id: str


USAGE_NOTICES: tuple[type[Notice], ...] = (UsageAsked, UsageReleased, UsageSeen)
