"""A research training is preempted by an approved P0: both finish, the channel tells the story."""

from __future__ import annotations

from typing import Any

import pytest

from bot.bootstrap.demo_story import plain_text
from bot.slack.blocks.preemption import APPROVE_ACTION, ASK_ACTION
from tests.e2e.world import ALICE, BOB, CHANNEL, Message, World

pytestmark = [pytest.mark.e2e, pytest.mark.training]

EPOCHS, URGENT_EPOCHS = 40, 2


def button_of(message: Message, action: str) -> dict[str, Any] | None:
    found = [
        element
        for block in message["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == action
    ]
    return found[0] if found else None


def question(world: World) -> Message | None:
    card = world.card(2)
    replies = world.people.thread(CHANNEL, card["ts"]) if card else []
    return next((each for each in replies if button_of(each, APPROVE_ACTION)), None)


def continuation(world: World) -> int:
    ((number,),) = world.rows("SELECT to_reservation_id FROM continuations")
    return int(number)


def test_both_finish_with_all_their_epochs(world: World) -> None:
    environment = world.kill("serve")
    world.start(
        "serve",
        environment
        | {
            "BERTH_SLOT_MINUTES": "1",
            "BERTH_PREEMPTION_GRACE_S": "10",
            "BERTH_PREEMPTION_PROTECTED_S": "0",
        },
    )
    train = f"/gpu reserve 2 now 20m train epochs={EPOCHS}"
    world.people.wait_for(lambda: world.people.say(ALICE, CHANNEL, train)["ok"], 60)
    world.people.wait_for(lambda: world.epoch_shown() >= 3, 120)
    seen = len(world.people.ephemerals(BOB))
    world.people.say(BOB, CHANNEL, f"/gpu reserve 2 now 1m p0 train epochs={URGENT_EPOCHS}")
    (refusal,) = world.people.wait_for(lambda: world.people.ephemerals(BOB)[seen:], 15)
    ask = button_of(refusal, ASK_ACTION)
    assert ask is not None, plain_text(refusal)
    world.people.click(BOB, CHANNEL, refusal["ts"], ASK_ACTION, value=ask["value"])
    asked = world.people.wait_for(lambda: question(world), 20)
    approve = button_of(asked, APPROVE_ACTION)
    assert approve is not None
    world.people.click(ALICE, CHANNEL, asked["ts"], APPROVE_ACTION, value=approve["value"])

    world.wait_for_card(f"{URGENT_EPOCHS}/{URGENT_EPOCHS} epochs in", number=2, timeout_s=150)
    goes_on = continuation(world)
    world.wait_for_card(f"{EPOCHS}/{EPOCHS} epochs in", number=goes_on, timeout_s=240)

    ends = world.rows(
        "SELECT reservation_id, stop_reason, end_cause FROM attempts ORDER BY assigned_at"
    )
    assert [(which, stop) for which, stop, _ in ends] == [
        (1, "preempted"),
        (2, None),
        (goes_on, None),
    ]
    assert [cause for _, _, cause in ends][1:] == ["succeeded", "succeeded"]
    states = world.rows("SELECT DISTINCT state FROM runs")
    assert states == [("succeeded",)], "preempted is not failed"
    story = [plain_text(each) for each in world.people.messages(CHANNEL)]
    assert any("will be taken back at" in each for each in story)
    actions = [action for (action,) in world.rows("SELECT action FROM audit_events ORDER BY id")]
    told = [each for each in actions if each.startswith("preemption.") or each == "run.handed_on"]
    assert told[:2] == ["preemption.asked", "preemption.agreed"]
    assert "run.handed_on" in told
