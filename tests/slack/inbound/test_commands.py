"""``/gpu …`` from the keyboard to the answer, over both transports."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.priority import Priority
from bot.domain.states import ReservationState
from bot.slack.blocks.mine import OPEN_ACTION
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from tests.slack.inbound.office import Office, text_of, values_of
from tests.support.clock import SetClock


async def test_one_line_books_in_the_members_own_time_zone(any_office: Office) -> None:
    office = any_office
    answer = await office.say("/gpu reserve 2 tomorrow 18:00 8h p1 yolov8l release")
    (booked,) = office.reservations()
    assert "Booked R1" in answer["text"]
    assert "yolov8l" in text_of(answer)
    assert "release" in text_of(answer)
    assert values_of(answer, CANCEL_ACTION) == ["1"]
    # 18:00 in Paris is 17:00 UTC: the slots of 16:00 and on to 02:00.
    assert booked.window.start == datetime(2026, 11, 24, 16, tzinfo=UTC)
    assert booked.window.length == timedelta(hours=10)
    assert "Slots are 2 h on a fixed grid" in text_of(answer)
    assert (booked.gpu_count, booked.priority, booked.note) == (2, Priority.P1, "release")
    assert booked.run is not None


BAD_INPUT = [
    ("/gpu resrve 1 now 2h", "Did you mean `/gpu reserve`?"),
    ("/gpu 🎉", "`/gpu help`"),
    ("/gpu reserve 1 banana 2h", "cannot read “banana” as a time"),
    ("/gpu reserve 1 25:00 2h", "cannot read “25:00”"),
    ("/gpu reserve 1 now", "I need a length"),
    ("/gpu reserve 1 today 08:00 2h", "is over"),
    ("/gpu reserve 1 2026-11-01 08:00 2h", "is over"),
    ("/gpu reserve 1 2027-11-01 08:00 2h", "too far ahead"),
    ("/gpu reserve 0 now 2h", "Ask for 1 to 4"),
    ("/gpu reserve 1000 now 2h", "1000 GPUs cannot be booked"),
    ("/gpu reserve gpu77 now 2h", "There is no GPU “gpu77”"),
    ("/gpu reserve 1 now 30m", "less than one slot"),
    ("/gpu reserve 1 now 9d", "at most"),
    ("/gpu reserve 1 now 2h epochs=many", "epochs must be a whole number"),
    ("/gpu reserve payload", "cannot read “payload”"),
    ("/gpu reserve 1 now 2h " + "🎉 payload " * 290, "at most 300 characters"),
    ("/gpu " + "x" * 3000, "I do not know"),
    ("/gpu cancel R99", "There is no reservation R99"),
    ("/gpu cancel banana", "There is no reservation “banana”"),
]


@pytest.mark.parametrize(("text", "says"), BAD_INPUT, ids=[text[5:40] for text, _ in BAD_INPUT])
async def test_bad_input_is_answered_kindly_and_changes_nothing(
    office: Office, text: str, says: str
) -> None:
    answer = await office.say(text)
    assert says in answer["text"]
    assert "went wrong" not in answer["text"]
    assert office.reservations() == ()


async def test_the_word_payload_is_an_ordinary_word(any_office: Office) -> None:
    answer = await any_office.say('/gpu reserve 1 now 2h "payload & 🎉 <done>"')
    assert "Booked R1" in answer["text"]
    assert any_office.reservations()[0].note == "payload & 🎉 <done>"


async def test_a_bare_gpu_tells_what_is_free_and_offers_the_form(office: Office) -> None:
    answer = await office.say("/gpu")
    assert "4 of 4 GPUs are free now" in answer["text"]
    await office.click(answer, OPEN_ACTION, None)
    await office.eventually(office.modal)


async def test_status_mine_and_help(office: Office) -> None:
    await office.say("/gpu reserve 3 now 2h", user="U0BOB")
    status = await office.say("/gpu status")
    assert "1 of 4 GPUs is free now" in status["text"]
    assert "R1 <@U0BOB> until" in text_of(status)
    assert "no reservation" in (await office.say("/gpu mine"))["text"]
    mine = await office.say("/gpu mine", user="U0BOB")
    assert "1 reservation" in mine["text"]
    assert values_of(mine, CANCEL_ACTION) == ["1"]
    assert "/gpu reserve" in text_of(await office.say("/gpu help"))


async def test_a_full_window_names_who_holds_it_and_one_click_books_another(
    office: Office,
) -> None:
    await office.say("/gpu reserve 3 now 2h", user="U0BOB")
    refused = await office.say('/gpu reserve 4 now 2h "keep this"')
    assert "<@U0BOB> holds 3 GPUs (R1)" in refused["text"]
    assert office.reservations() == ()
    offers = values_of(refused, ALTERNATIVE_ACTION)
    assert len(offers) == 4
    await office.click(refused, ALTERNATIVE_ACTION, offers[0])
    (booked,) = await office.eventually(office.reservations)
    assert (booked.gpu_count, booked.note) == (4, "keep this")
    assert booked.window.start == datetime(2026, 11, 23, 16, tzinfo=UTC)
    await office.eventually(lambda: "Booked R2" in text_of(office.ephemerals("U0ALICE")[-1]))
    assert len(office.ephemerals("U0ALICE")) == 1, "the outcome stands where the offers stood"


async def test_a_click_that_is_delivered_twice_books_once(office: Office) -> None:
    await office.say("/gpu reserve 3 now 2h", user="U0BOB")
    refused = await office.say("/gpu reserve 4 now 2h")
    offer = values_of(refused, ALTERNATIVE_ACTION)[0]
    await office.click(refused, ALTERNATIVE_ACTION, offer)
    await asyncio.to_thread(office.client.redeliver)
    await asyncio.to_thread(office.client.redeliver)
    await office.eventually(office.reservations)
    await _settled(office)
    assert len(office.reservations()) == 1


async def test_a_command_that_is_delivered_twice_books_once(office: Office) -> None:
    await office.say("/gpu reserve 1 now 2h")
    await asyncio.to_thread(office.client.redeliver)
    await _settled(office)
    assert len(office.reservations()) == 1


async def test_an_alternative_that_was_taken_meanwhile_offers_others(office: Office) -> None:
    await office.say("/gpu reserve 3 now 2h", user="U0BOB")
    refused = await office.say("/gpu reserve 4 now 2h")
    offer = values_of(refused, ALTERNATIVE_ACTION)[0]
    await office.say("/gpu reserve 1 2026-11-23T16:00Z 2h", user="U0CAROL")
    await office.click(refused, ALTERNATIVE_ACTION, offer)
    await office.eventually(lambda: "<@U0CAROL> holds" in office.ephemerals("U0ALICE")[-1]["text"])
    assert office.reservations() == ()
    others = values_of(office.ephemerals("U0ALICE")[-1], ALTERNATIVE_ACTION)
    await office.click(office.ephemerals("U0ALICE")[-1], ALTERNATIVE_ACTION, others[0])
    await office.eventually(office.reservations)


async def test_fewer_gpus_now_still_means_now_when_it_is_clicked_later(
    office: Office, clock: SetClock
) -> None:
    await office.say("/gpu reserve 3 now 2h", user="U0BOB")
    refused = await office.say("/gpu reserve 4 now 2h")
    clock.advance(minutes=20)
    await office.click(refused, ALTERNATIVE_ACTION, values_of(refused, ALTERNATIVE_ACTION)[-1])
    (booked,) = await office.eventually(office.reservations)
    assert (booked.gpu_count, booked.window.start) == (1, clock.now())


async def test_less_than_a_slot_is_offered_as_one_slot(office: Office) -> None:
    refused = await office.say("/gpu reserve 1 now 30m")
    await office.click(refused, ALTERNATIVE_ACTION, values_of(refused, ALTERNATIVE_ACTION)[0])
    await office.eventually(office.reservations)


async def test_cancel_by_number_with_a_reason(any_office: Office) -> None:
    office = any_office
    await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    answer = await office.say("/gpu cancel R1 demo moved")
    assert "R1 is cancelled" in answer["text"]
    assert "demo moved" in answer["text"]
    assert office.reservations() == ()
    again = await office.say("/gpu release R1")
    assert "was cancelled already" in again["text"]


async def test_cancel_by_button_and_a_stale_click(office: Office) -> None:
    booked = await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    listed = await office.say("/gpu cancel")
    await office.click(listed, CANCEL_ACTION, "1")
    await office.eventually(lambda: not office.reservations())
    await office.eventually(lambda: "is cancelled" in office.ephemerals("U0ALICE")[-1]["text"])
    await office.click(booked, CANCEL_ACTION, "1")
    await office.eventually(lambda: "already" in office.ephemerals("U0ALICE")[-1]["text"])


async def test_only_the_holder_or_an_admin_may_cancel(office: Office) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    answer = await office.say("/gpu cancel R1", user="U0BOB")
    assert "belongs to <@U0ALICE>" in answer["text"]
    assert office.reservations()[0].state is ReservationState.BOOKED


async def _settled(office: Office) -> None:
    """Wait until every delivery has been worked on: a later command is answered after them."""
    await office.say("/gpu help", user="U0DAVE")
    await office.eventually(
        lambda: (
            not [
                task
                for task in asyncio.all_tasks()
                if task.get_name().startswith(("/gpu", "reserve."))
            ]
        )
    )
