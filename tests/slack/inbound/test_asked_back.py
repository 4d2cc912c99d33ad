"""A line that can be meant in two ways is repeated first; kinds of GPUs in lines and forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.slack.blocks.swap_ideas import ASK_ACTION
from bot.slack.blocks.understood import CHANGE_ACTION, CONFIRM_ACTION
from tests.slack.inbound.office import Office, text_of, values_of

FRIDAY_8 = datetime(2026, 11, 27, 7, tzinfo=UTC)
"""In Paris."""


async def test_a_doubtful_line_books_only_when_it_is_confirmed(office: Office) -> None:
    asked = await office.say("/gpu reserve 2 friday 8 4h p1")
    assert "Is this what you mean?" in text_of(asked)
    assert office.reservations() == ()
    confirm, instead = values_of(asked, CONFIRM_ACTION)
    assert confirm != instead
    await office.click(asked, CONFIRM_ACTION, confirm)
    (booked,) = await office.eventually(office.reservations)
    assert booked.window.contains(FRIDAY_8)
    assert booked.gpu_count == 2
    await office.eventually(lambda: "Booked R1" in text_of(office.ephemerals("U0ALICE")[-1]))
    assert len(office.ephemerals("U0ALICE")) == 1, "the outcome stands where the question stood"


async def test_the_other_meaning_is_one_click_away(office: Office) -> None:
    asked = await office.say("/gpu reserve 2 friday 8 4h")
    await office.click(asked, CONFIRM_ACTION, values_of(asked, CONFIRM_ACTION)[1])
    (booked,) = await office.eventually(office.reservations)
    assert booked.window.contains(FRIDAY_8 + timedelta(hours=12))


async def test_change_opens_the_form_with_what_was_understood(office: Office) -> None:
    asked = await office.say('/gpu reserve 3 friday 8 4h p1 "for the demo"')
    await office.click(asked, CHANGE_ACTION, values_of(asked, CHANGE_ACTION)[0])
    await office.eventually(office.modal)
    await office.submit({"gpus": "2"})
    (booked,) = await office.eventually(office.reservations)
    assert (booked.gpu_count, booked.note) == (2, "for the demo")
    assert booked.window.contains(FRIDAY_8)


async def test_a_clear_line_is_booked_at_once(office: Office) -> None:
    assert "Booked R1" in text_of(await office.say("/gpu reserve 1 friday 8:00 4h"))


async def test_kinds_of_gpus(office: Office) -> None:
    assert "Booked R1" in text_of(await office.say("/gpu reserve 2xa100 now 2h"))
    assert "Booked R2" in text_of(await office.say("/gpu reserve now 2h a100"))
    refused = text_of(await office.say("/gpu reserve 2 x h100 now 2h"))
    assert "no GPU of type “h100”" in refused
    assert "A100" in refused
    await office.open_form()
    await office.submit({"gpus": "1", "gpu_type": "A100"})
    await office.eventually(lambda: len(office.reservations()) == 3)


async def test_a_holder_can_be_asked_to_swap_from_the_refusal(office: Office) -> None:
    await office.say("/gpu reserve 4 tomorrow 16:00 2h", user="U0BOB")  # 22:00 in Paris
    await office.say("/gpu reserve 4 wed 09:00 2h")
    refused = await office.say("/gpu reserve 4 tomorrow 23:00 1h30m")
    assert values_of(refused, ASK_ACTION) == []
    refused = await office.say("/gpu reserve 4 2026-11-24T21:00Z 2h")
    assert "Ask to swap" in text_of(refused)
    await office.click(refused, ASK_ACTION, values_of(refused, ASK_ACTION)[0])
    await office.eventually(lambda: "to agree" in text_of(office.ephemerals("U0ALICE")[-1]))
