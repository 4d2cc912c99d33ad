"""What Slack's refusals mean for a delivery: try again, wait, or give up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.ports.messenger import DeliveryFailed

PERMANENT_CODES = frozenset(
    {
        # https://docs.slack.dev/reference/methods/chat.postMessage#errors
        "as_user_not_supported",
        "cannot_reply_to_message",
        "channel_not_found",
        "duplicate_channel_not_found",
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "too_many_attachments",
        # https://docs.slack.dev/reference/methods/chat.update#errors
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        # https://docs.slack.dev/reference/methods/conversations.open#errors
        "user_disabled",
        "user_not_found",
        "users_not_found",
        "cannot_dm_bot",
        "user_not_visible",
        # https://docs.slack.dev/reference/methods/conversations.replies#errors
        "thread_not_found",
        # https://docs.slack.dev/reference/methods/files.completeUploadExternal#errors
        "file_sharing_disabled",
        "invalid_channel",
        "invalid_thread_ts",
        # https://docs.slack.dev/reference/methods/auth.test#errors and the errors common to all
        "access_denied",
        "account_inactive",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
    }
)
"""Codes with which the same call cannot succeed until a person changes something."""

APP_CODES = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Codes with which no call succeeds until the app is installed again.

Nothing can be said to anybody meanwhile, and nobody is at fault who was to be told: it all waits.
"""

BLOCK_CODES = frozenset({"invalid_blocks", "invalid_blocks_format"})

_DEFAULT_PAUSE = timedelta(seconds=30)
_REINSTALL_PAUSE = timedelta(minutes=1)


CALL_ERRORS = (SlackClientError, aiohttp.ClientError, OSError)
"""Everything that a call to Slack may raise; a time-out is an `OSError`."""


def delivery_failure(error: SlackClientError | aiohttp.ClientError | OSError) -> DeliveryFailed:
    """Return the failure that an exception of the Slack client stands for.

    A rate limit asks for a pause (https://docs.slack.dev/apis/web-api/rate-limits); the codes of
    `PERMANENT_CODES` end the delivery, those of `APP_CODES` put it off; everything else, such as
    5xx, ``internal_error``, a reset connection or a time-out, may go better next time.
    """
    if isinstance(error, SlackApiError):
        return _of_answer(error)
    if isinstance(error, TimeoutError):
        return DeliveryFailed("timeout")
    if isinstance(error, SlackClientError):
        return DeliveryFailed("request_failed")
    return DeliveryFailed("connection_failed")


def error_code(error: SlackApiError) -> str:
    """Return Slack's own code of a refusal, or ``http_<status>`` when the answer has none."""
    body = getattr(error.response, "data", None)
    code = body.get("error") if isinstance(body, Mapping) else None
    return str(code) if code else f"http_{_status(error.response)}"


def _of_answer(error: SlackApiError) -> DeliveryFailed:
    code = error_code(error)
    if _status(error.response) == 429 or code in ("ratelimited", "rate_limited"):
        return DeliveryFailed("ratelimited", retry_after=_pause(error.response))
    if code in APP_CODES:
        return DeliveryFailed(code, retry_after=_REINSTALL_PAUSE)
    return DeliveryFailed(code, permanent=code in PERMANENT_CODES)


def _status(response: Any) -> int:
    # An answer that is not JSON comes as aiohttp's response, which names its status differently.
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    return status if isinstance(status, int) else 0


def _pause(response: Any) -> timedelta:
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    named = {str(name).lower(): value for name, value in headers.items()}
    try:
        return timedelta(seconds=max(0.0, float(named["retry-after"])))
    except (KeyError, ValueError, OverflowError):
        return _DEFAULT_PAUSE
