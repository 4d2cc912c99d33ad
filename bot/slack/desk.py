"""What every listener is given."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.people import Member
from bot.ports.clock import Clock
from bot.ports.use_cases import UseCaseRunner
from bot.slack.answering import Answering
from bot.slack.asked import Asked
from bot.slack.identity import Directory
from bot.slack.times import zone


class SeenEvents:
    """Remembers the last events by id: Slack delivers an event again when it doubts the first.

    The retry header says nothing: in Socket Mode it is on every first delivery too.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, event_id: str | None) -> bool:
        """Tell whether an event comes for the first time, and remember it."""
        if not event_id:
            return True
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return True


@dataclass(frozen=True)
class Desk:
    """The outside of Berth as a listener sees it: services, people, Slack, the time."""

    run: UseCaseRunner
    clock: Clock
    client: AsyncWebClient
    directory: Directory
    answering: Answering
    seen: SeenEvents = field(default_factory=SeenEvents)

    async def member(self, asked: Asked) -> tuple[Member, ZoneInfo]:
        """Return who asks, and their time zone.

        Raises:
            NotAllowed: a bot, a deactivated account, or nobody.
            Unavailable: Slack does not tell who this is.
        """
        member = await self.directory.member(asked.user_id)
        return member, zone(member.time_zone)
