"""The unit that agents are installed with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "berth-agent.service"


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is needed")
    text = UNIT.read_text()
    copy = tmp_path / UNIT.name
    # What it starts is installed on GPU hosts only.
    copy.write_text(text.replace("/opt/berth/venv/bin/berth agent", "/bin/true"))
    assert "/bin/true" in copy.read_text()
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    verified = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    said = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert (verified.returncode, said) == (0, [])


def test_trainings_survive_the_agents_restart() -> None:
    text = UNIT.read_text()
    assert "KillMode=process" in text
    assert "Restart=always" in text
