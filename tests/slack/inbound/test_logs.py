"""``/gpu logs``, and the menu on the card of a training."""

from __future__ import annotations

from pathlib import Path

from bot.bootstrap.system_clock import SystemClock
from bot.clockwork.deliveries import DeliveryRound
from bot.protocol.messages import EndCause
from bot.slack.blocks.again_button import AGAIN_ACTION as SAME_ACTION
from bot.slack.blocks.logs import AGAIN_ACTION, FULL_ACTION
from bot.slack.blocks.run_menu import MENU_ACTION
from bot.slack.blocks.train_modal import CALLBACK
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from bot.store.artifacts import FsspecArtifactStore
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clock import SetClock
from tests.support.logged_run import LoggedRun


async def a_run(office: Office, clock: SetClock, folder: Path) -> LoggedRun:
    await office.say("/gpu train yolov8l coco.yaml epochs=3 on 2 now 4h")
    run = LoggedRun(office.berth, clock, 1, FsspecArtifactStore(str(folder)))
    run.start()
    return run


async def deliver(office: Office, run: LoggedRun) -> Json:
    """Send what is due, and return the card."""
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    messenger = SlackMessenger(client, SystemClock(), SendBudget())
    one_round = DeliveryRound(office.obstacles, messenger, run.store, "test")
    while await one_round.deliver_due():
        pass
    history = office.slack.state.messages.history("C0GPU")
    (card,) = [one for one in history if MENU_ACTION in str(one.get("blocks"))]
    return {**card, "channel": "C0GPU"}


async def test_the_last_lines_are_shown_and_refreshed(
    office: Office, clock: SetClock, tmp_path: Path
) -> None:
    run = await a_run(office, clock, tmp_path)
    run.tell("\x1b[31mred\x1b[0m alert", "`rm -rf` <!channel>", "epoch 1 done")
    told = await office.say("/gpu logs")
    assert "red alert" in text_of(told)
    assert "\x1b" not in text_of(told)
    assert "<!channel>" not in text_of(told)
    (value,) = values_of(told, AGAIN_ACTION)
    run.tell("epoch 2 done")
    await office.click(told, AGAIN_ACTION, value)
    await office.eventually(lambda: "epoch 2 done" in text_of(office.ephemerals("U0ALICE")[-1]))
    one = await office.say("/gpu logs R1 attempt 1 1", user="U0BOB")
    assert "epoch 2 done" in text_of(one)
    none = await office.say("/gpu logs R1 attempt 4", user="U0BOB")
    assert "no attempt 4" in text_of(none)
    wrong = await office.say("/gpu logs please", user="U0BOB")
    assert "R12" in text_of(wrong)


async def test_the_full_log_comes_into_the_thread(
    office: Office, clock: SetClock, tmp_path: Path
) -> None:
    run = await a_run(office, clock, tmp_path)
    run.end(EndCause.CRASHED, "bang")
    run.keep_log("one\ntwo\nbang\n")
    card = await deliver(office, run)
    told = await office.say("/gpu logs R1")
    assert "the trainer crashed" in text_of(told)
    (value,) = values_of(told, FULL_ACTION)
    await office.click(told, FULL_ACTION, value)
    await office.eventually(
        lambda: any("comes into the thread" in text_of(one) for one in office.ephemerals("U0ALICE"))
    )
    await deliver(office, run)
    thread = office.slack.state.messages.thread("C0GPU", card["ts"])
    files = [file for one in thread for file in one.get("files", ())]
    assert [file["name"] for file in files] == ["attempt-1.log"]


async def test_the_menu_of_a_card_saves_shows_and_starts_again(
    office: Office, clock: SetClock, tmp_path: Path
) -> None:
    run = await a_run(office, clock, tmp_path)
    run.tell("hello from the trainer")
    card = await deliver(office, run)
    await office.click(card, MENU_ACTION, "logs 1", user="U0BOB")
    await office.eventually(
        lambda: any("hello from" in text_of(one) for one in office.ephemerals("U0BOB"))
    )
    await office.click(card, MENU_ACTION, "save 1")
    await office.eventually(lambda: "Save as template" in str(office.modal()))
    refused = await office.submit({"name": "two words"})
    assert "cannot be the name" in refused["errors"]["name"]
    assert (await office.submit({"name": "@nightly"}))["ok"]
    await office.eventually(
        lambda: any("Kept as @nightly" in text_of(one) for one in office.ephemerals("U0ALICE"))
    )
    run.end(EndCause.SUCCEEDED)
    over = await deliver(office, run)
    assert values_of(over, SAME_ACTION) == ["1"]
    await office.click(over, SAME_ACTION, "1", user="U0BOB")
    await office.eventually(lambda: office.modal("U0BOB"))
    form = office.modal("U0BOB")
    assert form is not None
    assert form["callback_id"] == CALLBACK
    assert "Nearest window" in text_of(form)
    await office.submit(user="U0BOB")
    (booked,) = office.reservations("U0BOB")
    assert booked.run is not None
    assert booked.run.spec.model == "yolov8l"
