"""The agents' API over HTTP, with real use cases on both databases."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.requests import ReserveRequest
from bot.domain.views import ReservationView
from bot.services import booking, tokens, upkeep
from bot.services.tokens import Scope
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.web.app import build_web_app
from bot.web.revision_watch import RevisionWatch
from tests.support.world import TINY_RUN, a_member

TOKEN = "berth_for-tests"
GPUS = [{"uuid": f"GPU-{n}", "model": "A100", "memory_mib": 81920, "index": n} for n in range(2)]
REGISTER = {"protocol_version": 1, "agent_version": "1", "host_name": "host1", "gpus": GPUS}


@pytest.fixture
def store(tmp_path: Path) -> FsspecArtifactStore:
    return FsspecArtifactStore(str(tmp_path / "artifacts"))


@pytest.fixture
async def api(berth: UseCases, store: FsspecArtifactStore) -> AsyncIterator[httpx.AsyncClient]:
    berth.write(tokens.add_token, "host1", Scope.AGENT, TOKEN)
    run = ThreadedUseCases(berth, threads=4)
    watch = RevisionWatch(run, poll_interval_s=0.02)
    transport = httpx.ASGITransport(build_web_app(run, watch, store), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://berth", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as client:
        yield client
    await watch.close()
    run.close()


async def register(api: httpx.AsyncClient) -> int:
    answer = await api.post("/agent/v1/register", json=REGISTER)
    assert answer.status_code == 200, answer.text
    host_id: int = answer.json()["host_id"]
    return host_id


def book_and_start(berth: UseCases) -> ReservationView:
    view = berth.run(
        booking.reserve, a_member(berth), ReserveRequest(timedelta(hours=2), run=TINY_RUN)
    )
    for timer in berth.run(upkeep.claim_timers, "test"):
        berth.run(upkeep.fire, timer, "test")
    return view


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic abc", f"Bearer {TOKEN}x"])
async def test_a_token_that_was_not_given_out_is_refused(
    api: httpx.AsyncClient, header: str
) -> None:
    answer = await api.post("/agent/v1/register", json=REGISTER, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "token_refused")


async def test_a_revoked_token_is_refused(api: httpx.AsyncClient, berth: UseCases) -> None:
    assert berth.write(tokens.revoke_token, "host1") == 1
    assert (await api.post("/agent/v1/register", json=REGISTER)).status_code == 401


async def test_registering_again_keeps_the_host_and_its_gpus(api: httpx.AsyncClient) -> None:
    assert await register(api) == await register(api)
    ready = (await api.get("/readyz")).json()
    assert (ready["hosts"], ready["gpus"]) == (1, 2)


async def test_an_agent_that_is_too_old_is_told_to_upgrade(api: httpx.AsyncClient) -> None:
    answer = await api.post("/agent/v1/register", json={**REGISTER, "protocol_version": 0})
    assert (answer.status_code, answer.json()["error"]) == (426, "incompatible_agent")


async def test_a_long_poll_answers_when_a_run_is_due(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    host_id = await register(api)
    first = (await api.get("/agent/v1/desired", params={"host_id": host_id})).json()
    query = {"host_id": host_id, "revision": first["revision"], "wait_s": 20}
    poll = asyncio.create_task(api.get("/agent/v1/desired", params=query))
    await asyncio.sleep(0.1)
    assert not poll.done()
    started = time.monotonic()
    await asyncio.to_thread(book_and_start, berth)
    state = (await poll).json()
    assert time.monotonic() - started < 10
    assert [attempt["spec"]["model"] for attempt in state["attempts"]] == ["tiny.yaml"]


async def test_a_long_poll_ends_by_itself(api: httpx.AsyncClient) -> None:
    host_id = await register(api)
    first = (await api.get("/agent/v1/desired", params={"host_id": host_id})).json()
    query = {"host_id": host_id, "revision": first["revision"], "wait_s": 0.2}
    again = (await api.get("/agent/v1/desired", params=query)).json()
    assert again["revision"] == first["revision"]


async def test_an_artifact_is_kept_whole_or_refused(
    api: httpx.AsyncClient, berth: UseCases, store: FsspecArtifactStore
) -> None:
    host_id = await register(api)
    book_and_start(berth)
    state = (await api.get("/agent/v1/desired", params={"host_id": host_id})).json()
    attempt = state["attempts"][0]
    path = f"/agent/v1/attempts/{attempt['attempt_id']}/artifacts/results.png"
    content = b"\x89PNG and more"
    headers = {
        "X-Berth-Fence": str(attempt["fence"]),
        "X-Berth-Sha256": hashlib.sha256(content).hexdigest(),
    }
    damaged = await api.put(path, content=content[:-1], headers=headers)
    assert (damaged.status_code, damaged.json()["error"]) == (422, "artifact_damaged")
    for _ in range(2):
        assert (await api.put(path, content=content, headers=headers)).status_code == 204
    (key,) = store.keys(f"attempts/{attempt['attempt_id']}")
    assert store.get(key) == content
    assert (await api.get(path)).content == content
    stale = await api.put(path, content=content, headers={**headers, "X-Berth-Fence": "99"})
    assert (stale.status_code, stale.json()["error"]) == (409, "stale_fence")


@pytest.mark.parametrize("name", ["..", ".hidden", "a%2Fb", "x" * 101])
async def test_an_artifact_has_a_plain_name(api: httpx.AsyncClient, name: str) -> None:
    headers = {"X-Berth-Fence": "1", "X-Berth-Sha256": "0" * 64}
    answer = await api.put(f"/agent/v1/attempts/1/artifacts/{name}", headers=headers)
    assert answer.status_code in (404, 405, 422)


async def test_an_unknown_host_is_told_so(api: httpx.AsyncClient) -> None:
    report = {"host_id": 77, "sent_at": "2026-11-23T12:00:00Z"}
    answer = await api.post("/agent/v1/report", json=report)
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_host")


async def test_what_nobody_foresaw_gets_a_reference_and_no_traceback(
    api: httpx.AsyncClient, berth: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.services.queries.all_hosts", lambda _session: 1 / 0)
    answer = await api.get("/readyz")
    assert answer.status_code == 500
    assert set(answer.json()) == {"error", "reference"}
