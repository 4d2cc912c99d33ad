"""Every argument on Berth's list is one of the installed Ultralytics, which takes its bounds."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.domain.run_arguments import EXTRA_ARGUMENTS, REFUSED_ARGUMENTS, Choice, read_value

NOT_OF_ULTRALYTICS = {"paths", "augmentations", "save_dir"}
"""Refused words that are not in the file of defaults: set in code, or by mistake."""


def known_to_ultralytics() -> dict[str, Any]:
    found = importlib.util.find_spec("ultralytics")  # does not import it
    assert found is not None
    assert found.origin is not None
    described = (Path(found.origin).parent / "cfg" / "default.yaml").read_text(encoding="utf-8")
    known: dict[str, Any] = yaml.safe_load(described)
    return known


def test_every_allowed_argument_exists() -> None:
    assert set(EXTRA_ARGUMENTS) <= set(known_to_ultralytics())


def test_every_refused_argument_exists_and_none_is_both() -> None:
    assert set(REFUSED_ARGUMENTS) - NOT_OF_ULTRALYTICS <= set(known_to_ultralytics())
    assert not set(REFUSED_ARGUMENTS) & set(EXTRA_ARGUMENTS)


@pytest.mark.training
def test_ultralytics_takes_every_value_at_its_bounds(tmp_path: Path) -> None:
    bounds = {
        name: list(allowed.words)
        if isinstance(allowed, Choice)
        else [read_value(allowed.low, allowed), read_value(allowed.high, allowed)]
        if allowed.kind is not bool
        else [True, False]
        for name, allowed in EXTRA_ARGUMENTS.items()
    }
    script = (
        "import json, sys\n"
        "from bot.agent.trainer.torchvision_cpu import make_torchvision_importable\n"
        "make_torchvision_importable()\n"
        "from ultralytics.cfg import get_cfg\n"
        "for name, values in json.load(sys.stdin).items():\n"
        "    for value in values:\n"
        "        assert getattr(get_cfg(overrides={name: value}), name) == value, name\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(bounds),
        env=os.environ | {"YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
