"""An office over Socket Mode, and one over whichever mode a test asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.store.database import Database
from tests.slack.inbound.office import Office, open_office
from tests.support.clock import SetClock


@pytest.fixture
async def office(sqlite: Database, clock: SetClock) -> AsyncIterator[Office]:
    """Everything over Socket Mode, four GPUs on one host."""
    async with open_office("socket", sqlite, clock) as opened:
        yield opened


@pytest.fixture(params=["socket", "http"])
async def any_office(
    request: pytest.FixtureRequest, sqlite: Database, clock: SetClock
) -> AsyncIterator[Office]:
    """The same over both ways in which Slack reaches Berth."""
    async with open_office(request.param, sqlite, clock) as opened:
        yield opened
