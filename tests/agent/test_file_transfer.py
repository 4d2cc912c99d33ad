"""Files between an agent and the real control plane, through a proxy that is cut on purpose."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn

from bot.agent.control_plane import ControlPlane, ControlPlaneError, MessageRefused
from bot.agent.file_transfer import FileDamagedError, fetch_file, send_file
from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.protocol.messages import ResumePoint
from bot.services import booking, tokens, uploads
from bot.services.tokens import Scope
from bot.services.transaction import Defaults, Tx, UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database
from bot.store.tables import RunRow
from bot.web.app import build_web_app
from bot.web.revision_watch import RevisionWatch
from tests.agent.gpu_host import until
from tests.support.clock import SetClock
from tests.support.clockwork import fire_due
from tests.support.cut_proxy import CutProxy
from tests.support.world import TINY_RUN, a_host, a_member

TOKEN = "berth_for-tests"
CHUNK = 100_000


def a_checkpoint(size_bytes: int, seed: int = 1) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("weights", random.Random(seed).randbytes(size_bytes))
    return packed.getvalue()


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@dataclass
class Way:
    """An agent's connection through a proxy to a real control plane with one attempt."""

    berth: UseCases
    store: FsspecArtifactStore
    proxy: CutProxy
    control_plane: ControlPlane

    async def send(self, path: Path, fence: int = 1, epochs_done: int | None = None) -> None:
        await send_file(
            self.control_plane, 1, fence, path, chunk_bytes=CHUNK, epochs_done=epochs_done
        )

    async def send_at_last(self, path: Path, epochs_done: int | None = None) -> int:
        """Send as the agent's loops do, again and again; return the number of failures."""
        for failures in range(20):
            try:
                await self.send(path, epochs_done=epochs_done)
            except ControlPlaneError:
                continue
            return failures
        pytest.fail("it never arrived")

    def newest(self) -> ResumePoint | None:
        return self.berth.read(_newest)


def _newest(tx: Tx) -> ResumePoint | None:
    return uploads.newest_checkpoint(tx, tx.session.get_one(RunRow, 1))


@pytest.fixture
async def way(sqlite: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Way]:
    defaults = Defaults("everyone", "C0GPU", TrainingSpec("tiny.yaml", "shapes.yaml", epochs=5))
    berth = UseCases(sqlite, clock, Policy(), defaults)
    berth.write(tokens.add_token, "host1", Scope.AGENT, TOKEN)
    a_host(berth, gpus=1)
    request = ReserveRequest(timedelta(hours=2), run=TINY_RUN)
    berth.run(booking.reserve, a_member(berth), request)
    fire_due(berth)
    run = ThreadedUseCases(berth, threads=4)
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    config = uvicorn.Config(
        build_web_app(run, RevisionWatch(run), store), port=0, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the server")
    proxy = CutProxy(server.servers[0].sockets[0].getsockname()[1])
    await proxy.open()
    async with ControlPlane(proxy.url, TOKEN, proxies_from_environment=False) as control_plane:
        yield Way(berth, store, proxy, control_plane)
    await proxy.close()
    server.should_exit = True
    await serving
    run.close()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(a_checkpoint(1_000_000))
    return path


async def test_an_upload_that_is_cut_goes_on_where_it_was(way: Way, checkpoint: Path) -> None:
    way.proxy.cut_after_bytes["up"] = 650_000
    assert 1 <= await way.send_at_last(checkpoint, epochs_done=7) <= 3
    assert way.proxy.cuts == 1
    whole = len(content_of(checkpoint))
    assert way.proxy.passed["up"] < whole + 2 * CHUNK + 50_000, "what had arrived was not sent anew"
    point = way.newest()
    assert point is not None
    assert (point.epochs_done, point.size_bytes) == (7, whole)
    assert point.sha256 == hashlib.sha256(content_of(checkpoint)).hexdigest()


async def test_an_answer_that_is_cut_does_no_harm(way: Way, checkpoint: Path) -> None:
    for cut_after in (300, 800, 1500, 2500):
        way.proxy.cut_after_bytes["down"] = cut_after
        await way.send_at_last(checkpoint)
    assert way.newest() is not None


async def test_a_download_that_is_cut_goes_on_where_it_was(
    way: Way, checkpoint: Path, tmp_path: Path
) -> None:
    await way.send(checkpoint)
    point = way.newest()
    assert point is not None
    target = tmp_path / "here" / "fetched.pt"
    way.proxy.passed["down"] = 0
    way.proxy.cut_after_bytes["down"] = 600_000
    with pytest.raises(ControlPlaneError):
        await fetch_file(way.control_plane, point, target)
    assert not target.exists()
    arrived = target.with_name("fetched.pt.part").stat().st_size
    assert 0 < arrived < 700_000
    way.proxy.passed["down"] = 0
    await fetch_file(way.control_plane, point, target)
    assert content_of(target) == content_of(checkpoint)
    assert way.proxy.passed["down"] < point.size_bytes - arrived + 10_000
    assert not target.with_name("fetched.pt.part").exists()


async def test_what_arrives_damaged_is_not_used(way: Way, checkpoint: Path, tmp_path: Path) -> None:
    await way.send(checkpoint)
    point = way.newest()
    assert point is not None
    (key,) = way.store.keys("attempts/1")
    content = bytearray(way.store.get(key))
    content[5000] ^= 1
    way.store.put(key, [bytes(content)])
    target = tmp_path / "fetched.pt"
    with pytest.raises(FileDamagedError):
        await fetch_file(way.control_plane, point, target)
    assert not target.exists()
    assert not target.with_name("fetched.pt.part").exists()
    way.store.put(key, [content_of(checkpoint)])
    await fetch_file(way.control_plane, point, target)
    assert content_of(target) == content_of(checkpoint)


async def test_a_file_that_is_no_checkpoint_is_not_used(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a zip archive" * 10_000)
    await way.send(path)
    point = way.newest()
    assert point is not None
    with pytest.raises(FileDamagedError):
        await fetch_file(way.control_plane, point, tmp_path / "fetched.pt")


async def test_a_file_that_changes_under_way_is_discarded_and_sent_anew(
    way: Way, checkpoint: Path
) -> None:
    way.proxy.cut_after_bytes["up"] = 350_000
    with pytest.raises(ControlPlaneError):
        await way.send(checkpoint)
    replace(checkpoint, a_checkpoint(1_000_000, seed=2))
    await way.send_at_last(checkpoint)
    point = way.newest()
    assert point is not None
    assert point.sha256 == hashlib.sha256(content_of(checkpoint)).hexdigest()


async def test_a_stale_fence_is_refused_for_good(way: Way, checkpoint: Path) -> None:
    with pytest.raises(MessageRefused) as refusal:
        await way.send(checkpoint, fence=9)
    assert refusal.value.status == 409


async def test_neither_side_holds_a_large_file_in_memory(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(a_checkpoint(96 * 2**20))
    tracemalloc.start()
    try:
        await send_file(way.control_plane, 1, 1, path, name="checkpoint.pt")
        point = way.newest()
        assert point is not None
        await fetch_file(way.control_plane, point, tmp_path / "fetched.pt")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert point.size_bytes > 96 * 2**20
    assert peak < 40 * 2**20, f"{peak / 2**20:.0f} MiB for both ends together"
