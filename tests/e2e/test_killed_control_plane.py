"""The control plane may be killed at any moment: nothing is lost and nothing is said twice."""

from __future__ import annotations

import pytest

from tests.e2e.world import ALICE, BOB, CHANNEL, World

pytestmark = [pytest.mark.e2e, pytest.mark.training]


def test_a_run_goes_on_while_the_control_plane_is_dead(world: World) -> None:
    world.people.say(ALICE, CHANNEL, "/gpu reserve 1 now 2h train epochs=60")
    world.people.wait_for(lambda: world.epoch_shown() >= 5, 60)
    trainers = world.trainer_pids()
    assert len(trainers) == 1

    environment = world.kill("serve")
    shown_before = world.epoch_shown()
    assert not world.people.say(ALICE, CHANNEL, "/gpu status")["ok"]
    assert world.trainer_pids() == trainers, "the training does not need the control plane"
    world.start("serve", environment)

    world.wait_for_card("60/60 epochs in")
    assert shown_before < 60
    assert world.rows("SELECT number, state, end_cause FROM attempts") == [
        (1, "ended", "succeeded")
    ]
    epochs = [epoch for (epoch,) in world.rows("SELECT epoch FROM epochs ORDER BY epoch")]
    assert epochs == list(range(1, 61)), "every epoch is known, each once"
    world.people.wait_for(lambda: len(world.thread()) >= 3, 30)
    assert len(world.cards()) == 1
    thread = world.thread()
    assert len(thread) == len(set(thread)) == 3, thread
    assert world.rows("SELECT count(*) FROM outbox WHERE state = 'dead'") == [(0,)]


def test_a_card_that_went_out_unrecorded_is_not_posted_again(world: World) -> None:
    # The control plane dies between Slack's taking the message and its own writing that down.
    world.people.faults("chat.postMessage", "slow", 1, delay_s=2.0)
    world.people.say(BOB, CHANNEL, "/gpu reserve 1 now 2h")
    world.people.wait_for(lambda: world.people.faults_waiting("chat.postMessage") == 0, 10)
    environment = world.kill("serve")
    world.people.wait_for(world.cards, 10)
    assert world.rows("SELECT count(*) FROM cards") == [(0,)]

    world.start("serve", environment)

    world.people.wait_for(lambda: world.rows("SELECT 1 FROM cards"), 60)
    assert len(world.cards()) == 1
    assert world.rows("SELECT ts FROM cards") == [(world.cards()[0]["ts"],)]


def test_a_booking_made_while_slack_is_down_is_told_when_it_is_back(world: World) -> None:
    world.people.faults("chat.postMessage", "503", 3)
    world.people.say(ALICE, CHANNEL, "/gpu reserve 1 now 2h")
    world.wait_for_card("R1", timeout_s=30)
    assert len(world.cards()) == 1
    assert world.rows("SELECT tries FROM outbox WHERE kind = 'card' ORDER BY id LIMIT 1") == [(4,)]
