"""Runs, their logs and files, templates and processes, over HTTP on both databases."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bot.protocol.messages import EndCause
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.logged_run import LoggedRun
from tests.support.world import a_member

API = "/api/v1"
RUN = {"model": "yolov8n", "data": "coco8.yaml", "epochs": 3}


@pytest.fixture
async def run(
    api: httpx.AsyncClient, berth: UseCases, clock: SetClock, tmp_path: Path
) -> LoggedRun:
    """A run of Alice's that has been seen running."""
    wish = {"length_s": 7200, "run": RUN}
    answer = await api.post(f"{API}/reservations", json=wish)
    assert answer.status_code == 201, answer.text
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    logged = LoggedRun(berth, clock, 1, store)
    logged.start()
    return logged


async def test_runs_are_listed_and_told_in_full(
    api: httpx.AsyncClient, run: LoggedRun, berth: UseCases
) -> None:
    run.tell("loading", "epoch 1")
    (line,) = (await api.get(f"{API}/runs")).json()["runs"]
    assert (line["id"], line["state"], line["epoch"], line["epochs"]) == (1, "running", 1, 3)
    assert line["training"]["model"] == "yolov8n"
    whole = (await api.get(f"{API}/runs/1")).json()
    assert [one["number"] for one in whole["attempts"]] == [1]
    assert whole["epochs_done"][0]["metrics"] == {"map50": 0.25}
    assert whole["log_tail"] == ["loading", "epoch 1"]
    assert (await api.get(f"{API}/runs?state=succeeded")).json()["runs"] == []
    a_member(berth, "U0BOB")
    bob = token_of(berth, "U0BOB")
    assert (await api.get(f"{API}/runs", headers=bob)).json()["runs"] == []
    others = await api.get(f"{API}/runs?mine=false", headers=bob)
    assert len(others.json()["runs"]) == 1
    missing = await api.get(f"{API}/runs/99")
    assert (missing.status_code, missing.json()["error"]) == (404, "unknown_run")


async def test_the_log_is_its_last_lines_while_it_runs_and_all_of_it_later(
    api: httpx.AsyncClient, run: LoggedRun
) -> None:
    run.tell("one", "two")
    running = await api.get(f"{API}/runs/1/log")
    assert (running.text, running.headers["X-Berth-Log"]) == ("one\ntwo\n", "tail")
    assert running.headers["content-type"].startswith("text/plain")
    run.end(EndCause.SUCCEEDED, "done")
    run.keep_log("".join(f"line {number}\n" for number in range(100_000)))
    whole = await api.get(f"{API}/runs/1/log")
    assert whole.headers["X-Berth-Log"] == "whole"
    assert whole.text.splitlines()[99_999] == "line 99999"
    other = await api.get(f"{API}/runs/1/log?attempt=7")
    assert (other.status_code, other.json()["error"]) == (404, "no_such_attempt")


async def test_files_come_whole_and_in_parts(api: httpx.AsyncClient, run: LoggedRun) -> None:
    content = bytes(range(256)) * 1000
    run.keep("best.pt", content)
    here = f"{API}/runs/1/artifacts/best.pt"
    whole = await api.get(here)
    assert whole.content == content
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = await api.get(here, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(content)}"
    behind = await api.get(here, headers={"Range": f"bytes={len(content)}-"})
    assert behind.status_code == 416
    missing = await api.get(f"{API}/runs/1/artifacts/last.pt")
    assert missing.status_code == 404
    assert missing.json()["data"]["known"] == ["best.pt"]
    assert (await api.get(f"{API}/runs/1/artifacts/..%2Fx")).status_code in (404, 422)
    (file,) = (await api.get(f"{API}/runs/1")).json()["artifacts"]
    assert (file["name"], file["size_bytes"]) == ("best.pt", len(content))


async def test_templates_are_kept_read_and_forgotten(
    api: httpx.AsyncClient, run: LoggedRun
) -> None:
    assert run.attempt.run_id == 1
    for _ in range(2):
        saved = await api.put(f"{API}/templates/nightly", json={"reservation_id": 1})
        assert saved.status_code == 200, saved.text
    assert saved.json()["training"]["epochs"] == 3
    listed = (await api.get(f"{API}/templates")).json()["templates"]
    assert [one["name"] for one in listed] == ["nightly"]
    assert (await api.get(f"{API}/templates/@nightly")).json() == saved.json()
    assert (await api.delete(f"{API}/templates/nightly")).status_code == 200
    assert (await api.get(f"{API}/templates/nightly")).status_code == 404
    bad = await api.put(f"{API}/templates/-x", json={"reservation_id": 1})
    assert (bad.status_code, bad.json()["error"]) == (422, "invalid_template_name")


async def test_processes_are_listed_and_missing_ones_refused(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{API}/processes")).json() == {"processes": []}
    for what in ("adopt", "deny"):
        answer = await api.post(f"{API}/processes/7/{what}")
        assert (answer.status_code, answer.json()["error"]) == (404, "unknown_process")
    assert (await api.post(f"{API}/processes/7/stop")).json()["error"] == "admins_only"
