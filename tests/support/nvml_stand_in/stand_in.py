"""Builds the stand-in and drives `NvmlProbe` through it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.ports.gpu_probe import GpuProbe, GpuProbeFailed
from bot.protocol.messages import GpuInventory, GpuReading

HERE = Path(__file__).parent
TWO_GPUS = {
    "count": "2",
    "0 uuid": "GPU-aaaa",
    "0 name": "Stand-in A100",
    "0 memory_total_mib": "40960",
    "0 memory_used_mib": "512",
    "0 utilisation": "7",
    "0 temperature": "41",
    "0 power_mw": "60500",
    "0 pids": "",
    "1 uuid": "GPU-bbbb",
    "1 name": "Stand-in A100",
    "1 memory_total_mib": "40960",
    "1 memory_used_mib": "30000",
    "1 utilisation": "98",
    "1 temperature": "70",
    "1 power_mw": "300000",
    "1 pids": "12 11 12",
}


def build(folder: Path) -> Path:
    """Compile the library into ``folder``; without gcc the test is skipped, but not in CI."""
    compiler = shutil.which("gcc")
    if compiler is None:
        if os.environ.get("CI"):
            pytest.fail("gcc is needed for the NVML stand-in")
        pytest.skip("gcc is needed for the NVML stand-in")
    target = folder / "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o", str(target)]
    subprocess.run([*command, str(HERE / "nvml.c")], check=True, timeout=60)
    return folder


class StandInProbe(GpuProbe):
    """`NvmlProbe` over the stand-in, in another process. Change ``facts`` with `set`."""

    def __init__(self, library_dir: Path, folder: Path) -> None:
        self._state = folder / "nvml-state.txt"
        self.facts = dict(TWO_GPUS)
        self.set()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "probe_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "PATH": os.defpath,
                "LD_LIBRARY_PATH": str(library_dir),
                "NVML_STAND_IN_STATE": str(self._state),
            },
        )

    def set(self, **changes: str) -> None:
        """Change facts; ``_0_temperature`` stands for ``0 temperature``."""
        for name, value in changes.items():
            index, _, rest = name.lstrip("_").partition("_")
            self.facts[f"{index} {rest}" if index.isdecimal() else name] = value
        lines = "".join(f"{name} {value}\n" for name, value in self.facts.items())
        self._state.write_text(lines)

    def ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "null")
        if isinstance(answer, dict):
            raise GpuProbeFailed(answer["failed"])
        return answer

    def inventory(self) -> tuple[GpuInventory, ...]:
        return tuple(GpuInventory.model_validate(one) for one in self.ask("inventory"))

    def read(self) -> tuple[GpuReading, ...]:
        return tuple(GpuReading.model_validate(one) for one in self.ask("read"))

    def close(self) -> None:
        self.ask("close")

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)
