"""``/gpu web``: a link to the pages, for the one who asks alone."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from bot.services import sign_in
from bot.slack.blocks.web_link import OPEN_ACTION
from tests.slack.inbound.office import Office, text_of


async def test_gpu_web_gives_a_link_that_signs_the_asker_in(office: Office) -> None:
    answer = await office.say("/gpu web", "U0BOB")
    assert "once" in text_of(answer)
    button = next(
        element
        for block in answer["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == OPEN_ACTION
    )
    link = urlsplit(button["url"])
    assert link.path == "/sign-in/link"
    secret = parse_qs(link.query)["token"][0]
    assert office.berth.write(sign_in.use_link, secret).member.slack_user_id == "U0BOB"


async def test_the_link_leads_to_what_was_named(office: Office) -> None:
    await office.say("/gpu reserve 1 now 4h")
    for said, path in (("R1", "/reservations/1"), ("", "/timeline"), ("runs", "/runs")):
        answer = await office.say(f"/gpu web {said}")
        secret = parse_qs(urlsplit(str(answer["blocks"])).query)["token"][0].split("'")[0]
        assert office.berth.write(sign_in.use_link, secret).next_path == path
    assert "no reservation" in text_of(await office.say("/gpu web R99"))
    assert "timeline" in text_of(await office.say("/gpu web somewhere"))


async def test_following_the_link_is_not_answered_as_an_unknown_click(office: Office) -> None:
    answer = await office.say("/gpu web")
    before = len(office.ephemerals("U0ALICE"))
    await office.click(answer, OPEN_ACTION, None)
    await office.say("/gpu status")
    assert len(office.ephemerals("U0ALICE")) == before + 1
