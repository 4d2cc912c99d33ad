"""What holds for every page: who may see it, where it leads, and that nothing of it is open."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.errors import UnknownReservation
from bot.domain.people import Role
from bot.domain.policy import Policy
from bot.services import roles, sign_in
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.web.pages.application import STATIC, Desk, PagesOptions, pages_router
from bot.web.pages.frame import Frame
from bot.web.pages.page import Content, Page, Visit
from bot.web.pages.registry import PAGES
from bot.web.sign_in import SESSION_COOKIE
from tests.conftest import use_cases
from tests.support.clock import SetClock
from tests.support.site import Site, in_words, open_site
from tests.support.world import a_host, a_member


@pytest.fixture
async def site(
    sqlite: Database, clock: SetClock, policy: Policy, tmp_path: Path
) -> AsyncIterator[Site]:
    berth = use_cases(sqlite, clock, policy)
    a_host(berth, gpus=2)
    async with open_site(berth, clock, tmp_path) as opened:
        yield opened


def example(page: Page) -> str:
    """Return an address of a page."""
    return re.sub(r"\{[^}]+\}", "1", page.path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_no_page_is_open(site: Site, page: Page) -> None:
    answer = await site.browser.get(example(page))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_what_a_page_is_made_of_is_there_and_ours(site: Site, page: Page) -> None:
    await site.by_link()
    answer = await site.browser.get(example(page))
    assert answer.status_code in (200, 403, 404)
    assert answer.headers["cache-control"] == "no-store"
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith(("/", "#")), address
        if address.startswith("/static/"):
            assert (await site.browser.get(address)).status_code == 200, address
    assert not re.search(r"<[^>]+ (style|on\w+)=", answer.text)


def test_titles_and_paths_are_each_their_own() -> None:
    assert len({page.path for page in PAGES}) == len(PAGES)
    assert len({page.title for page in PAGES}) == len(PAGES)


def test_scripts_load_nothing_from_elsewhere() -> None:
    for script in STATIC.rglob("*.js"):
        for imported in re.findall(r'from "([^"]+)"', script.read_text()):
            assert (script.parent / imported).resolve().is_file(), (script.name, imported)


async def _for_leads(_visit: Visit) -> Content:
    return Content("not_for_you.html", {"needed": "nobody"})


async def _without(_visit: Visit) -> Content:
    raise UnknownReservation(7)


OWN = (
    Page("/leads", "Leads", _for_leads, min_role=Role.LEAD, in_navigation=True),
    Page("/without", "Without", _without, in_navigation=True),
)


@pytest.fixture
async def own_pages(berth: UseCases) -> AsyncIterator[httpx.AsyncClient]:
    """Two pages of the test's own, and Bob, who is a member."""
    run = ThreadedUseCases(berth, threads=2)
    app = FastAPI()
    app.include_router(pages_router(Desk(run, Frame(OWN), PagesOptions(sentence_of=in_words)), OWN))
    opened = berth.write(sign_in.open_session, a_member(berth, "U0BOB"), "link")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://berth",
        cookies={SESSION_COOKIE: opened.secret},
    ) as browser:
        yield browser
    run.close()


async def test_a_page_is_for_a_role_and_those_above(
    own_pages: httpx.AsyncClient, berth: UseCases
) -> None:
    refused = await own_pages.get("/leads")
    assert refused.status_code == 403
    assert "for the role lead and above" in refused.text
    assert ">Leads</a>" not in (await own_pages.get("/without")).text, (
        "nor does anything lead there"
    )
    admin = a_member(berth, "U0DAVE", admin=True)
    berth.write(roles.set_role, admin, "U0BOB", Role.ADMIN)
    shown = await own_pages.get("/leads")
    assert shown.status_code == 200
    assert ">Leads</a>" in shown.text


async def test_a_page_that_fails_as_foreseen_says_why(own_pages: httpx.AsyncClient) -> None:
    answer = await own_pages.get("/without")
    assert answer.status_code == 404
    assert "R7" in answer.text
