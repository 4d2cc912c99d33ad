"""The same Berth over signed HTTP requests and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.bootstrap.demo import DemoOptions
from bot.bootstrap.demo_story import plain_text
from tests.e2e.world import ALICE, BOB, CHANNEL, World, run_world
from tests.support.databases import create_database

pytestmark = [pytest.mark.e2e, pytest.mark.training]


@pytest.fixture
def world(tmp_path: Path, postgres_url: str) -> Iterator[World]:
    options = DemoOptions(http=True, database_url=create_database(postgres_url))
    yield from run_world(tmp_path / "demo", options)


def test_a_training_runs_over_http_and_postgresql(world: World) -> None:
    asked = world.people.say(ALICE, CHANNEL, "/gpu reserve 2 now 2h train epochs=3 payload v2")
    assert asked["ok"]
    assert "payload v2" in world.wait_for_card("3/3 epochs in")
    assert world.people.say(BOB, CHANNEL, "/gpu reserve 1 now 2h")["ok"]
    refusal = world.people.wait_for(lambda: world.people.ephemerals(BOB), 5)[-1]
    assert f"<@{ALICE}>" in plain_text(refusal)
    assert world.people.calls("apps.connections.open") == []
    assert len(world.cards()) == 1
