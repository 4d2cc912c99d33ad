"""Incidents, as people meet them in Slack."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.bootstrap.system_clock import SystemClock
from bot.domain.incident_notices import IncidentTold
from bot.domain.incidents import Holder, IncidentKind, IncidentState, IncidentView
from bot.protocol.messages import GpuReading, Report
from bot.sandbox.block_kit_rules import message_problems
from bot.services import hosts, incident_views
from bot.slack.blocks.card import Card
from bot.slack.blocks.incident_words import (
    ACKNOWLEDGE_ACTION,
    acknowledged_card,
    incident_card,
    incident_message,
    open_incident_blocks,
)
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from tests.slack.inbound.office import Office, text_of
from tests.support.clock import SetClock

T0 = datetime(2026, 11, 23, 12, 10, tzinfo=UTC)
NASTY = "<!channel> `rm *_~` @here " + "x" * 200


def view_of(kind: IncidentKind = IncidentKind.XID, **more: object) -> IncidentView:
    fields: dict[str, object] = {
        "incident_id": 1,
        "version": 2,
        "kind": kind,
        "state": IncidentState.OPEN,
        "host_name": "host1",
        "gpu_name": "gpu0@host1",
        "gpu_uuid": "GPU-host1-0",
        "value": 79.0,
        "worst": 95.0,
        "times": 1,
        "opened_at": T0,
        "holders": (Holder("U0ALICE", 12),),
        **more,
    }
    return IncidentView(**fields)  # type: ignore[arg-type] # every field has its type above


async def an_xid(office: Office, clock: SetClock) -> IncidentView:
    readings = (GpuReading(uuid="GPU-host1-0", xid=79),)
    report = Report(host_id=1, sent_at=clock.now(), gpus=readings)
    office.berth.write(hosts.take_report, report)
    (view,) = office.berth.read(incident_views.open_ones)
    return view


def _at(office: Office, ts: str) -> list[dict[str, object]]:
    return [one for one in office.slack.state.messages.history("C0GPU") if one["ts"] == ts]


async def test_hosts_lists_what_is_wrong(office: Office, clock: SetClock) -> None:
    await an_xid(office, clock)
    listed = text_of(await office.say("/gpu hosts"))
    assert "gpu0@host1" in listed
    assert "fallen off the bus" in listed


async def test_the_message_is_posted_once_edited_and_acknowledged_by_admins(
    office: Office, clock: SetClock
) -> None:
    view = await an_xid(office, clock)
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    messenger = SlackMessenger(client, SystemClock(), SendBudget())
    key = "incident:1:1"
    first = await messenger.post_incident_card("C0GPU", view, delivery_key=key, uncertain=False)
    again = await messenger.post_incident_card("C0GPU", view, delivery_key=key, uncertain=True)
    assert first == again
    direct = await messenger.post_incident_card("U0BOB", view, delivery_key="k2", uncertain=False)
    assert direct.channel_id.startswith("D")
    message = {**_at(office, first.ts)[0], "channel": "C0GPU"}
    await office.click(message, ACKNOWLEDGE_ACTION, str(view.incident_id), user="U0BOB")
    await office.eventually(
        lambda: any("Only an admin" in text_of(one) for one in office.ephemerals("U0BOB"))
    )
    await office.click(message, ACKNOWLEDGE_ACTION, str(view.incident_id))
    await office.eventually(
        lambda: any("looks after" in text_of(one) for one in office.ephemerals("U0ALICE"))
    )
    over = view_of(state=IncidentState.RESOLVED, resolved_at=T0)
    await messenger.update_incident_card(first, over)
    (shown,) = _at(office, first.ts)
    assert "no further critical error" in text_of(shown)
    assert ACKNOWLEDGE_ACTION not in str(shown)


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_every_state_of_every_kind_is_a_message_that_slack_takes(kind: IncidentKind) -> None:
    many = tuple(Holder(f"U0{number}", number) for number in range(30))
    views = [
        view_of(kind, state=state, times=times, value=value, host_name=NASTY, holders=many)
        for state in (IncidentState.OPEN, IncidentState.CLEARING, IncidentState.RESOLVED)
        for times in (1, 2, 3, 9)
        for value in (None, 79.0, 31.0, 4242.0)
    ]
    views.append(view_of(kind, acknowledged_by_slack_id="U0BOB", gpu_name=NASTY))
    cards = [*map(incident_card, views), *map(acknowledged_card, views)]
    cards += [
        incident_message(IncidentTold(1, 1, kind.value, NASTY, is_open=is_open, value=79.0))
        for is_open in (True, False)
    ]
    cards.append(Card("hosts", open_incident_blocks(views)))
    for card in cards:
        assert message_problems(list(card.blocks)) == []
        spoken = [block["text"]["text"] for block in card.blocks if block["type"] == "section"]
        assert "<!channel>" not in " ".join([card.text, *spoken])
