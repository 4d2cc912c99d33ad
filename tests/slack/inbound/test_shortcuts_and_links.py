"""Shortcuts open the form; links to Berth's pages get previews."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.slack.inbound.message_shortcut import MESSAGE_SHORTCUT
from bot.slack.inbound.open_form import SHORTCUT
from tests.slack.inbound.office import Office, text_of

URL = "http://127.0.0.1:8600"


async def written(office: Office, text: str, user: str = "U0BOB") -> str:
    said = await asyncio.to_thread(office.client.say, user, "C0GPU", text)
    return str(said["ts"])


def message(office: Office, ts: str) -> dict[str, Any]:
    found: dict[str, Any] = office.slack.state.messages.get("C0GPU", ts)
    return found


async def test_the_global_shortcut_opens_the_form(any_office: Office) -> None:
    office = any_office
    done = await asyncio.to_thread(office.client.shortcut, "U0ALICE", SHORTCUT)
    assert done["ok"], done
    await office.eventually(office.modal)
    assert "Book GPUs" in str((office.modal() or {})["title"])


async def test_a_message_is_booked_for_with_its_link_in_the_note(any_office: Office) -> None:
    office = any_office
    ts = await written(office, "who has a GPU for the ablation?")
    done = await asyncio.to_thread(office.client.shortcut, "U0ALICE", MESSAGE_SHORTCUT, "C0GPU", ts)
    assert done["ok"], done
    await office.eventually(office.modal)
    link = f"/archives/C0GPU/p{ts.replace('.', '')}"
    await office.eventually(lambda: link in text_of(office.modal()))
    await office.submit()
    await office.eventually(office.reservations)
    (booked,) = office.reservations()
    assert booked.note.endswith(link)


async def test_without_a_link_the_form_opens_all_the_same(office: Office) -> None:
    ts = await written(office, "hello")
    await asyncio.to_thread(office.client.faults, "chat.getPermalink", "500")
    await asyncio.to_thread(office.client.shortcut, "U0ALICE", MESSAGE_SHORTCUT, "C0GPU", ts)
    await office.eventually(office.modal)
    assert "archives" not in text_of(office.modal())


async def test_links_to_pages_get_previews(any_office: Office) -> None:
    office = any_office
    await office.say("/gpu reserve 1 now 2h yolov8l")
    links = [f"{URL}/reservations/1", f"{URL}/runs/1", f"{URL}/timeline?host=1"]
    ts = await written(office, "see " + " ".join(links))
    await office.eventually(lambda: message(office, ts).get("unfurls"))
    shown = message(office, ts)["unfurls"]
    assert list(shown) == links
    for link in links[:2]:
        assert "R1" in str(shown[link])
        assert "reservation.cancel" not in str(shown[link]), "a preview is not edited any more"
    assert "3 of 4 GPUs are free now" in str(shown[links[2]])


async def test_other_links_and_things_that_are_gone_get_none(office: Office) -> None:
    others = f"{URL}/reservations/99 {URL}/sign-in/link?token=x http://localhost:1/timeline"
    before = await written(office, others)
    after = await written(office, f"{URL}/timeline")
    await office.eventually(lambda: message(office, after).get("unfurls"))
    assert message(office, before).get("unfurls") is None
    assert office.ephemerals("U0BOB") == [], "nobody asked for anything"
