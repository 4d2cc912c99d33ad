"""Maintenance, broken GPUs and the question about use, as people do them in Slack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.domain.notices import notice_from_json
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.protocol.messages import GpuReading, Report
from bot.services import booking, hosts, queries, upkeep
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.outage_words import MOVE_ACTION
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.blocks.usage_buttons import KEEP_ACTION, RELEASE_ACTION, RELEASE_AT_ACTION
from bot.store.offer_tables import UsageCheckRow
from bot.store.tables import OutboxRow
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clock import SetClock
from tests.support.world import a_member


def fire(office: Office) -> None:
    while timers := office.berth.write(upkeep.claim_timers, "test"):
        for timer in timers:
            office.berth.write(upkeep.fire, timer, "test")


async def last_direct(office: Office, user: str) -> Json:
    """Post the last direct message that waits in the outbox, as the clockwork would."""
    payload = office.berth.database.read(
        lambda session: session.scalars(
            select(OutboxRow).where(OutboxRow.lane == f"dm:{user}").order_by(OutboxRow.id.desc())
        ).first()
    )
    assert payload is not None
    card = notice_message(notice_from_json(payload.payload))
    client = office.app.client
    client.token = office.slack.options.bot_token
    opened = await client.conversations_open(users=[user])
    channel = opened["channel"]["id"]
    await client.chat_postMessage(channel=channel, text=card.text, blocks=card.blocks)
    return {**office.direct(user)[0], "channel": channel}


async def test_admins_plan_list_and_call_off_maintenance(office: Office) -> None:
    refused = await office.say("/gpu maintenance host1 tomorrow 8:00 4h", user="U0BOB")
    assert "Only an admin of Berth may plan maintenance" in refused["text"]
    planned = await office.say("/gpu maintenance host1 tomorrow 8:10 4h new *driver*")
    assert "Maintenance R1" in text_of(planned)
    assert "Nothing was in the way" in text_of(planned)
    view = office.berth.run(queries.reservation, 1)
    # 08:10 in Paris, to the minute.
    assert view.window.start == datetime(2026, 11, 24, 7, 10, tzinfo=UTC)
    assert view.window.length == timedelta(hours=4)
    assert view.note == "new *driver*"
    listed = await office.say("/gpu maintenance", user="U0BOB")
    assert "R1" in text_of(listed)
    taken = await office.say("/gpu reserve 1 2026-11-24T08:00Z 2h", user="U0BOB")
    assert "R1" in text_of(taken)
    refused = await office.say("/gpu cancel R1", user="U0BOB")
    assert ":no_entry:" in text_of(refused)
    await office.say("/gpu cancel R1 not needed")
    assert "Everything is in service" in text_of(await office.say("/gpu maintenance"))


async def test_what_cannot_be_read_is_told(office: Office) -> None:
    for text in ("host1", "host1 tomorrow 8:00", "host1 banana 4h", "host1 25:00 4h"):
        answer = await office.say(f"/gpu maintenance {text}")
        assert ":no_entry:" in text_of(answer)
        assert "went wrong" not in text_of(answer)
    assert "no host “host9”" in text_of(await office.say("/gpu maintenance host9 now 2h"))
    assert "I need a host" in text_of(await office.say("/gpu drain"))


async def test_a_click_moves_a_reservation_out_of_the_way(office: Office) -> None:
    bob = a_member(office.berth, "U0BOB")
    start = datetime(2026, 11, 23, 16, tzinfo=UTC)
    wish = ReserveRequest(timedelta(hours=2), gpu_count=4, start=start)
    office.berth.run(booking.reserve, bob, wish)
    planned = await office.say("/gpu maintenance host1 2026-11-23T16:00Z 3h")
    assert "R1 asked for another window" in text_of(planned)
    message = await last_direct(office, "U0BOB")
    assert "needs another window" in text_of(message)
    choices = values_of(message, MOVE_ACTION)
    assert len(choices) == 3
    await office.click(message, MOVE_ACTION, choices[0], user="U0BOB")
    await office.eventually(lambda: office.reservations("U0BOB")[0].window.start > start)
    assert office.reservations("U0BOB")[0].window.start == start + timedelta(hours=4)


async def test_drain_and_broken_by_admins_only(office: Office) -> None:
    for text in ("drain host1", "undrain host1", "broken gpu0@host1", "repaired gpu0@host1"):
        refused = await office.say(f"/gpu {text}", user="U0BOB")
        assert "Only an admin of Berth may" in refused["text"]
    assert "host1 is drained" in text_of(await office.say("/gpu drain host1 dust"))
    assert "drained, nothing new" in text_of(await office.say("/gpu status"))
    assert "can be booked again" in text_of(await office.say("/gpu undrain host1"))
    assert "takes nothing new" in text_of(await office.say("/gpu broken gpu0@host1 XID 79"))
    assert "broken" in text_of(await office.say("/gpu status"))
    assert "can be booked again" in text_of(await office.say("/gpu repaired gpu0@host1"))


async def asked(office: Office, clock: SetClock) -> Json:
    """Let Bob's reservation be a no-show, and return the question that he reads."""
    host_id = office.berth.run(queries.status).hosts[0].host_id

    def report() -> None:
        readings = tuple(
            GpuReading(uuid=f"GPU-host1-{index}", utilisation_percent=0.0) for index in range(4)
        )
        office.berth.write(
            hosts.take_report, Report(host_id=host_id, sent_at=clock.now(), gpus=readings)
        )

    report()
    clock.advance(seconds=60)
    report()
    bob = a_member(office.berth, "U0BOB")
    office.berth.run(booking.reserve, bob, ReserveRequest(timedelta(hours=4)))
    fire(office)
    for _ in range(15):
        clock.advance(seconds=60)
        report()
        fire(office)
    return await last_direct(office, "U0BOB")


def check(office: Office) -> UsageCheckRow:
    return office.berth.database.read(lambda session: session.scalars(select(UsageCheckRow)).one())


async def test_keep_takes_the_place_of_the_question(office: Office, clock: SetClock) -> None:
    message = await asked(office, clock)
    assert "do you still need R1" in text_of(message)
    await office.click(message, KEEP_ACTION, values_of(message, KEEP_ACTION)[0], user="U0BOB")
    await office.eventually(lambda: check(office).state == OfferState.DECLINED)
    await office.eventually(
        lambda: (
            "stays yours" in str(office.slack.state.messages.ephemerals)
            or "stays yours" in text_of(office.direct("U0BOB")[0])
        )
    )
    assert office.reservations("U0BOB")[0].state is ReservationState.ACTIVE


async def card_in_the_channel(office: Office) -> Json:
    """Post the card of R1 as it is now, and return what everybody sees from then on."""
    card = reservation_card(office.berth.run(queries.reservation, 1), office.berth.clock.now())
    client = office.app.client
    client.token = office.slack.options.bot_token
    await client.chat_postMessage(channel="C0GPU", text=card.text, blocks=card.blocks)
    return {**office.slack.state.messages.history("C0GPU")[0], "channel": "C0GPU"}


async def test_only_the_holder_may_answer_and_a_late_keep_is_told(
    office: Office, clock: SetClock
) -> None:
    question = await asked(office, clock)
    card = await card_in_the_channel(office)
    (keep,), (release,) = values_of(card, KEEP_ACTION), values_of(question, RELEASE_ACTION)

    def told(user: str) -> str:
        return str(office.ephemerals(user))

    await office.click(card, KEEP_ACTION, keep, user="U0CAROL")
    await office.eventually(lambda: "R1 belongs to" in told("U0CAROL"))
    assert check(office).state == OfferState.OPEN
    await office.click(question, RELEASE_ACTION, release, user="U0BOB")
    await office.eventually(lambda: check(office).state == OfferState.ACCEPTED)
    assert office.reservations("U0BOB") == ()
    await office.click(card, KEEP_ACTION, keep, user="U0BOB")  # nobody has edited the card yet
    await office.eventually(lambda: "accepted already; nothing was changed" in told("U0BOB"))
    assert check(office).state == OfferState.ACCEPTED


async def test_release_at_takes_an_option_of_the_menu(office: Office, clock: SetClock) -> None:
    message = await asked(office, clock)
    menus = [
        element
        for block in message["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == RELEASE_AT_ACTION
    ]
    assert menus
    option = menus[0]["options"][0]["value"]
    await office.click(message, RELEASE_AT_ACTION, option, user="U0BOB")
    await office.eventually(lambda: check(office).state == OfferState.ACCEPTED)
    end = office.reservations("U0BOB")[0].window.end
    assert end == datetime(2026, 11, 23, 14, tzinfo=UTC)
