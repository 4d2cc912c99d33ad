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


class LastSeen:
    """Remembers the last ids it was given, a bounded number of them."""

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, one_id: str) -> bool:
        return one_id in self._ids

    def is_new(self, one_id: str | None) -> bool:
        """Tell whether an id comes for the first time, and remember it."""
        if not one_id:
            return True
        known = one_id in self._ids
        self._ids[one_id] = None
        self._ids.move_to_end(one_id)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return not known


@dataclass(frozen=True)
class Desk:
    """The outside of Berth as a listener sees it: services, people, Slack, the time.

    ``events`` are the ids of events that were worked on: Slack delivers an event again when it
    doubts the first delivery, and the retry header says nothing, since in Socket Mode it is on
    every first delivery too.  ``homes`` are the people who have looked at their home tab.
    ``public_url`` is where browsers reach Berth's pages, without a trailing slash.
    """

    run: UseCaseRunner
    clock: Clock
    client: AsyncWebClient
    directory: Directory
    answering: Answering
    events: LastSeen = field(default_factory=LastSeen)
    homes: LastSeen = field(default_factory=LastSeen)
    public_url: str = "http://127.0.0.1:8600"

    async def member(self, asked: Asked) -> tuple[Member, ZoneInfo]:
        """Return who asks, and their time zone.

        Raises:
            NotAllowed: a bot, a deactivated account, or nobody.
            Unavailable: Slack does not tell who this is.
        """
        member = await self.directory.member(asked.user_id)
        return member, zone(member.time_zone)
