"""Transfers and swaps as people do them: by command, by form, by button in a direct message."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clockwork.deliveries import DeliveryRound
from bot.domain.views import ReservationView
from bot.ports.clock import Clock
from bot.services import queries
from bot.slack.blocks.handover_modals import PERSON, REASON
from bot.slack.blocks.handovers import (
    SWAP_ACCEPT_ACTION,
    SWAP_DECLINE_ACTION,
    SWAP_WITHDRAW_ACTION,
    TRANSFER_ACCEPT_ACTION,
    TRANSFER_DECLINE_ACTION,
    TRANSFER_OPEN_ACTION,
    TRANSFER_WITHDRAW_ACTION,
)
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from bot.store.artifacts import FsspecArtifactStore
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clock import SetClock


@pytest.fixture(autouse=True)
async def sender(office: Office, clock: Clock, tmp_path: Path) -> AsyncIterator[None]:
    """Send what waits, all the time."""
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    messenger = SlackMessenger(client, clock, SendBudget())
    files = FsspecArtifactStore(str(tmp_path / "files"))
    sending = DeliveryRound(office.obstacles, messenger, files, "test")
    done = asyncio.Event()

    async def keep_sending() -> None:
        while not done.is_set():
            await sending.deliver_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.02)

    sending_hours = asyncio.create_task(keep_sending())
    yield
    done.set()
    await sending_hours


def reservation(office: Office, number: int = 1) -> ReservationView:
    return office.berth.read(queries.reservation, number)


def direct(office: Office, user: str) -> list[Json]:
    """The direct messages to somebody, newest first, each with the place where it is clicked."""
    return [{**one, "channel": f"D{user[1:]}"} for one in office.direct(user)]


async def message_with(office: Office, user: str, action: str) -> Json:
    """The newest direct message with such a button, once it is there."""
    return await office.eventually(
        lambda: next((one for one in direct(office, user) if values_of(one, action)), {})
    )


async def told(office: Office, user: str, words: str) -> Json:
    return await office.eventually(
        lambda: next((one for one in direct(office, user) if words in text_of(one)), {})
    )


async def offered(office: Office, line: str = "/gpu transfer R1 <@U0BOB|bob> on leave") -> Json:
    """Let Alice book and offer it to Bob; return what he reads."""
    await office.say("/gpu reserve 2 tomorrow 18:00 4h")
    answer = await office.say(line)
    assert "is offered to <@U0BOB>" in text_of(answer)
    return await message_with(office, "U0BOB", TRANSFER_ACCEPT_ACTION)


async def click(office: Office, message: Json, action: str, user: str) -> None:
    (value,) = values_of(message, action)
    await office.click(message, action, value, user)


async def test_a_reservation_is_offered_and_accepted_in_the_direct_message(
    office: Office,
) -> None:
    message = await offered(office)
    assert "<@U0ALICE> wants to hand *R1* over to you: 2 GPUs" in text_of(message)
    assert "on leave" in text_of(message)
    await click(office, message, TRANSFER_ACCEPT_ACTION, "U0BOB")
    after = await told(office, "U0BOB", "You took R1 over")
    assert after["ts"] == message["ts"], "the outcome stands where the buttons stood"
    assert values_of(after, TRANSFER_ACCEPT_ACTION) == []
    assert reservation(office).holder_slack_id == "U0BOB"
    await told(office, "U0ALICE", "<@U0BOB> took *R1* over")
    card = await office.eventually(
        lambda: next(
            (
                one
                for one in office.slack.state.messages.history("C0GPU")
                if "*R1 · booked* · <@U0BOB>" in text_of(one)
            ),
            {},
        )
    )
    words = "took *R1* over from <@U0ALICE>"
    channel = office.slack.state.messages.by_channel["C0GPU"]
    await office.eventually(
        lambda: any(
            words in text_of(one)
            for one in channel.values()
            if one.get("thread_ts") == card["ts"] != one["ts"]
        )
    )


@pytest.mark.parametrize("who", ["@bob", "to <@U0BOB>", "@Bob"])
async def test_people_can_be_written_in_several_ways(office: Office, who: str) -> None:
    await office.say("/gpu status", user="U0BOB")
    await offered(office, f"/gpu transfer r1 {who} on leave")


async def test_declining_asks_why_and_tells_the_holder(office: Office) -> None:
    message = await offered(office)
    await click(office, message, TRANSFER_DECLINE_ACTION, "U0BOB")
    await office.eventually(lambda: office.modal("U0BOB"))
    done = await office.submit({REASON: "no <time>"}, "U0BOB")
    assert done["ok"], done
    after = await told(office, "U0BOB", "You declined R1")
    assert after["ts"] == message["ts"]
    assert "no &lt;time&gt;" in text_of(await told(office, "U0ALICE", "did not take *R1*"))
    assert reservation(office).holder_slack_id == "U0ALICE"


async def test_a_stale_click_gets_a_kind_answer_and_a_fresh_message(office: Office) -> None:
    message = await offered(office)
    mine = office.ephemerals("U0ALICE")[-1]
    await click(office, mine, TRANSFER_WITHDRAW_ACTION, "U0ALICE")
    await told(office, "U0BOB", "is no longer offered")
    await click(office, message, TRANSFER_ACCEPT_ACTION, "U0BOB")
    after = await told(office, "U0BOB", "The offer of R1 is withdrawn")
    assert after["ts"] == message["ts"]
    assert reservation(office).holder_slack_id == "U0ALICE"


async def test_declining_late_in_the_form_tells_what_came_of_it(office: Office) -> None:
    message = await offered(office)
    await click(office, message, TRANSFER_DECLINE_ACTION, "U0BOB")
    await office.eventually(lambda: office.modal("U0BOB"))
    await office.say("/gpu cancel R1 no need")
    assert (await office.submit({}, "U0BOB"))["ok"]
    after = await told(office, "U0BOB", "The offer of R1 is withdrawn")
    assert after["ts"] == message["ts"]


async def test_the_button_of_a_card_opens_a_form(office: Office) -> None:
    await office.say("/gpu reserve 2 tomorrow 18:00 4h")
    card = await office.eventually(
        lambda: next(
            (
                {**one, "channel": "C0GPU"}
                for one in office.slack.state.messages.history("C0GPU")
                if values_of(one, TRANSFER_OPEN_ACTION)
            ),
            {},
        )
    )
    await click(office, card, TRANSFER_OPEN_ACTION, "U0ALICE")
    await office.eventually(office.modal)
    office.obstacles.delay_s["offer"] = 2.8
    assert (await office.submit({PERSON: "U0ALICE"}))["ok"]
    assert "Offering the reservation" in text_of(office.modal()), "not a word about booking"
    office.obstacles.delay_s.clear()
    await office.eventually(lambda: "belongs to" in text_of(office.modal()))
    await asyncio.to_thread(office.client.close_view, "U0ALICE")
    await click(office, card, TRANSFER_OPEN_ACTION, "U0ALICE")
    await office.eventually(lambda: "Offering" not in text_of(office.modal()) and office.modal())
    refused = await office.submit({PERSON: "U0ALICE"})
    assert "belongs to" in refused["errors"][PERSON]
    assert (await office.submit({PERSON: "U0BOB", REASON: "on leave"}))["ok"]
    await message_with(office, "U0BOB", TRANSFER_ACCEPT_ACTION)
    assert office.modal() is None
    again = len(office.ephemerals("U0ALICE"))
    await click(office, card, TRANSFER_OPEN_ACTION, "U0ALICE")
    answer = await office.eventually(lambda: office.ephemerals("U0ALICE")[again:])
    assert values_of(answer[0], TRANSFER_WITHDRAW_ACTION) == ["1"]
    await click(office, card, TRANSFER_OPEN_ACTION, "U0BOB")
    await office.eventually(lambda: "belongs to <@U0ALICE>" in str(office.ephemerals("U0BOB")))


async def test_without_a_person_the_command_opens_the_form_without_a_number_the_list(
    office: Office,
) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 4h")
    assert "1 reservation" in (await office.say("/gpu transfer"))["text"]
    await office.open_form(text="/gpu transfer R1")
    assert "Transfer R1" in str((office.modal() or {})["title"])


BAD = [
    ("/gpu transfer R1 bob", "a person, such as"),
    ("/gpu transfer R1 @nobody", "one person"),
    ("/gpu transfer R1 <@U0GONE>", "no active account"),
    ("/gpu transfer R1 <@UBERTHBOT|berth>", "no active account"),
    ("/gpu transfer R1 <@U0ALICE|alice>", "belongs to <@U0ALICE> already"),
    ("/gpu transfer R9 <@U0BOB|bob>", "There is no reservation R9"),
    ("/gpu transfer banana <@U0BOB|bob>", "There is no reservation “banana”"),
    (f"/gpu transfer R1 <@U0BOB|bob> {'x' * 301}", "at most 300 characters"),
    ("/gpu swap", "two reservations"),
    ("/gpu swap R1", "two reservations"),
    ("/gpu swap R1 with R1", "belongs to <@U0ALICE> already"),
    ("/gpu swap R1 with banana", "There is no reservation “banana”"),
    ("/gpu swap R1 with R9", "There is no reservation R9"),
]


@pytest.mark.parametrize(("line", "says"), BAD, ids=[line[5:40] for line, _ in BAD])
async def test_what_cannot_be_is_answered_kindly(office: Office, line: str, says: str) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 4h")
    assert says in text_of(await office.say(line))
    assert reservation(office).holder_slack_id == "U0ALICE"


async def test_a_deactivated_account_cannot_receive(office: Office) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 4h")
    await asyncio.to_thread(office.client.deactivate, "U0CAROL")
    assert "no active account" in text_of(await office.say("/gpu transfer R1 <@U0CAROL|carol>"))


async def test_mentions_and_links_in_a_note_are_as_they_were_written(office: Office) -> None:
    await office.say(
        '/gpu reserve 1 now 2h "for <@U0BOB|bob> in <#C0GPU|gpu>, see <https://x.test/a|x.test/a>"'
    )
    assert reservation(office).note == "for @bob in #gpu, see x.test/a"


async def proposed(office: Office) -> Json:
    """Let Alice propose to swap with Bob; return what he reads."""
    await office.say("/gpu reserve 2 tomorrow 18:00 4h")
    await office.say("/gpu reserve 1 tomorrow 23:00 4h", user="U0BOB")
    answer = await office.say('/gpu swap R1 with R2 "earlier please"')
    assert values_of(answer, SWAP_WITHDRAW_ACTION) == ["1"]
    return await message_with(office, "U0BOB", SWAP_ACCEPT_ACTION)


async def test_a_swap_is_proposed_and_agreed_to(office: Office) -> None:
    message = await proposed(office)
    assert "wants to swap R1 with your *R2*" in text_of(message)
    assert "earlier please" in text_of(message)
    before = reservation(office, 1), reservation(office, 2)
    await click(office, message, SWAP_ACCEPT_ACTION, "U0BOB")
    after = await told(office, "U0BOB", "R1 and R2 have exchanged windows and GPUs")
    assert after["ts"] == message["ts"]
    assert reservation(office, 1).window == before[1].window
    assert reservation(office, 2).gpus == before[0].gpus
    await told(office, "U0ALICE", "*R1* and R2 of <@U0BOB> have exchanged")


async def test_a_swap_is_declined_with_a_reason(office: Office) -> None:
    message = await proposed(office)
    await click(office, message, SWAP_DECLINE_ACTION, "U0BOB")
    await office.eventually(lambda: office.modal("U0BOB"))
    assert (await office.submit({REASON: "needed"}, "U0BOB"))["ok"]
    after = await told(office, "U0BOB", "You declined the swap")
    assert after["ts"] == message["ts"]
    assert "needed" in text_of(await told(office, "U0ALICE", "was declined"))


async def test_what_was_changed_since_is_not_swapped(office: Office, clock: SetClock) -> None:
    message = await proposed(office)
    before = reservation(office, 2)
    clock.advance(minutes=1)
    await office.say("/gpu cancel R1 no need")
    await click(office, message, SWAP_ACCEPT_ACTION, "U0BOB")
    after = await told(office, "U0BOB", "Withdrawn, or overtaken by a change")
    assert after["ts"] == message["ts"]
    assert reservation(office, 2) == before
