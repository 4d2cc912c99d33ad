"""What admins are told about messages that could not go out; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class DeliveryRefused(Notice):
    """Slack does not take messages for ``place``, the id of a channel or of a person.

    ``reason`` is Slack's code.  ``reservation_id`` is the first one that it happened to, 0 for
    none; its holder gets by direct message what a channel cannot be told.
    """

    kind: ClassVar[str] = "delivery_refused"
    place: str
    reason: str
    holder_slack_id: str = ""


DELIVERY_NOTICES: tuple[type[Notice], ...] = (DeliveryRefused,)
