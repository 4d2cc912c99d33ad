"""Signing in to the pages: by a link from the bot, through Slack, and out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from bot.domain.people import Role
from bot.services import roles, sign_in, tokens
from bot.services.transaction import Tx, UseCases
from bot.store.sign_in_tables import SignInFlowRow, SignInLinkRow, WebSessionRow
from bot.store.tables import AuditEventRow
from bot.web.sign_in import CSRF_HEADER
from tests.support.clock import SetClock
from tests.support.site import Site, href, open_site
from tests.support.world import a_host, a_member

BOOKING = {"start": "2026-11-23T16:00:00Z", "length_s": 7200}


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=2)
    async with open_site(berth, clock, tmp_path) as opened:
        yield opened


def link_for(site: Site, user: str = "U0ALICE", next_path: str = "/") -> str:
    return site.berth.write(sign_in.make_link, a_member(site.berth, user), next_path).secret


async def to_slack(site: Site, next_path: str = "/") -> str:
    """Go to Slack and return where the browser would be sent."""
    answer = await site.browser.get("/sign-in/slack", params={"next": next_path})
    assert answer.status_code == 303
    return answer.headers["location"]


async def back_from_slack(site: Site, address: str, name: str = "Alice") -> str:
    """Say at Slack who one is, and return the way back."""
    page = await site.at_slack(address)
    allowed = await site.at_slack(f"{site.slack.base_url}{next(href(page, f'Continue as {name}'))}")
    assert allowed.status_code == 302, allowed.text
    return allowed.headers["location"]


async def who(site: Site) -> str | None:
    page = await site.browser.get("/")
    return None if page.status_code == 303 else page.text


# ---- links


async def test_a_link_signs_in_once_and_leads_on(site: Site) -> None:
    secret = link_for(site, next_path="/timeline?days=7")
    asked = await site.browser.get("/sign-in/link", params={"token": secret})
    assert "Sign in as Alice" in asked.text
    answer = await site.browser.post("/sign-in/link", data={"token": secret})
    assert answer.headers["location"] == "/timeline?days=7"
    assert "Alice" in (await who(site) or "")
    again = await site.browser.post("/sign-in/link", data={"token": secret})
    assert again.status_code == 403
    assert "/gpu web" in again.text


async def test_looking_at_a_link_does_not_use_it_up(site: Site) -> None:
    secret = link_for(site)
    for _ in range(3):
        assert (await site.browser.get(f"/sign-in/link?token={secret}")).status_code == 200
    assert (await site.browser.post("/sign-in/link", data={"token": secret})).status_code == 303


async def test_a_link_is_good_for_five_minutes(site: Site) -> None:
    secret = link_for(site)
    site.clock.advance(minutes=5)
    answer = await site.browser.post("/sign-in/link", data={"token": secret})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_another_site_cannot_sign_somebody_in(site: Site) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    data = {"token": link_for(site)}
    answer = await site.browser.post("/sign-in/link", data=data, headers=headers)
    assert answer.status_code == 403
    assert await who(site) is None


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb", ""],
)
async def test_nobody_is_led_to_another_site(site: Site, elsewhere: str) -> None:
    secret = link_for(site, next_path=elsewhere)
    answer = await site.browser.post("/sign-in/link", data={"token": secret})
    assert answer.headers["location"] == "/"


async def test_secrets_are_kept_as_digests_alone(site: Site) -> None:
    secret = link_for(site)
    answer = await site.browser.post("/sign-in/link", data={"token": secret})
    session = answer.cookies["berth_session"]

    def everything(tx: Tx) -> str:
        rows: list[Any] = [
            *tx.session.scalars(select(SignInLinkRow)),
            *tx.session.scalars(select(WebSessionRow)),
        ]
        kept = [
            {column.name: getattr(row, column.name) for column in row.__table__.c} for row in rows
        ]
        events = [event.data for event in tx.session.scalars(select(AuditEventRow))]
        return repr((kept, events))

    kept = site.berth.read(everything)
    assert secret not in kept
    assert session not in kept


# ---- through Slack


async def test_signing_in_by_slack(site: Site) -> None:
    address = await to_slack(site, "/timeline?team=vision")
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"]
    back = await back_from_slack(site, address)
    answer = await site.come_back(back)
    assert answer.headers["location"] == "/timeline?team=vision", answer.text
    assert "alice" in (await who(site) or "")


async def test_a_way_back_is_good_once_and_only_in_the_same_browser(site: Site) -> None:
    back = await back_from_slack(site, await to_slack(site))
    own = dict(site.browser.cookies)
    site.browser.cookies.clear()
    answer = await site.come_back(back)
    assert answer.status_code == 403
    assert "another browser" in answer.text
    site.browser.cookies.update(own)
    assert (await site.come_back(back)).status_code == 303
    site.browser.cookies.clear()
    site.browser.cookies.update(own)
    assert (await site.come_back(back)).status_code == 403


async def test_who_declines_at_slack_is_not_signed_in(site: Site) -> None:
    page = await site.at_slack(await to_slack(site))
    answer = await site.come_back(next(href(page, "Cancel")))
    assert answer.status_code == 403
    assert "did not want" in answer.text
    assert await who(site) is None


async def test_a_token_for_another_nonce_is_not_believed(site: Site) -> None:
    address = await to_slack(site)
    nonce = parse_qs(urlsplit(address).query)["nonce"][0]
    back = await back_from_slack(site, address.replace(nonce, "another"))
    answer = await site.come_back(back)
    assert answer.status_code == 403
    assert "does not prove" in answer.text


async def test_a_code_without_its_verifier_is_worth_nothing(site: Site) -> None:
    """Somebody's code, brought into a flow that another browser began (PKCE)."""
    stolen = await back_from_slack(site, await to_slack(site))
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    site.browser.cookies.clear()
    own = await back_from_slack(site, await to_slack(site), "Bob")
    own_code = parse_qs(urlsplit(own).query)["code"][0]
    answer = await site.come_back(own.replace(own_code, code))
    assert answer.status_code == 403
    assert await who(site) is None


async def test_slack_out_of_reach_is_told_as_such(site: Site) -> None:
    back = await back_from_slack(site, await to_slack(site))
    await site.slack.stop()
    answer = await site.come_back(back)
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text


async def test_what_anybody_may_write_is_bounded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "MOST_ON_THEIR_WAY", 3)
    for _ in range(3):
        await to_slack(site)
    assert (await site.browser.get("/sign-in/slack")).status_code == 503
    site.clock.advance(minutes=11)
    await to_slack(site)
    site.clock.advance(days=8)
    await to_slack(site)
    rows = site.berth.read(lambda tx: len(tx.session.scalars(select(SignInFlowRow)).all()))
    assert rows == 1


# ---- sessions


async def test_pages_lead_to_the_sign_in_and_back(site: Site) -> None:
    answer = await site.browser.get("/?x=1&y=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2F%3Fx%3D1%26y%3D2"
    page = await site.browser.get(answer.headers["location"])
    assert "Sign in with Slack" in page.text
    assert "next=/%3Fx%3D1%26y%3D2" in page.text


async def test_a_session_ends_after_twelve_hours(site: Site) -> None:
    await site.by_link()
    site.clock.advance(hours=11, minutes=59)
    assert await who(site)
    site.clock.advance(minutes=1)
    assert await who(site) is None


async def test_signing_out_ends_the_session_itself(site: Site) -> None:
    csrf = await site.by_link()
    kept = dict(site.browser.cookies)
    answer = await site.browser.post("/sign-out", data={"csrf": csrf})
    assert answer.status_code == 303
    site.browser.cookies.update(kept)
    assert await who(site) is None


async def test_signing_out_everywhere(site: Site) -> None:
    await site.by_link()
    first = dict(site.browser.cookies)
    site.browser.cookies.clear()
    csrf = await site.by_link()
    waiting = link_for(site)
    await site.browser.post("/sign-out", data={"csrf": csrf, "everywhere": "1"})
    site.browser.cookies.clear()
    site.browser.cookies.update(first)
    assert await who(site) is None
    assert (await site.browser.get(f"/sign-in/link?token={waiting}")).status_code == 403


async def test_another_site_cannot_sign_somebody_out(site: Site) -> None:
    await site.by_link()
    assert (await site.browser.post("/sign-out", data={"csrf": "wrong"})).status_code == 403
    assert await who(site)


async def test_who_is_deactivated_is_out_at_once_everywhere(site: Site) -> None:
    csrf = await site.by_link("U0BOB")
    site.slack.state.workspace.people["U0BOB"].deleted = True
    assert (await site.browser.get("/")).status_code == 403
    answer = await site.browser.post(
        "/api/v1/reservations", json=BOOKING, headers={CSRF_HEADER: csrf}
    )
    assert answer.status_code == 401
    site.slack.state.workspace.people["U0BOB"].deleted = False
    assert await who(site) is None, "the session is over, not only asleep"


async def test_the_token_of_who_is_deactivated_rests_too(site: Site) -> None:
    a_member(site.berth, "U0BOB")
    token = site.berth.write(tokens.create_member_token, "nightly", "U0BOB")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await site.browser.get("/api/v1/reservations", headers=headers)).status_code == 200
    site.slack.state.workspace.people["U0BOB"].deleted = True
    refused = await site.browser.get("/api/v1/reservations", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")


async def test_while_slack_is_out_of_reach_who_is_signed_in_stays_so(site: Site) -> None:
    await site.by_link("U0BOB")
    assert await who(site)
    await site.slack.stop()
    assert await who(site)


async def test_signing_in_and_out_is_audited(site: Site) -> None:
    csrf = await site.by_link()
    await site.browser.post("/sign-out", data={"csrf": csrf})
    actions = site.berth.read(
        lambda tx: [
            event.action
            for event in tx.session.scalars(select(AuditEventRow).order_by(AuditEventRow.id))
            if event.actor == "U0ALICE"
        ]
    )
    assert actions[-3:] == ["sign_in_link.made", "member.signed_in", "member.signed_out"]


# ---- the cookie and the API


async def test_the_api_takes_the_session_of_our_own_pages(site: Site) -> None:
    csrf = await site.by_link()
    assert (await site.browser.get("/api/v1/reservations")).status_code == 200
    answer = await site.browser.post(
        "/api/v1/reservations", json=BOOKING, headers={CSRF_HEADER: csrf}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["holder_slack_id"] == "U0ALICE"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {CSRF_HEADER: "0" * 64},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
async def test_the_api_takes_no_change_from_elsewhere(site: Site, headers: dict[str, str]) -> None:
    csrf = await site.by_link()
    sent = headers if CSRF_HEADER in headers or not headers else {CSRF_HEADER: csrf, **headers}
    answer = await site.browser.post("/api/v1/reservations", json=BOOKING, headers=sent)
    assert answer.status_code == 403
    assert answer.json()["error"] == "not_from_our_pages"


async def test_a_viewer_sees_and_does_not_book(site: Site) -> None:
    csrf = await site.by_link("U0BOB")
    admin = a_member(site.berth, admin=True)
    site.berth.write(roles.set_role, admin, "U0BOB", Role.VIEWER)
    assert "viewer" in (await who(site) or "")
    answer = await site.browser.post(
        "/api/v1/reservations", json=BOOKING, headers={CSRF_HEADER: csrf}
    )
    assert (answer.status_code, answer.json()["error"]) == (403, "not_permitted")


async def test_the_cookie_is_for_our_server_alone(site: Site) -> None:
    answer = await site.browser.post("/sign-in/link", data={"token": link_for(site)})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie, "the browser would not keep it over HTTP on loopback"


async def test_over_https_the_cookie_is_secure(
    berth: UseCases, clock: SetClock, tmp_path: Path
) -> None:
    async with open_site(berth, clock, tmp_path, public_url="https://berth.example") as site:
        answer = await site.browser.post("/sign-in/link", data={"token": link_for(site)})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/sign-in", "/static/frame.css", "/healthz", "/nowhere"])
async def test_every_answer_has_the_headers_that_keep_browsers_safe(site: Site, path: str) -> None:
    headers = (await site.browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_nothing_of_a_session_is_kept_by_the_browser(site: Site) -> None:
    await site.by_link()
    for path in ("/", "/api/v1/status", "/api/v1/timeline", "/api/v1/nowhere"):
        assert (await site.browser.get(path)).headers["cache-control"] == "no-store"
    script = await site.browser.get("/static/timeline/main.js")
    assert script.headers["cache-control"] == "no-cache"
    again = {"If-None-Match": script.headers["etag"]}
    assert (await site.browser.get("/static/timeline/main.js", headers=again)).status_code == 304


async def test_names_are_shown_as_text(site: Site) -> None:
    back = await back_from_slack(site, await to_slack(site), "Bob")
    site.slack.state.workspace.people["U0BOB"].name = "<script>alert(1)</script>"
    await site.come_back(back)
    shown = await who(site) or ""
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown
