"""The pages and the API in a thread of their own, with a Slack stand-in beside them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap.system_clock import SystemClock
from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.people import Member
from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from bot.services import sign_in
from bot.services.transaction import Defaults, UseCases
from bot.slack.identity import Directory
from bot.slack.standing import Standing
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database
from bot.web.app import build_web_app
from bot.web.open_id import SlackSignIn
from bot.web.pages.application import PagesOptions
from bot.web.revision_watch import RevisionWatch
from tests.support.site import in_words, workspace_id
from tests.support.world import a_member

T = TypeVar("T")
START_TIMEOUT_S = 20.0


class WebSite:
    """What a test of the pages acts on. Use as a context manager.

    Attributes:
        berth: the use cases over the same database, to arrange and to check.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        defaults = Defaults("everyone", "C0GPU", TrainingSpec("tiny.yaml", "shapes.yaml", epochs=5))
        self.berth = UseCases(database, SystemClock(), Policy(), defaults)
        self._folder = folder
        self._run = ThreadedUseCases(self.berth, threads=4)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web-site")
        self.slack = SlackStandIn(SystemClock(), StandInOptions(rate_limits=False))
        self._socket = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def link(self, member: Member | None = None) -> str:
        """Return a link from the bot that signs somebody in."""
        made = self.berth.write(sign_in.make_link, member or a_member(self.berth))
        return f"{self.url}/sign-in/link?token={made.secret}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()
        self._run.close()
        self._socket.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    async def _start(self) -> None:
        await self.slack.start()
        client = AsyncWebClient(self.slack.options.bot_token, base_url=self.slack.api_url)
        directory = Directory(client, self._run)
        options = PagesOptions(
            public_url=self.url,
            slack=SlackSignIn(
                self.slack.options.client_id,
                self.slack.options.client_secret,
                self.slack.base_url,
                f"{self.url}/sign-in/slack/done",
                workspace_id,
            ),
            member_of=directory.member,
            standing_of=Standing(directory),
            sentence_of=in_words,
            sentence_in=in_words,
        )
        store = FsspecArtifactStore(str(self._folder / "artifacts"))
        app = build_web_app(self._run, RevisionWatch(self._run), store, None, in_words, options)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )

        self._served = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        async with asyncio.timeout(START_TIMEOUT_S):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)

    async def _stop(self) -> None:
        self._server.should_exit = True
        await self._served
        await self.slack.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
