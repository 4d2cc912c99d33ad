"""Slack's rate limits: tiers per method and minute, and one message a second and channel.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

TIER_2, TIER_3, TIER_4 = 20, 50, 100
MINUTE_S = 60.0
POST_RATE_PER_S = 1.0
POST_BURST = 3
POST_PER_WORKSPACE = 300
"""Slack says "several hundred per minute"; the figure is ours."""

PER_MINUTE = {
    # Sources differ on this one (tier 1 or 3), and Slack lets an app reconnect after its routine
    # disconnects: a minute's wait at each reconnection would teach the wrong thing.
    "apps.connections.open": TIER_3,
    "bots.info": TIER_3,
    "chat.delete": TIER_3,
    "chat.getPermalink": TIER_4 * 3,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POST_PER_WORKSPACE,
    "chat.unfurl": TIER_3,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.join": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "reactions.add": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
}
"""Calls per minute, per method, workspace and app. Methods not named are not limited."""


@dataclass
class _Bucket:
    tokens: float
    filled_at_s: float


class RateLimits:
    """Counts calls and says when one is too many.

    Args:
        enabled: False lets everything through.
        monotonic_s: the running clock, in seconds.
    """

    def __init__(self, *, enabled: bool, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._enabled = enabled
        self._now_s = monotonic_s
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._posts: dict[str, _Bucket] = {}

    def retry_after_s(self, method: str, channel: str | None) -> int:
        """Count a call; return 0 if it may pass, else the seconds to wait (not counted then)."""
        if not self._enabled:
            return 0
        wait_s = self._over_tier(method)
        if not wait_s and method == "chat.postMessage" and channel:
            wait_s = self._over_channel(channel)
        if wait_s:
            return max(1, math.ceil(wait_s))
        self._calls[method].append(self._now_s())
        return 0

    def _over_tier(self, method: str) -> float:
        limit = PER_MINUTE.get(method)
        calls = self._calls[method]
        now_s = self._now_s()
        while calls and calls[0] <= now_s - MINUTE_S:
            calls.popleft()
        if limit is None or len(calls) < limit:
            return 0.0
        return calls[0] + MINUTE_S - now_s

    def _over_channel(self, channel: str) -> float:
        now_s = self._now_s()
        bucket = self._posts.setdefault(channel, _Bucket(POST_BURST, now_s))
        gained = (now_s - bucket.filled_at_s) * POST_RATE_PER_S
        bucket.tokens = min(POST_BURST, bucket.tokens + gained)
        bucket.filled_at_s = now_s
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / POST_RATE_PER_S
        bucket.tokens -= 1
        return 0.0
