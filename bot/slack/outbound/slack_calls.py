"""One call to Slack: within the budget, tried once, its failure translated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.ports.messenger import DeliveryFailed
from bot.slack.outbound.failures import CALL_ERRORS, delivery_failure
from bot.slack.outbound.send_budget import BudgetSpent, MethodClass, SendBudget

DEFAULT_BASE_URL = "https://slack.com/api/"


Call = Callable[..., Awaitable[AsyncSlackResponse]]
"""A bound method of the Slack client."""


def outbound_client(
    token: str, *, base_url: str = DEFAULT_BASE_URL, timeout_s: int = 10
) -> AsyncWebClient:
    """Return a client that never repeats a call by itself.

    The SDK's own client repeats a call whose connection broke, and so posts twice what Slack had
    received: https://github.com/slackapi/python-slack-sdk (``http_retry``). Repeating is the
    outbox's decision, with a look into the channel first.
    """
    return AsyncWebClient(token=token, base_url=base_url, timeout=timeout_s, retry_handlers=[])


class SlackCalls:
    """Calls Slack within a budget.

    Raises:
        ValueError: the client repeats calls by itself; take `outbound_client`.
    """

    def __init__(self, client: AsyncWebClient, budget: SendBudget) -> None:
        if client.retry_handlers:
            raise ValueError("the client must not have retry handlers: posts would be doubled")
        self.client = client
        self._budget = budget

    async def __call__(
        self, kind: MethodClass, method: Call, *, budget_channel: str = "", **arguments: Any
    ) -> dict[str, Any]:
        """Call ``method`` once and return the body of its answer.

        Raises:
            DeliveryFailed: Slack refused or could not be reached, or the budget is spent for
                longer than it is sensible to wait here.
        """
        await self.reserve(kind, budget_channel)
        try:
            answer = await method(**arguments)
        except CALL_ERRORS as error:
            failure = delivery_failure(error)
            if failure.retry_after is not None:
                self._budget.hold(kind, budget_channel, failure.retry_after)
            raise failure from error
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def reserve(self, kind: MethodClass, channel_id: str = "") -> None:
        """Wait until a call of this kind is allowed.

        Raises:
            DeliveryFailed: that would take too long; ``retry_after`` says how long.
        """
        try:
            await self._budget.acquire(kind, channel_id)
        except BudgetSpent as spent:
            raise DeliveryFailed("rate_budget", retry_after=spent.wait) from spent
