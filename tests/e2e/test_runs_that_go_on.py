"""A training goes on elsewhere and after a crash: same epochs, one card, never in two places."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.e2e.world import ALICE, CHANNEL, World

pytestmark = [pytest.mark.e2e, pytest.mark.training]

EPOCHS = 40


def add_host(world: World) -> None:
    """Start a second agent, on a host of its own."""
    agent = psutil.Process(world.processes.processes["agent"].pid)
    environment = {name: text for name, text in agent.environ().items() if "BERTH_" in name}
    environment |= {
        "BERTH_AGENT_HOST_NAME": "host2",
        "BERTH_AGENT_STATE_DIR": str(world.processes.folder / "agent2"),
    }
    world.processes.start("agent2", "agent", environment=environment)
    world.people.wait_for(lambda: len(world.rows("SELECT 1 FROM hosts")) == 2, 60)


def epochs_of_run(world: World) -> list[int]:
    return [epoch for (epoch,) in world.rows("SELECT DISTINCT epoch FROM epochs ORDER BY epoch")]


def test_it_stops_at_a_checkpoint_and_goes_on_on_another_host(world: World) -> None:
    world.people.say(ALICE, CHANNEL, f"/gpu reserve 2 now 2h train epochs={EPOCHS}")
    world.people.wait_for(lambda: world.epoch_shown() >= 5, 120)
    add_host(world)
    first_card = world.card()
    assert first_card is not None

    world.people.say(ALICE, CHANNEL, "/gpu continue R1 now")

    world.wait_for_card(f"{EPOCHS}/{EPOCHS} epochs in", number=2)
    attempts = world.rows(
        "SELECT attempts.number, hosts.name, attempts.reservation_id, attempts.end_cause"
        " FROM attempts JOIN hosts ON hosts.id = attempts.host_id ORDER BY attempts.number"
    )
    assert attempts == [(1, "host1", 1, "stopped"), (2, "host2", 2, "succeeded")]
    assert epochs_of_run(world) == list(range(1, EPOCHS + 1)), "as many as were asked for"
    began = world.rows("SELECT min(epoch) FROM epochs WHERE attempt_id = 2")
    assert began[0][0] > 1, "from its checkpoint, not from the beginning"
    card = world.card(2)
    assert card is not None
    assert card["ts"] == first_card["ts"], "one run, one card"
    assert world.cards(1) == []
    overlap = world.rows(
        "SELECT 1 FROM attempts AS a JOIN attempts AS b ON a.number < b.number"
        " WHERE b.assigned_at < a.ended_at"
    )
    assert overlap == [], "never in two places"
    assert world.rows("SELECT state FROM reservations WHERE id = 1") == [("ended",)]


def test_a_crash_is_tried_again_and_succeeds(world: World) -> None:
    environment = world.kill("serve")
    world.start("serve", {**environment, "BERTH_RETRY_FIRST_S": "2"})
    world.people.wait_for(
        lambda: world.people.say(ALICE, CHANNEL, f"/gpu reserve 1 now 2h train epochs={EPOCHS}")[
            "ok"
        ],
        60,
    )
    world.people.wait_for(lambda: world.epoch_shown() >= 5, 120)
    for pid in world.trainer_pids():
        os.kill(pid, signal.SIGKILL)

    world.wait_for_card(f"{EPOCHS}/{EPOCHS} epochs in")

    ends = world.rows("SELECT number, end_cause FROM attempts ORDER BY number")
    assert [cause for _, cause in ends][-1] == "succeeded"
    assert len(ends) == 2
    assert epochs_of_run(world) == list(range(1, EPOCHS + 1))
    assert any("is tried again" in line for line in world.thread())
    assert len(world.cards()) == 1
    (late_s,) = world.rows("SELECT late_s FROM attempts WHERE number = 1")[0]
    assert 0 <= late_s < 60
