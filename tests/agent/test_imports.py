"""An agent host needs neither a database nor Slack, and only the trainer loads Ultralytics."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import bot.agent
for module in pkgutil.iter_modules(bot.agent.__path__, "bot.agent."):
    if not module.ispkg:
        importlib.import_module(module.name)
names = {name.partition(".")[0] for name in sys.modules}
banned = {"sqlalchemy", "slack_bolt", "slack_sdk", "fastapi", "torch", "ultralytics", "apscheduler"}
print(*sorted(names & banned))
"""


def test_the_agent_imports_nothing_of_the_control_plane_or_of_the_trainer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
