"""Whether somebody's Slack account may still act, for those who come by another way than Slack."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from bot.domain.errors import NotAllowed, Unavailable
from bot.slack.identity import Directory

FRESH_S = 60.0
MOST_KEPT = 5000


class Standing:
    """Asks the directory, and remembers each answer for a minute.

    Where Slack cannot be asked everybody keeps standing: a pipeline goes on while Slack is down,
    and a session ends by itself after some hours.

    Args:
        directory: looks up Slack accounts.
        monotonic_s: a clock for ages, in seconds.
    """

    def __init__(
        self, directory: Directory, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._monotonic_s = monotonic_s
        self._kept: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    async def __call__(self, slack_user_id: str) -> bool:
        """Tell whether the account may act, as it was within the last minutes."""
        now_s = self._monotonic_s()
        asked_s, kept = self._kept.get(slack_user_id, (0.0, True))
        if slack_user_id in self._kept and now_s - asked_s < FRESH_S:
            return kept
        try:
            stands = (await self._directory.person(slack_user_id)).may_act
        except NotAllowed:
            stands = False
        except Unavailable:
            stands = kept
        self._kept[slack_user_id] = (now_s, stands)
        self._kept.move_to_end(slack_user_id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return stands
