"""`berth simulate`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from bot.cli.main import app
from bot.simulation.jobs import Sharing


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *words])
    return result.exit_code, result.output


def test_it_prints_a_table_and_writes_numbers_and_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    status, said = run("--gpus", "16", "--days", "3", "--folder", str(folder))
    assert status == 0, said
    assert "16 GPUs, 3 days" in said
    told = json.loads((folder / "simulation.json").read_text())
    assert [one["sharing"] for one in told["outcomes"]] == [each.value for each in Sharing]
    for name in ("hours", "utilisation", "waiting", "deadlines"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_no_log_is_refused_in_a_sentence(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("nothing\n")
    status, said = run("--log", str(log))
    assert status == 2
    assert "line 1 is no audit event" in said


def test_a_log_and_a_database_are_one_too_many(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("")
    status, said = run("--log", str(log), "--database-url", "sqlite://")
    assert status == 2
    assert "not both" in said
