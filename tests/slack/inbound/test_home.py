"""The home tab."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.services import booking
from bot.slack.blocks.mine import OPEN_ACTION
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.slack.blocks.waiting import LEAVE_ACTION
from tests.slack.inbound.office import Office, text_of, values_of
from tests.support.world import a_member


def home(office: Office) -> dict[str, Any]:
    return office.slack.state.views.home("U0ALICE") or {}


async def test_home_shows_mine_and_what_is_free(any_office: Office) -> None:
    office = any_office
    await office.say("/gpu reserve 1 now 2h yolov8l")
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    assert "3 of 4 GPUs are free now" in text_of(home(office))
    assert "yolov8l" in text_of(home(office))
    await office.click_in_view(OPEN_ACTION, None, view_id=home(office)["id"])
    await office.eventually(office.modal)


async def test_a_click_in_home_is_answered_in_home(office: Office) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    await office.click_in_view(CANCEL_ACTION, "1", view_id=home(office)["id"])
    await office.eventually(lambda: "R1 is cancelled" in text_of(home(office)))
    assert "You have none." in text_of(home(office))
    assert office.reservations() == ()


async def test_a_stale_click_in_home_says_so_and_refreshes(office: Office) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    office.berth.write(booking.cancel, a_member(office.berth), 1, "from elsewhere")
    await office.click_in_view(CANCEL_ACTION, "1", view_id=home(office)["id"])
    await office.eventually(lambda: "already" in text_of(home(office)))
    assert "You have none." in text_of(home(office))


async def test_an_error_in_home_is_told_in_home(office: Office) -> None:
    await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    office.obstacles.failures["cancel"] = RuntimeError("boom")
    await office.click_in_view(CANCEL_ACTION, "1", view_id=home(office)["id"])
    await office.eventually(lambda: "Something went wrong" in text_of(home(office)))


async def test_home_follows_what_is_done_elsewhere(office: Office) -> None:
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    await office.say("/gpu reserve 1 now 2h")
    await office.eventually(lambda: "*R1*" in text_of(home(office)))
    await office.say("/gpu cancel R1")
    await office.eventually(lambda: "*R1*" not in text_of(home(office)))


async def test_the_form_opened_in_home_is_answered_directly_and_in_home(office: Office) -> None:
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    await office.click_in_view(OPEN_ACTION, None, view_id=home(office)["id"])
    await office.eventually(office.modal)
    await office.submit()
    told = await office.eventually(lambda: office.direct("U0ALICE"))
    assert "Booked R1" in told[0]["text"]
    await office.eventually(lambda: "*R1*" in text_of(home(office)))


async def test_the_same_event_is_worked_on_once(office: Office) -> None:
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    for _ in range(3):
        again = await asyncio.to_thread(office.client.redeliver)
        assert again["acked"], again
    await office.say("/gpu help")
    assert len(await office.calls("views.publish")) == 1


async def test_events_that_nobody_wants_are_acknowledged(office: Office) -> None:
    event = {"type": "message", "channel": "C0GPU", "user": "U0BOB", "text": "hi", "ts": "1.1"}
    answer = await asyncio.to_thread(office.client.event, event)
    assert answer["acked"], answer


async def test_home_shows_the_team_and_my_places_in_line(office: Office) -> None:
    await office.say("/gpu reserve 4 tomorrow 18:00 2h", user="U0BOB")
    await office.say("/gpu waitlist join 2 tomorrow 18:00 2h")
    await asyncio.to_thread(office.client.home, "U0ALICE")
    await office.eventually(lambda: home(office))
    shown = text_of(home(office))
    assert "My waitlist" in shown
    assert "GPU-hours this week" in shown
    assert "http://127.0.0.1:8600/timeline" in shown
    (wait_id,) = values_of(home(office), LEAVE_ACTION)
    await office.click_in_view(LEAVE_ACTION, wait_id, view_id=home(office)["id"])
    await office.eventually(lambda: "My waitlist" not in text_of(home(office)))
