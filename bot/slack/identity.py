"""From a Slack user to a member of Berth."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import NotAllowed, Unavailable
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import people

log = structlog.get_logger(__name__)

FRESH_S = 300.0
LOOKUP_TIMEOUT_S = 1.5
MOST_KEPT = 5000


@dataclass(frozen=True, slots=True)
class SlackPerson:
    """A Slack account; ``time_zone`` is an IANA name."""

    slack_user_id: str
    name: str
    time_zone: str
    is_admin: bool
    may_act: bool


class Directory:
    """Looks up Slack accounts, and remembers each for some minutes.

    https://docs.slack.dev/reference/methods/users.info (scope ``users:read``)

    Args:
        client: how to ask Slack.
        run: how to call the services.
        monotonic_s: a clock for ages, in seconds.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        run: UseCaseRunner,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._run = run
        self._monotonic_s = monotonic_s
        self._kept: OrderedDict[str, tuple[float, SlackPerson]] = OrderedDict()

    async def member(self, slack_user_id: str) -> Member:
        """Return the member behind a Slack user; a newcomer becomes one.

        Raises:
            NotAllowed: a bot, a deactivated account, or nobody.
            Unavailable: Slack does not tell who this is, and nothing is remembered.
        """
        person = await self.person(slack_user_id)
        if not person.may_act:
            raise NotAllowed
        return await self._run(
            people.identify,
            slack_user_id,
            name=person.name,
            time_zone=person.time_zone,
            is_workspace_admin=person.is_admin,
        )

    async def person(self, slack_user_id: str) -> SlackPerson:
        """Return a Slack account, at most five minutes old where Slack can be asked.

        Raises:
            NotAllowed: Slack knows no such user.
            Unavailable: Slack does not answer, and nothing is remembered.
        """
        now_s = self._monotonic_s()
        looked_up_s, kept = self._kept.get(slack_user_id, (0.0, None))
        if kept is not None and now_s - looked_up_s < FRESH_S:
            return kept
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                answer = await self._client.users_info(user=slack_user_id)
        except (SlackApiError, OSError, TimeoutError) as error:
            reason = _reason(error)
            if reason in ("user_not_found", "user_not_visible"):
                raise NotAllowed from error
            log.warning("slack_user_unknown", slack_user_id=slack_user_id, reason=reason)
            if kept is None:
                raise Unavailable from error
            return kept
        person = _person(slack_user_id, answer.get("user") or {})
        self._keep(now_s, person)
        return person

    def _keep(self, now_s: float, person: SlackPerson) -> None:
        self._kept[person.slack_user_id] = (now_s, person)
        self._kept.move_to_end(person.slack_user_id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _reason(error: Exception) -> str:
    if isinstance(error, SlackApiError):
        return str(error.response.get("error"))
    return type(error).__name__


def _person(slack_user_id: str, user: dict[str, Any]) -> SlackPerson:
    profile = user.get("profile") or {}
    name = profile.get("display_name") or profile.get("real_name") or user.get("name")
    return SlackPerson(
        slack_user_id=slack_user_id,
        name=str(name or slack_user_id)[:200],
        time_zone=str(user.get("tz") or "UTC"),
        is_admin=bool(user.get("is_admin") or user.get("is_owner")),
        may_act=not (user.get("deleted") or user.get("is_bot")),
    )
