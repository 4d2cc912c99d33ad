"""HTTP mode: signed requests to the app.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.courier import Ack, Envelope
from bot.sandbox.state import StandInState

FORM = "application/x-www-form-urlencoded"


class HttpMode:
    """Posts envelopes to `request_url`."""

    def __init__(self, state: StandInState, session: aiohttp.ClientSession) -> None:
        self._state = state
        self._session = session
        self._reachable = True

    @property
    def connected(self) -> bool:
        """Whether the last request reached the app (True before the first)."""
        return self._reachable

    async def deliver(self, envelope: Envelope) -> Ack:
        """Post an envelope and take a 2xx answer as the acknowledgement."""
        body, headers = self._signed(envelope)
        started_s = time.perf_counter()
        deadline = aiohttp.ClientTimeout(total=self._state.options.ack_deadline_s)
        url = self._state.options.request_url or ""
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=deadline, allow_redirects=False
            ) as response:
                text = await response.text()
                ack = _read_answer(response, text, _since_ms(started_s))
        except TimeoutError:
            ms = _since_ms(started_s)
            return Ack(False, ms, failure="operation_timeout", retry_reason="http_timeout")
        except aiohttp.ClientError:
            self._reachable = False
            reason = "connection_failed"
            ms = _since_ms(started_s)
            return Ack(False, ms, failure="app_not_connected", retry_reason=reason)
        self._reachable = True
        return ack

    def _signed(self, envelope: Envelope) -> tuple[str, dict[str, str]]:
        body, content_type = _body(envelope)
        timestamp = str(int(self._state.clock.now().timestamp()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._state.options.signing_secret, timestamp, body),
        }
        if envelope.retry_attempt:
            headers["X-Slack-Retry-Num"] = str(envelope.retry_attempt)
            headers["X-Slack-Retry-Reason"] = envelope.retry_reason
        return body, headers


def signature(secret: str, timestamp: str, body: str) -> str:
    """Return the `X-Slack-Signature` of a request body."""
    base = f"v0:{timestamp}:{body}".encode()
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def _since_ms(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1000


def _body(envelope: Envelope) -> tuple[str, str]:
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload), "application/json"
    if envelope.kind == "slash_commands":
        return urlencode(envelope.payload), FORM
    return urlencode({"payload": json.dumps(envelope.payload)}), FORM


def _read_answer(response: aiohttp.ClientResponse, text: str, ms: float) -> Ack:
    if 200 <= response.status < 300:
        return Ack(True, ms, _payload(text))
    reason = "too_many_redirects" if 300 <= response.status < 400 else "http_error"
    may_retry = response.headers.get("X-Slack-No-Retry") != "1"
    return Ack(False, ms, None, "dispatch_failed", reason, may_retry)


def _payload(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {"text": text}
