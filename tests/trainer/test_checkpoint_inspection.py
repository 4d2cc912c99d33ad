"""What real checkpoint files are found to be, read by torch: whole, stripped, torn, or finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.training

SCRIPT = """
import json, sys, torch
from pathlib import Path
from bot.agent.trainer.checkpoints import choose_checkpoint, inspect_checkpoint
from bot.agent.trainer.ends import CheckpointProblemError

folder = Path(sys.argv[1])
whole = {"epoch": 1, "optimizer": {"state": torch.rand(9000)}, "train_args": {"epochs": 5}}
cases = {
    "stripped": whole | {"epoch": -1, "optimizer": None},
    "finished": whole | {"epoch": 4},
    "without an epoch": {name: whole[name] for name in ("optimizer", "train_args")},
    "torn": whole, "flipped": whole, "empty": whole, "other": whole,
}
told = {}
for name, content in cases.items():
    home = folder / name
    home.mkdir()
    last, previous = home / "last.pt", home / "previous.pt"
    torch.save(content, last)
    torch.save(whole | {"epoch": 0}, previous)
    data = bytearray(last.read_bytes())
    if name == "torn":
        last.write_bytes(data[: len(data) // 2])
    if name == "flipped":
        data[len(data) // 2] ^= 1
        last.write_bytes(data)
    if name == "empty":
        last.write_bytes(b"")
    if name == "other":
        last.write_text("train: images")
    found, why = choose_checkpoint(last, inspect_checkpoint)
    told[name] = [found.path.name, found.epochs_done, why, (home / "damaged.pt").exists()]
torch.save(whole, folder / "good.pt")
found, why = choose_checkpoint(folder / "good.pt", inspect_checkpoint)
told["good"] = [found.path.name, found.epochs_done, why, found.epochs]
print(json.dumps(told))
"""


def test_what_cannot_be_resumed_from_is_recognised_and_the_one_before_is_taken(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("good") == ["good.pt", 2, "", 5]
    reasons = {}
    for name, (path, epochs_done, why, moved_aside) in told.items():
        assert (path, epochs_done, moved_aside) == ("previous.pt", 1, True), name
        reasons[name] = why
    assert "of a finished training, without optimizer" in reasons["stripped"]
    assert "has all its 5 epochs behind it" in reasons["finished"]
    assert "is damaged at" in reasons["flipped"]
    for name in ("without an epoch", "torn", "empty", "other"):
        assert "is unreadable" in reasons[name], name
