"""Series from the keyboard, the form and the buttons."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.domain.people import Member
from bot.services import series
from bot.slack.blocks.reservation_card import CANCEL_ACTION as CANCEL_ONE_ACTION
from bot.slack.blocks.series import CANCEL_ACTION, CONFIRM_ACTION, DISMISS_ACTION, SKIP_ACTION
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.world import a_member


def alice(office: Office) -> Member:
    return a_member(office.berth)


def last(office: Office, user: str = "U0ALICE") -> Json:
    return office.ephemerals(user)[-1]


async def test_one_line_books_a_series_in_the_members_own_time_zone(any_office: Office) -> None:
    office = any_office
    answer = await office.say("/gpu reserve 2 every weekday 20:00 12h p1 yolov8l nightly")
    assert "S1 · every weekday 20:00 for 12 h (Europe/Paris)" in answer["text"]
    assert "22 reservations" in text_of(answer)
    booked = office.reservations()
    assert len(booked) == 22
    # 20:00 in Paris is 19:00 UTC: the slot of 18:00 on.
    assert booked[0].window.start == datetime(2026, 11, 23, 18, tzinfo=UTC)
    assert all(one.run is not None and one.note == "nightly" for one in booked)
    listed = await office.say("/gpu series")
    assert values_of(listed, SKIP_ACTION) == [str(booked[0].reservation_id)]
    assert values_of(listed, CANCEL_ACTION) == ["1"]
    assert "(S1)" in text_of(await office.say("/gpu mine"))


async def test_a_command_that_is_delivered_twice_books_one_series(office: Office) -> None:
    await office.say("/gpu reserve every day 9:00 4h 3 times")
    await asyncio.to_thread(office.client.redeliver)
    await office.eventually(lambda: len(office.ephemerals("U0ALICE")) == 2)
    assert len(office.reservations()) == 3
    assert "S1" in last(office)["text"]
    assert len(office.berth.run(series.mine, alice(office))) == 1


async def test_what_is_taken_is_listed_with_who_holds_it(office: Office) -> None:
    await office.say("/gpu reserve 3 2026-11-25T18:00Z 4h", user="U0BOB")
    answer = await office.say("/gpu reserve 2 every weekday 20:00 12h")
    assert "21 reservations" in text_of(answer)
    assert "1 time could not be booked" in text_of(answer)
    assert "<@U0BOB> has 3 GPUs (R1)" in text_of(answer)


async def test_a_series_of_which_nothing_fits_is_refused_with_the_reasons(office: Office) -> None:
    await office.say("/gpu reserve 4 tomorrow 18:00 4d", user="U0BOB")
    answer = await office.say("/gpu reserve 1 every day 20:00 4h starting tomorrow 2 times")
    assert "None of the 2 times" in answer["text"]
    assert "<@U0BOB> has 4 GPUs" in answer["text"]
    assert office.reservations() == ()


async def test_what_could_be_meant_otherwise_is_shown_before_it_is_booked(office: Office) -> None:
    asked = await office.say('/gpu reserve 2 every day 9:00 4h until friday "demo & co"')
    assert "Is this what you mean?" in asked["text"]
    assert "Fri 27 Nov 2026" in text_of(asked)
    assert office.reservations() == ()
    (value,) = values_of(asked, CONFIRM_ACTION)
    await office.click(asked, CONFIRM_ACTION, value)
    await asyncio.to_thread(office.client.redeliver)
    booked = await office.eventually(office.reservations)
    assert [one.note for one in booked] == ["demo & co"] * 4
    await office.eventually(lambda: "S1" in last(office)["text"])
    assert len(office.ephemerals("U0ALICE")) == 1, "the outcome stands where the question stood"
    assert len(office.reservations()) == 4


async def test_no_means_that_nothing_is_booked(office: Office) -> None:
    asked = await office.say("/gpu reserve 2 every day 9:00 4h until friday")
    await office.click(asked, DISMISS_ACTION, None)
    await office.eventually(lambda: "Nothing was booked" in last(office)["text"])
    assert office.reservations() == ()


async def test_skipping_the_next_by_button_twice_skips_one(office: Office) -> None:
    answer = await office.say("/gpu reserve 1 every day 20:00 4h 3 times")
    first = office.reservations()[0].reservation_id
    await office.click(answer, SKIP_ACTION, str(first))
    await asyncio.to_thread(office.client.redeliver)
    await office.eventually(lambda: len(office.reservations()) == 2)
    await office.eventually(lambda: f"R{first} is skipped" in last(office)["text"])
    assert values_of(last(office), SKIP_ACTION) == [str(first + 1)]
    assert len(office.reservations()) == 2


async def test_one_is_cancelled_like_any_other_and_stays_away(office: Office) -> None:
    await office.say("/gpu reserve 1 every day 20:00 4h 3 times")
    mine = await office.say("/gpu mine")
    await office.click(mine, CANCEL_ONE_ACTION, "2")
    await office.eventually(lambda: "R2 is cancelled" in last(office)["text"])
    assert len(office.reservations()) == 2
    assert "Left out: 1 day" in text_of(await office.say("/gpu series"))


async def test_all_of_it_is_cancelled_by_number_and_by_button(office: Office) -> None:
    answer = await office.say("/gpu reserve 1 every day 20:00 4h 3 times")
    other = await office.say("/gpu reserve 1 every day 9:00 4h 3 times")
    refused = await office.say("/gpu cancel S1 mine now", user="U0BOB")
    assert "S1 belongs to <@U0ALICE>" in refused["text"]
    ended = await office.say("/gpu cancel S1 demo is over")
    assert "S1 · every day 20:00" in ended["text"]
    assert "demo is over" in ended["text"]
    assert len(office.reservations()) == 3
    await office.click(other, CANCEL_ACTION, "2")
    await office.eventually(lambda: not office.reservations())
    await office.click(answer, CANCEL_ACTION, "1")
    await office.eventually(lambda: "is cancelled" in last(office)["text"])
    assert "There is no series S9" in (await office.say("/gpu cancel S9"))["text"]
    assert "You have no series" in (await office.say("/gpu series"))["text"]


async def test_the_form_repeats_too(office: Office) -> None:
    await office.open_form()
    done = await office.submit({"gpus": "2", "repeat": "weekday"})
    assert done["ok"], done
    booked = await office.eventually(office.reservations)
    assert len(booked) >= 21
    assert {one.series_id for one in booked} == {1}

    def told() -> str:
        # On a slow machine the form itself tells it, since its answer comes late.
        return text_of(office.modal()) + str(office.ephemerals("U0ALICE"))

    await office.eventually(lambda: "S1 · every weekday" in told())


async def test_a_form_that_does_not_repeat_books_once(office: Office) -> None:
    await office.open_form()
    await office.submit({"gpus": "2"})
    (booked,) = await office.eventually(office.reservations)
    assert booked.series_id is None


async def test_a_series_that_cannot_be_read_says_what_is_needed(office: Office) -> None:
    answer = await office.say("/gpu reserve 2 every 2 weeks 9:00 4h")
    assert "every weekday" in answer["text"]
    assert "a time of day" in (await office.say("/gpu reserve every day 4h"))["text"]
    assert office.reservations() == ()
