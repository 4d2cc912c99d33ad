"""What Slack's refusals mean for a delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError

from bot.slack.outbound.failures import delivery_failure


class Answer:
    """Just enough of a response of the SDK."""

    def __init__(
        self, data: Any, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.data = data
        self.status_code = status_code
        self.headers = headers or {}


def refusal(code: str, status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
    return api_error(Answer({"ok": False, "error": code}, status, headers))


def api_error(answer: Answer) -> SlackApiError:
    return SlackApiError("refused", answer)  # type: ignore[no-untyped-call]  # the SDK's is untyped


@pytest.mark.parametrize(
    "code",
    [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "message_not_found",
        "account_inactive",
        "user_disabled",
        "invalid_blocks",
        "missing_scope",
    ],
)
def test_what_a_person_must_mend_is_permanent(code: str) -> None:
    failure = delivery_failure(refusal(code))
    assert failure.permanent
    assert failure.reason == code
    assert failure.retry_after is None


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked"])
def test_what_is_to_be_said_waits_for_the_app_to_be_installed_again(code: str) -> None:
    failure = delivery_failure(refusal(code))
    assert not failure.permanent
    assert failure.retry_after == timedelta(minutes=1)


@pytest.mark.parametrize("code", ["internal_error", "fatal_error", "unknown_new_one"])
def test_everything_else_may_go_better_next_time(code: str) -> None:
    failure = delivery_failure(refusal(code))
    assert not failure.permanent
    assert failure.reason == code


def test_a_rate_limit_asks_for_its_pause() -> None:
    limited = refusal("ratelimited", 429, {"retry-after": "13"})
    assert delivery_failure(limited).retry_after == timedelta(seconds=13)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "inf"}])
def test_a_rate_limit_without_a_readable_pause_gets_one(headers: dict[str, str]) -> None:
    failure = delivery_failure(refusal("ratelimited", 429, headers))
    assert failure.retry_after == timedelta(seconds=30)
    assert not failure.permanent


@pytest.mark.parametrize("data", ["upstream connect error", {}, None, b""])
def test_an_answer_of_a_proxy_is_named_by_its_status(data: Any) -> None:
    failure = delivery_failure(api_error(Answer(data, 502)))
    assert failure.reason == "http_502"
    assert not failure.permanent


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "connection_failed"),
        (aiohttp.ServerTimeoutError(), "timeout"),
        (ConnectionResetError(), "connection_failed"),
        (SlackRequestError("upload: 500"), "request_failed"),
    ],
)
def test_a_broken_connection_may_go_better_next_time(
    error: aiohttp.ClientError | OSError | SlackClientError, reason: str
) -> None:
    failure = delivery_failure(error)
    assert failure.reason == reason
    assert not failure.permanent
