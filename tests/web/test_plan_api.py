"""POST /api/v1/plan: the answer of `/gpu plan` as numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from bot.domain.run_spec import TrainingSpec
from bot.services.transaction import UseCases
from tests.support.history import a_finished_run
from tests.support.world import a_member

PLAN = "/api/v1/plan"
RUN = {"model": "yolo11m", "data": "coco.yaml", "epochs": 100, "imgsz": 640, "batch": 16}


async def test_a_plan_says_how_long_and_when_and_books_nothing(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    for _ in range(3):
        spec = TrainingSpec(model="yolo11m", data="coco.yaml", epochs=100)
        a_finished_run(berth, a_member(berth), spec, 180.0)
    deadline = "2026-11-24T08:00:00Z"
    answer = await api.post(PLAN, json={"run": RUN, "deadline": deadline})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["meets"] == "surely"
    (option,) = told["options"]
    assert option["length"]["low_s"] < option["length"]["likely_s"] == 18060
    assert option["basis"]["runs"] == 3
    limit = datetime(2026, 11, 24, 8, tzinfo=UTC)
    for window in (*told["windows"], told["latest_start"]):
        assert datetime.fromisoformat(window["finishes_high_at"]) <= limit
    window = told["windows"][1]
    booking = {"start": window["starts_at"], "end": window["ends_at"], "run": RUN}
    assert (await api.get("/api/v1/reservations")).json()["reservations"] == []
    assert (await api.post("/api/v1/reservations", json=booking)).status_code == 201


async def test_without_history_there_are_no_options_and_faults_are_named(
    api: httpx.AsyncClient,
) -> None:
    told = (await api.post(PLAN, json={"run": RUN})).json()
    assert (told["meets"], told["options"], told["windows"]) == ("no", [], [])
    refused = await api.post(PLAN, json={"run": {**RUN, "extra": {"project": "/etc"}}})
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid_run_spec")
    many = await api.post(PLAN, json={"run": RUN, "gpu_count": 99})
    assert many.json()["error"] == "invalid_gpu_count"


async def test_a_conflict_says_when_the_training_would_be_done_instead(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    spec = TrainingSpec(model="yolo11m", data="coco.yaml", epochs=100)
    a_finished_run(berth, a_member(berth), spec, 60.0)
    taken = {"start": "2026-11-23T14:00:00Z", "length_s": 7200, "gpu_count": 2}
    assert (await api.post("/api/v1/reservations", json=taken)).status_code == 201
    wish = {"start": "2026-11-23T14:00:00Z", "length_s": 14400, "run": RUN}
    refused = (await api.post("/api/v1/reservations", json=wish)).json()
    later = [each for each in refused["alternatives"] if each["kind"] == "later"]
    assert later
    start = datetime.fromisoformat(later[0]["starts_at"])
    finish = datetime.fromisoformat(later[0]["finishes_at"])
    assert (finish - start).total_seconds() == 6060
    assert later[0]["finishes_low_at"] < later[0]["finishes_at"] < later[0]["finishes_high_at"]
