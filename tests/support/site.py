"""The pages and the API over a database, with a Slack stand-in to sign in with."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap.system_clock import SystemClock
from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.errors import BerthError
from bot.sandbox.options import TEAM_ID, StandInOptions
from bot.sandbox.server import SlackStandIn
from bot.services import sign_in
from bot.services.transaction import UseCases
from bot.slack.blocks.error_sentences import sentence
from bot.slack.blocks.sentence_words import PlainWords
from bot.slack.identity import Directory
from bot.slack.standing import Standing
from bot.store.artifacts import FsspecArtifactStore
from bot.web.app import build_web_app
from bot.web.open_id import SlackSignIn
from bot.web.pages.application import PagesOptions
from bot.web.revision_watch import RevisionWatch
from tests.support.clock import SetClock
from tests.support.world import a_member

URL = "http://127.0.0.1:8600"


def in_words(error: BerthError, zone: tzinfo = UTC) -> str:
    return str(sentence(error, PlainWords(zone)))


async def workspace_id() -> str:
    return TEAM_ID


class AgelessDirectory(Directory):
    """Asks Slack every time, so that a test need not wait until a memory has faded."""

    def __init__(self, client: AsyncWebClient, run: ThreadedUseCases) -> None:
        self._passed_s = 0.0
        super().__init__(client, run, self._later)

    def _later(self) -> float:
        self._passed_s += 1000.0
        return self._passed_s


@dataclass
class Site:
    """What a test of the pages acts with."""

    berth: UseCases
    clock: SetClock
    slack: SlackStandIn
    browser: httpx.AsyncClient

    async def by_link(self, user: str = "U0ALICE") -> str:
        """Sign in by a link from the bot; return the value that changes must carry."""
        link = self.berth.write(sign_in.make_link, a_member(self.berth, user))
        answer = await self.browser.post("/sign-in/link", data={"token": link.secret})
        assert answer.status_code == 303, answer.text
        return await self.csrf()

    async def csrf(self) -> str:
        """Return what the pages of this browser send along with each change."""
        page = await self.browser.get("/")
        found = re.search(r'name="berth-csrf" content="([0-9a-f]+)"', page.text)
        assert found, page.text
        return found[1]

    async def at_slack(self, url: str) -> httpx.Response:
        """Open an address of the stand-in, as the same browser would."""
        assert url.startswith(self.slack.base_url)
        async with httpx.AsyncClient(trust_env=False) as outside:
            return await outside.get(url)

    async def come_back(self, url: str) -> httpx.Response:
        """Follow the way back from Slack."""
        parts = urlsplit(url)
        return await self.browser.get(f"{parts.path}?{parts.query}")


@contextlib.asynccontextmanager
async def open_site(
    berth: UseCases, clock: SetClock, tmp_path: Path, *, public_url: str = URL
) -> AsyncIterator[Site]:
    """Serve the site of a database."""
    run = ThreadedUseCases(berth, threads=2)
    async with SlackStandIn(SystemClock(), StandInOptions(rate_limits=False)) as slack:
        client = AsyncWebClient(slack.options.bot_token, base_url=slack.api_url)
        directory = AgelessDirectory(client, run)
        options = PagesOptions(
            public_url=public_url,
            slack=SlackSignIn(
                slack.options.client_id,
                slack.options.client_secret,
                slack.base_url,
                f"{URL}/sign-in/slack/done",
                workspace_id,
            ),
            member_of=directory.member,
            standing_of=Standing(directory, directory._later),
            sentence_of=in_words,
            sentence_in=in_words,
        )
        store = FsspecArtifactStore(str(tmp_path / "artifacts"))
        app = build_web_app(run, RevisionWatch(run), store, None, in_words, options)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=public_url) as browser:
            yield Site(berth, clock, slack, browser)
    run.close()


def href(page: httpx.Response, text: str) -> Iterator[str]:
    """Yield where the links with that text lead."""
    for target, words in re.findall(r'<a href="([^"]+)">([^<]+)</a>', page.text):
        if text in words:
            yield target.replace("&amp;", "&")
