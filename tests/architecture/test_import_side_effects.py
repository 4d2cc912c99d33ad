"""Importing is free: nothing is read from the environment, opened or started by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.architecture.source_tree import REPOSITORY, modules

HEAVY_OR_FOREIGN = (
    "alembic",
    "apscheduler",
    "fastapi",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "torch",
    "torchvision",
    "ultralytics",
)
TRAINER = "bot.agent.trainer"

# Runs in a fresh interpreter.  What a library does while it is imported is its own affair: a deed
# counts as ours when a frame of bot/ is nearer to it than the import machinery is.  Defining a
# pydantic model looks for plugins among the installed packages, and a rich Console looks at the
# terminal's variables; neither is Berth's doing.
PROBE = """
import importlib, json, os, sys, threading
package, names, told = sys.argv[1], json.loads(sys.argv[2]), []
standard = os.path.dirname(os.__file__)

def is_ours(directly=False):
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return False
        if name.startswith(package):
            return True
        if directly and not name.startswith((standard, "<")):
            return False
        if directly and "site-packages" in name:
            return False
        frame = frame.f_back
    return False

def watch(event, details):
    if event == "open":
        path = str(details[0])
        metadata = (".dist-info/", ".egg-info/", "python3", "__editable__")
        of_a_package = any(part in path for part in metadata) and package not in path
        if not of_a_package and is_ours():
            told.append(f"open {path}")
    elif event.startswith(("socket.", "subprocess.", "os.")):
        if event not in ("os.listdir", "os.scandir") and is_ours():
            told.append(f"{event} {details!r}"[:200])

read = os._Environ.__getitem__
def watched_read(environ, key):
    if str(key).startswith("BERTH_") or is_ours(directly=True):
        told.append(f"environment {key}")
    return read(environ, key)

os._Environ.__getitem__ = watched_read
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
print(json.dumps({
    "told": told,
    "modules": sorted(sys.modules),
    "threads": [each.name for each in threading.enumerate() if each is not threading.main_thread()],
}))
"""


def import_afresh(names: list[str], folder: Path) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-c", PROBE, f"{REPOSITORY / 'bot'}{os.sep}", json.dumps(names)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    answer: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def all_but_the_trainer() -> list[str]:
    """Return every module except the trainer's, which import torch, and those that are run."""
    return [
        module.name
        for module in modules()
        if not module.name.startswith(TRAINER) and not module.name.endswith("__main__")
    ]


def test_importing_everything_does_nothing(tmp_path: Path) -> None:
    seen = import_afresh(all_but_the_trainer(), tmp_path)
    assert seen["told"] == []
    assert seen["threads"] == []
    assert list(tmp_path.iterdir()) == [], "something was written"


def test_only_the_trainer_loads_ultralytics_and_torch(tmp_path: Path) -> None:
    seen = import_afresh(all_but_the_trainer(), tmp_path)
    assert {"torch", "torchvision", "ultralytics"}.isdisjoint(seen["modules"])


def test_an_agent_loads_no_database_no_slack_and_no_torch(tmp_path: Path) -> None:
    names = [name for name in all_but_the_trainer() if name.startswith("bot.agent")]
    seen = import_afresh([*names, "bot.bootstrap.agent", "bot.cli.main"], tmp_path)
    assert set(HEAVY_OR_FOREIGN).isdisjoint(seen["modules"])


def test_a_deed_of_ours_at_import_would_be_seen(tmp_path: Path) -> None:
    """The probe itself: without this the tests above could pass by seeing nothing."""
    guilty = tmp_path / "guilty.py"
    guilty.write_text(
        "import os, socket\nos.environ.get('BERTH_X')\nopen(__file__).close()\n"
        "socket.socket().close()\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path), '["guilty"]'],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = " ".join(json.loads(finished.stdout)["told"])
    assert "environment BERTH_X" in told
    assert "guilty.py" in told
    assert "socket.__new__" in told
