"""Files between agents and the control plane, over HTTP and both databases."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot.bootstrap.threads import ThreadedUseCases
from bot.clockwork.file_sweep import sweep_files
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import (
    AttemptObservation,
    CheckpointSeen,
    EndCause,
    ResumePoint,
    UploadState,
)
from bot.services import attempt_logs, booking, file_retention, tokens, uploads
from bot.services.discards import TIME_TO_WRITE
from bot.services.tokens import Scope
from bot.services.transaction import Tx, UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.file_tables import CheckpointRow, DiscardedFileRow, UploadRow
from bot.store.tables import ArtifactRow, AttemptRow, RunRow
from bot.web.app import build_web_app
from bot.web.revision_watch import RevisionWatch
from tests.support.agent import FakeAgent, Trainer
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import fire_due
from tests.support.world import TINY_RUN, a_host, a_member

TOKEN = "berth_for-tests"
CONTENT = random.Random(4).randbytes(250_000)
PATH = "/agent/v1/attempts/1/uploads/checkpoint.pt"
KEPT = "/agent/v1/attempts/1/artifacts/checkpoint.pt"


@dataclass
class Plane:
    """A control plane with one attempt that trains, and a client with the agent's token."""

    berth: UseCases
    clock: SetClock
    run: ThreadedUseCases
    store: FsspecArtifactStore
    api: httpx.AsyncClient
    agent: FakeAgent
    replica: httpx.AsyncClient = field(kw_only=True)

    @property
    def trainer(self) -> Trainer:
        (trainer,) = self.agent.trainers.values()
        return trainer

    async def put(
        self,
        chunk: bytes,
        offset: int,
        content: bytes = CONTENT,
        *,
        epochs_done: int = 4,
        api: httpx.AsyncClient | None = None,
        fence: int = 1,
    ) -> httpx.Response:
        headers = {**headers_of(content, fence), "X-Berth-Offset": str(offset)}
        headers["X-Berth-Epochs-Done"] = str(epochs_done)
        return await (api or self.api).put(PATH, content=chunk, headers=headers)

    async def put_all(self, content: bytes = CONTENT, *, epochs_done: int = 4) -> None:
        for offset in range(0, len(content), 100_000):
            chunk = content[offset : offset + 100_000]
            answer = await self.put(chunk, offset, content, epochs_done=epochs_done)
            assert answer.status_code == 200, answer.text

    async def state(self, content: bytes = CONTENT) -> UploadState:
        answer = await self.api.get(PATH, headers=headers_of(content))
        return UploadState.model_validate(answer.json())

    async def sweep(self) -> int:
        return await sweep_files(self.run, self.store)

    def end(self, cause: EndCause = EndCause.SUCCEEDED) -> None:
        self.agent.finish(self.trainer, cause)
        self.agent.report()


def headers_of(content: bytes, fence: int = 1) -> dict[str, str]:
    return {
        "X-Berth-Fence": str(fence),
        "X-Berth-Sha256": hashlib.sha256(content).hexdigest(),
        "X-Berth-Size": str(len(content)),
    }


@pytest.fixture
async def plane(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Plane]:
    berth.write(tokens.add_token, "host1", Scope.AGENT, TOKEN)
    run = ThreadedUseCases(berth, threads=4)
    stores = [FsspecArtifactStore(str(tmp_path / "artifacts")) for _ in range(2)]
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(
                build_web_app(run, RevisionWatch(run), store), raise_app_exceptions=False
            ),
            base_url="http://berth",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        for store in stores
    ]
    agent = FakeAgent(berth, a_host(berth, gpus=1))
    request = ReserveRequest(timedelta(hours=2), run=TINY_RUN)
    berth.run(booking.reserve, a_member(berth), request)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    yield Plane(berth, clock, run, stores[0], clients[0], agent, replica=clients[1])
    for client in clients:
        await client.aclose()
    run.close()


async def test_a_file_in_chunks_becomes_an_artifact(plane: Plane) -> None:
    assert await plane.state() == UploadState(received_bytes=0)
    with audited(plane.berth) as trail:
        await plane.put_all()
    assert trail.only().action == "artifact.stored"
    assert await plane.state() == UploadState(received_bytes=len(CONTENT), complete=True)
    answer = await plane.api.get(KEPT)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    plane.clock.advance(hours=2)
    assert await plane.sweep() == 3, "its three chunks go"
    assert len(plane.store.keys()) == 1


async def test_a_chunk_out_of_turn_changes_nothing_and_is_told_where_to_go_on(
    plane: Plane,
) -> None:
    await plane.put(CONTENT[:100_000], 0)
    for offset in (0, 50_000, 200_000):
        answer = await plane.put(CONTENT[offset : offset + 9], offset)
        assert answer.json() == {"received_bytes": 100_000, "complete": False}
    assert await plane.state() == UploadState(received_bytes=100_000)


async def test_any_replica_takes_the_next_chunk(plane: Plane) -> None:
    await plane.put(CONTENT[:100_000], 0)
    answer = await plane.put(CONTENT[100_000:], 100_000, api=plane.replica)
    assert answer.json() == {"received_bytes": len(CONTENT), "complete": True}
    assert (await plane.api.get(KEPT)).content == CONTENT


async def test_the_same_chunk_at_two_replicas_counts_once(plane: Plane) -> None:
    answers = await asyncio.gather(
        *(plane.put(CONTENT, 0, api=api) for api in (plane.api, plane.replica) * 2)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await plane.state() == UploadState(received_bytes=len(CONTENT), complete=True)
    assert (await plane.api.get(KEPT)).content == CONTENT
    plane.clock.advance(hours=TIME_TO_WRITE / timedelta(hours=1))
    while await plane.sweep():
        pass
    assert len(plane.store.keys()) == 1, "what came too late is gone"
    assert (await plane.api.get(KEPT)).content == CONTENT


async def test_when_putting_together_failed_an_empty_chunk_asks_for_it_again(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bot.services.artifacts.record", lambda *_args: 1 / 0)
        assert (await plane.put(CONTENT, 0)).status_code == 500
    assert await plane.state() == UploadState(received_bytes=len(CONTENT))
    answer = await plane.put(b"", len(CONTENT))
    assert answer.json() == {"received_bytes": len(CONTENT), "complete": True}


async def test_a_damaged_file_is_discarded_and_sent_anew(plane: Plane) -> None:
    damaged = b"?" + CONTENT[1:]
    answer = await plane.put(damaged, 0)
    assert (answer.status_code, answer.json()["error"]) == (422, "artifact_damaged")
    assert await plane.state() == UploadState(received_bytes=0)
    assert (await plane.api.get(KEPT)).status_code == 404
    await plane.put_all()
    assert (await plane.api.get(KEPT)).content == CONTENT


async def test_another_file_of_that_name_begins_anew(plane: Plane) -> None:
    other = CONTENT[::-1]
    await plane.put(CONTENT[:100_000], 0)
    assert (await plane.put(other[:9], 0, other)).json()["received_bytes"] == 9
    assert await plane.state() == UploadState(received_bytes=0)


async def test_a_newer_checkpoint_takes_the_place_of_the_older(plane: Plane) -> None:
    newer = CONTENT[::-1]
    await plane.put_all(epochs_done=4)
    await plane.put_all(newer, epochs_done=5)
    assert (await plane.api.get(KEPT)).content == newer
    plane.clock.advance(hours=TIME_TO_WRITE / timedelta(hours=1))
    while await plane.sweep():
        pass
    (key,) = plane.store.keys()
    assert plane.store.get(key) == newer
    point = plane.berth.read(_newest)
    assert point is not None
    assert (point.attempt_id, point.epochs_done) == (1, 5)
    assert point.sha256 == hashlib.sha256(newer).hexdigest()
    assert point.size_bytes == len(newer)


def _newest(tx: Tx) -> ResumePoint | None:
    return uploads.newest_checkpoint(tx, tx.session.scalars(select(RunRow)).one())


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=100-", 206, CONTENT[100:]),
        ("bytes=100-199", 206, CONTENT[100:200]),
        ("bytes=249999-999999999", 206, CONTENT[249_999:]),
        ("bytes=-5", 200, CONTENT),
        ("pages=1-2", 200, CONTENT),
    ],
)
async def test_a_download_goes_on_where_it_was(
    plane: Plane, wanted: str, status: int, content: bytes
) -> None:
    await plane.put_all()
    answer = await plane.api.get(KEPT, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)
    same = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    again = await plane.api.get(KEPT, headers={"Range": wanted, "If-Range": same})
    assert again.content == content
    other = await plane.api.get(KEPT, headers={"Range": wanted, "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, CONTENT)


async def test_there_is_nothing_behind_the_end(plane: Plane) -> None:
    await plane.put_all()
    answer = await plane.api.get(KEPT, headers={"Range": "bytes=250000-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */250000"


async def test_a_stale_attempt_and_a_stranger_upload_nothing(plane: Plane) -> None:
    assert (await plane.put(CONTENT, 0, fence=9)).status_code == 409
    stranger = {"Authorization": "Bearer nonsense"}
    assert (await plane.api.get(KEPT, headers=stranger)).status_code == 401
    answer = await plane.api.get(PATH, headers={**headers_of(CONTENT), **stranger})
    assert answer.status_code == 401
    assert plane.store.keys() == ()


async def test_a_file_beyond_all_bounds_is_refused_at_its_first_chunk(plane: Plane) -> None:
    headers = {**headers_of(b"x"), "X-Berth-Size": str(2**40), "X-Berth-Offset": "0"}
    assert (await plane.api.put(PATH, content=b"x", headers=headers)).status_code == 413


async def test_what_an_agent_tells_of_log_and_checkpoint_is_kept(plane: Plane) -> None:
    seen = plane.agent.observe(plane.trainer)
    at = plane.clock.now()
    told = seen.model_copy(
        update={
            "log_tail": ("epoch 1", "epoch 2"),
            "checkpoint": CheckpointSeen(epochs_done=2, at=at),
        }
    )
    for observation in (told, seen, told):
        plane.berth.write(_take, observation)
    tail = plane.berth.run(attempt_logs.log_tail, 1)
    assert tail is not None
    assert (tail.lines, tail.at) == (("epoch 1", "epoch 2"), at)
    assert plane.berth.run(attempt_logs.log_tail, 2) is None
    with plane.berth.database.engine.connect() as connection:
        row = connection.execute(select(CheckpointRow)).one()
    assert (row.epochs_done, row.stored_epochs_done) == (2, None)


def _take(tx: Tx, observation: AttemptObservation) -> None:
    attempt_logs.take(tx, tx.session.get_one(AttemptRow, 1), observation)


async def test_files_stay_while_the_run_goes_on_and_go_when_their_time_is_over(
    plane: Plane,
) -> None:
    await plane.put_all()
    small = b"plot"
    await plane.api.put(
        "/agent/v1/attempts/1/artifacts/args.yaml", content=small, headers=headers_of(small)
    )
    plane.clock.advance(days=100)
    plane.berth.write(file_retention.expire)
    assert len(_artifacts(plane)) == 2, "the run is not over"
    plane.end()
    ended_at = plane.clock.now()
    plane.clock.move_to(ended_at + timedelta(days=14, seconds=1))
    with audited(plane.berth) as trail:
        plane.berth.write(file_retention.expire)
    assert _artifacts(plane) == ["args.yaml"]
    assert [(event.action, event.data["names"]) for event in trail.events] == [
        ("artifacts.expired", ["checkpoint.pt"])
    ]
    plane.clock.move_to(ended_at + timedelta(days=90, seconds=1))
    plane.berth.write(file_retention.expire)
    assert _artifacts(plane) == []
    plane.clock.advance(hours=TIME_TO_WRITE / timedelta(hours=1))
    while await plane.sweep():
        pass
    assert plane.store.keys() == ()


async def test_an_upload_that_was_never_finished_goes(plane: Plane) -> None:
    await plane.put(CONTENT[:100_000], 0)
    plane.clock.advance(days=2)
    plane.berth.write(file_retention.expire)
    plane.clock.advance(hours=TIME_TO_WRITE / timedelta(hours=1))
    await plane.sweep()
    assert plane.store.keys() == ()
    with plane.berth.database.engine.connect() as connection:
        assert connection.execute(select(UploadRow)).all() == []
        assert connection.execute(select(DiscardedFileRow)).all() == []


async def test_the_look_for_old_files_comes_by_itself_every_day(plane: Plane) -> None:
    await plane.put_all()
    plane.end()
    plane.clock.advance(days=15)
    assert "files_expire" in fire_due(plane.berth)
    assert _artifacts(plane) == []
    plane.clock.advance(days=1)
    assert "files_expire" in fire_due(plane.berth)


def _artifacts(plane: Plane) -> list[str]:
    return plane.berth.database.read(
        lambda session: sorted(session.scalars(select(ArtifactRow.name)))
    )
