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
