"""Processes that no booking explains, as people deal with them in Slack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.bootstrap.system_clock import SystemClock
from bot.domain.processes import GpuNow, ProcessState, ProcessView, StopOutcome
from bot.protocol.messages import GpuProcess, GpuReading, Report
from bot.sandbox.block_kit_rules import message_problems
from bot.services import hosts, process_views
from bot.slack.blocks.process_words import (
    ADOPT_ACTION,
    DENY_ACTION,
    STOP_ACTION,
    process_card,
    processes_card,
)
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from tests.slack.inbound.office import Office, text_of, values_of
from tests.support.clock import SetClock

START = datetime(2026, 11, 23, 12, 10, tzinfo=UTC)
NASTY = "<!channel> `rm *_~` @here " + "x" * 200


async def notice(office: Office, clock: SetClock, index: int = 0) -> ProcessView:
    """Let two readings show a process on a GPU, and return it."""
    found = GpuProcess(pid=4711, user="bob", command="python train.py", started_at=START)
    for _ in range(2):
        readings = tuple(
            GpuReading(
                uuid=f"GPU-host1-{at}",
                process_pids=(4711,) if at == index else (),
                processes=(found,) if at == index else (),
            )
            for at in range(4)
        )
        report = Report(host_id=1, sent_at=clock.now(), gpus=readings)
        office.berth.write(hosts.take_report, report)
        clock.advance(seconds=21)
    (view,) = office.berth.read(process_views.open_ones)
    return view


async def test_it_is_listed_and_adopted_by_a_click(office: Office, clock: SetClock) -> None:
    assert "belongs to a booking" in text_of(await office.say("/gpu processes"))
    view = await notice(office, clock)
    listed = await office.say("/gpu processes", user="U0BOB")
    for part in ("python train.py", "4711", "bob", "booked by nobody", "Berth stops nothing"):
        assert part in text_of(listed)
    (value,) = values_of(listed, ADOPT_ACTION)
    assert value == str(view.process_id)
    await office.click(listed, ADOPT_ACTION, value, user="U0BOB")
    await office.eventually(
        lambda: any("is yours" in text_of(one) for one in office.ephemerals("U0BOB"))
    )
    (booked,) = office.reservations("U0BOB")
    assert booked.note.startswith("adopted: bob python")
    theirs = await office.say("/gpu processes")
    assert values_of(theirs, ADOPT_ACTION) == []


async def test_not_mine_and_stop_it_are_answered(office: Office, clock: SetClock) -> None:
    view = await notice(office, clock)
    listed = await office.say("/gpu processes", user="U0BOB")
    value = str(view.process_id)
    await office.click(listed, DENY_ACTION, value, user="U0BOB")
    await office.eventually(
        lambda: any("is not yours" in text_of(one) for one in office.ephemerals("U0BOB"))
    )
    await office.click(listed, STOP_ACTION, value, user="U0BOB")
    await office.eventually(
        lambda: any("Only an admin" in text_of(one) for one in office.ephemerals("U0BOB"))
    )
    for_admin = await office.say("/gpu processes")
    assert "<@U0BOB>" in text_of(for_admin)
    await office.click(for_admin, STOP_ACTION, value)
    await office.eventually(
        lambda: any("SIGTERM" in text_of(one) for one in office.ephemerals("U0ALICE")[1:])
    )
    (wanted,) = office.berth.read(hosts.desired_state, 1).stop_processes
    assert wanted.pid == 4711


async def test_the_message_is_posted_and_edited_where_it_stands(
    office: Office, clock: SetClock
) -> None:
    view = await notice(office, clock)
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    messenger = SlackMessenger(client, SystemClock(), SendBudget())
    key = "process:1:1"
    channel = await messenger.post_process_card("C0GPU", view, delivery_key=key, uncertain=False)
    again = await messenger.post_process_card("C0GPU", view, delivery_key=key, uncertain=True)
    assert again == channel
    direct = await messenger.post_process_card("U0BOB", view, delivery_key="k2", uncertain=False)
    assert direct.channel_id.startswith("D")
    gone = a_view(state=ProcessState.GONE, gone_at=START)
    await messenger.update_process_card(channel, gone)
    shown = [one for one in office.slack.state.messages.history("C0GPU") if one["ts"] == channel.ts]
    assert "is gone" in text_of(shown[0])


def a_view(state: ProcessState = ProcessState.OPEN, **more: object) -> ProcessView:
    fields: dict[str, object] = {
        "process_id": 1,
        "version": 3,
        "state": state,
        "host_name": NASTY,
        "pid": 4711,
        "user": NASTY,
        "command": NASTY,
        "started_at": START,
        "first_seen_at": START,
        "memory_mib": 70_000.0,
        "gpus": tuple(
            GpuNow(f"gpu{at}@{NASTY}", at, 1, "U0ALICE", START + timedelta(hours=2), trains=True)
            if at % 2
            else GpuNow(f"gpu{at}@{NASTY}")
            for at in range(8)
        ),
        **more,
    }
    return ProcessView(**fields)  # type: ignore[arg-type] # every field has its type above


def test_every_state_and_outcome_is_a_message_that_slack_takes() -> None:
    views = [a_view(state, gone_at=START) for state in ProcessState]
    views += [
        a_view(stop_asked_by=by, stop_asked_at=START, stop_outcome=outcome)
        for by in ("U0ALICE", "policy")
        for outcome in ("", "of a newer agent", *StopOutcome)
    ]
    views.append(a_view(stop_at=START, likely_slack_id="U0BOB", denied_by=("U0EVE",) * 30))
    views.append(a_view(user="", command="", started_at=None, memory_mib=None))
    for card in (*map(process_card, views), processes_card(views), processes_card(())):
        assert message_problems(list(card.blocks)) == []
        spoken = [block["text"]["text"] for block in card.blocks if block["type"] == "section"]
        assert "<!channel>" not in " ".join([card.text, *spoken])


async def test_an_admin_says_whose_a_unix_user_is(office: Office, clock: SetClock) -> None:
    told = await office.say("/gpu member <@U0BOB|bob> unix=bob")
    assert "Processes of bob are <@U0BOB>'s" in text_of(told)
    await office.say("/gpu reserve 4 now 4h")
    view = await notice(office, clock)
    assert view.likely_slack_id == "U0BOB"
    refused = await office.say("/gpu member <@U0BOB|bob> unix=bob", user="U0BOB")
    assert "Only an admin" in text_of(refused)
    wrong = await office.say("/gpu member <@U0BOB|bob> unix=root")
    assert "nobody's own" in text_of(wrong)
    none = await office.say("/gpu member <@U0BOB|bob> unix=none")
    assert "No Unix user" in text_of(none)
