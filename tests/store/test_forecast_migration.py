"""Runs of earlier releases are the history that plans go by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from bot.store import schema
from bot.store.database import open_engine
from bot.store.forecast_tables import AttemptPaceRow
from tests.strategies import MONDAY
from tests.support import databases

BEFORE = "9fb6adabd501"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if request.param == "postgresql":
        url = databases.create_database(request.getfixturevalue("postgres_url"))
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_what_earlier_releases_have_measured_is_kept(empty: Engine) -> None:
    schema.upgrade(empty, BEFORE)
    at = MONDAY.strftime("%Y-%m-%d %H:%M:%S.%f")
    with empty.begin() as connection:
        for statement in (
            "INSERT INTO teams (id, name, channel_id, colour, approval_channel_id, usergroup_id,"
            " created_at) VALUES (1, 'vision', 'C0GPU', '', '', '', :at)",
            "INSERT INTO members (id, slack_user_id, name, team_id, role, time_zone, created_at)"
            " VALUES (1, 'U0ALICE', 'Alice', 1, 'member', 'UTC', :at)",
            "INSERT INTO hosts (id, name, online, agent_version, protocol_version,"
            " desired_revision, registered_at, last_seen_at)"
            " VALUES (1, 'host1', true, 't', 1, 1, :at, :at)",
            'INSERT INTO gpus (id, uuid, host_id, "index", model, memory_mib, simulated, present)'
            " VALUES (1, 'GPU-0', 1, 0, 'NVIDIA A100-SXM4-80GB', 1, false, true)",
            "INSERT INTO reservations (id, kind, team_id, member_id, priority, preemptible, state,"
            " starts_at, ends_at, note, version, created_at, end_reason)"
            " VALUES (1, 'work', 1, 1, 'p2', true, 'ended', :at, :later, '', 1, :at, '')",
            "INSERT INTO runs (id, reservation_id, spec, state, end_detail, log_tail,"
            " final_metrics, created_at) VALUES (1, 1, :spec, 'succeeded', '', '[]', '{}', :at)",
            "INSERT INTO attempts (id, run_id, host_id, number, fence, state, gpu_uuids,"
            " assigned_at, trainer_started_at)"
            " VALUES (1, 1, 1, 1, 1, 'ended', '[\"GPU-0\"]', :at, :at)",
        ):
            connection.execute(
                text(statement.replace(":spec", "CAST(:spec AS JSON)"))
                if empty.dialect.name == "postgresql"
                else text(statement),
                {
                    name: value
                    for name, value in {
                        "at": at,
                        "later": (MONDAY + timedelta(hours=4)).strftime("%Y-%m-%d %H:%M:%S.%f"),
                        "spec": '{"v": 1, "model": "yolo11m.pt", "data": "coco.yaml",'
                        ' "epochs": 4, "imgsz": 640, "batch": 16, "seed": 0, "extra": {}}',
                    }.items()
                    if f":{name}" in statement
                },
            )
        for number, seconds in ((1, 150.0), (2, 100.0), (3, 100.0), (4, 104.0)):
            ended = MONDAY + timedelta(seconds=30 + 110 * number)
            connection.execute(
                text(
                    "INSERT INTO epochs (attempt_id, epoch, epoch_s, losses, metrics, at)"
                    " VALUES (1, :number, :seconds, '{}', '{}', :ended)"
                ),
                {
                    "number": number,
                    "seconds": seconds,
                    "ended": ended.strftime("%Y-%m-%d %H:%M:%S.%f"),
                },
            )
    schema.upgrade(empty)
    with Session(empty) as session:
        (pace,) = session.scalars(select(AttemptPaceRow)).all()
    assert (pace.model, pace.task, pace.gpu_type) == ("yolo11m", "detect", "A100-SXM4-80GB")
    assert (pace.epoch_s, pace.counted, pace.gpu_count) == (100.0, 3, 1)
    assert pace.recent_s == [100.0, 100.0, 104.0]
    assert pace.startup_s == 50.0
    assert pace.last_epoch_at == MONDAY + timedelta(seconds=470)
