"""A started stand-in, and ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn


@pytest.fixture
def options() -> StandInOptions:
    """Like Slack, without rate limits; a test overrides this to ask for something else."""
    return StandInOptions(rate_limits=False, redelivery_delays_s=())


@pytest.fixture
async def stand_in(options: StandInOptions) -> AsyncIterator[SlackStandIn]:
    """A stand-in on a free port."""
    async with SlackStandIn(SystemClock(), options) as started:
        yield started


@pytest.fixture
async def http(stand_in: SlackStandIn) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the stand-in."""
    async with httpx.AsyncClient(base_url=stand_in.base_url, trust_env=False) as client:
        yield client


@pytest.fixture
def api(http: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Calls a Web API method with the right token and returns the answer's body."""

    async def call(method: str, **args: Any) -> dict[str, Any]:
        token = "xapp-local" if method == "apps.connections.open" else "xoxb-local"
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post(f"/api/{method}", json=args, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    return call


@pytest.fixture
def console(http: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Posts to the console API and returns the answer's body."""

    async def call(what: str, **body: Any) -> dict[str, Any]:
        answer = await http.post(f"/console/{what}", json=body, timeout=20)
        parsed: dict[str, Any] = answer.json()
        return parsed

    return call
