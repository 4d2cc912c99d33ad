"""The API for programs over SQLite, for tests of its form."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path

import httpx
import pytest

from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.services.transaction import Defaults, UseCases
from bot.slack.blocks.error_sentences import sentence
from bot.slack.blocks.sentence_words import PlainWords
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database
from bot.web.app import build_web_app
from bot.web.revision_watch import RevisionWatch
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.world import a_host, a_member


@contextlib.contextmanager
def _client(sqlite: Database, clock: SetClock, tmp_path: Path) -> Iterator[httpx.AsyncClient]:
    defaults = Defaults("everyone", "C0GPU", TrainingSpec("tiny.yaml", "shapes.yaml", epochs=5))
    berth = UseCases(sqlite, clock, Policy(), defaults)
    a_host(berth, gpus=2)
    a_member(berth)
    run = ThreadedUseCases(berth, threads=2)
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    app = build_web_app(
        run,
        RevisionWatch(run),
        store,
        sentence_of=lambda error: str(sentence(error, PlainWords(UTC))),
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    yield httpx.AsyncClient(
        transport=transport, base_url="http://berth", headers=token_of(berth, "U0ALICE")
    )
    run.close()


@pytest.fixture
async def api(berth: UseCases, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API on both databases, with two GPUs; as Alice unless a request says otherwise."""
    a_host(berth, gpus=2)
    a_member(berth)
    run = ThreadedUseCases(berth, threads=4)
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    app = build_web_app(
        run,
        RevisionWatch(run),
        store,
        sentence_of=lambda error: str(sentence(error, PlainWords(UTC))),
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://berth", headers=token_of(berth, "U0ALICE")
    ) as client:
        yield client
    run.close()


@pytest.fixture
async def sqlite_api(
    sqlite: Database, clock: SetClock, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The API as Alice, with two GPUs."""
    with _client(sqlite, clock, tmp_path) as client:
        async with client:
            yield client


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop for a test that is no coroutine, because Hypothesis calls it many times."""
    opened = asyncio.new_event_loop()
    yield opened
    opened.close()


@pytest.fixture
def served(
    sqlite: Database, clock: SetClock, tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> Iterator[httpx.AsyncClient]:
    """The same for such a test."""
    with _client(sqlite, clock, tmp_path) as client:
        yield client
        loop.run_until_complete(client.aclose())
