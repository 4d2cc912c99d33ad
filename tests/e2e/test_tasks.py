"""A training of another task, from the line in Slack to the figures on its card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.bootstrap.demo_story import plain_text
from tests.e2e.world import ALICE, CHANNEL, World, run_world

pytestmark = [pytest.mark.e2e, pytest.mark.training, pytest.mark.timeout(900)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from run_world(tmp_path / "demo")


def test_classify_and_segment_from_slack_to_the_card(world: World) -> None:
    wrong = "/gpu reserve 1 now 2h model=tiny-seg.yaml data=shapes-seg task=pose project=x lr0=9"
    world.people.say(ALICE, CHANNEL, wrong)
    refusal = plain_text(world.people.wait_for(lambda: world.people.ephemerals(ALICE), 30)[-1])
    for words in ("is a model to segment", "Berth's to choose", "lr0"):
        assert words in refusal
    for suffix in ("cls", "seg"):
        asked = f"/gpu reserve 1 now 2h model=tiny-{suffix}.yaml data=shapes-{suffix} epochs=2"
        assert world.people.say(ALICE, CHANNEL, asked)["ok"]
    assert "top-1" in world.wait_for_card("2/2 epochs in")
    assert "mask mAP50-95" in world.wait_for_card("2/2 epochs in", number=2)
