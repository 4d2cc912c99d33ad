"""``/gpu calendar``: secret addresses for calendar programs."""

from __future__ import annotations

import re

from bot.services import feeds
from tests.slack.inbound.office import Office, text_of


async def test_a_link_is_made_listed_and_revoked(office: Office) -> None:
    assert "no calendar link" in text_of(await office.say("/gpu calendar links"))
    made = text_of(await office.say("/gpu calendar link team"))
    found = re.search(r"/calendar/([\w-]{43})\.ics", made)
    assert found
    assert office.berth.write(feeds.read, found[1]).name
    listed = text_of(await office.say("/gpu calendar links"))
    assert found[1] not in listed
    assert "nothing any more" in text_of(await office.say("/gpu calendar revoke 1"))
    assert "no calendar link" in text_of(await office.say("/gpu calendar links"))
    assert "revoke 3" in text_of(await office.say("/gpu calendar whatever"))


async def test_the_calendar_comes_as_a_picture_with_its_words(office: Office) -> None:
    await office.say("/gpu reserve 2 now 4h", "U0BOB")
    answer = await office.say("/gpu calendar week", "U0BOB")
    assert "/timeline" in text_of(answer)
    shared = await office.eventually(
        lambda: [one for one in office.direct("U0BOB") if one.get("files")]
    )
    assert [file["name"] for file in shared[0]["files"]] == ["calendar.png"]
