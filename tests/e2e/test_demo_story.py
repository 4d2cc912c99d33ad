"""The demo's story, as a newcomer plays it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.training]


def test_the_story_is_true(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--script", "--folder", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert played.returncode == 0, played.stdout[-4000:] + played.stderr[-2000:]
    assert "The story was true" in played.stdout


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    refused = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--script", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "holds something else" in refused.stdout
    assert (tmp_path / "thesis.tex").read_text() == "mine"
