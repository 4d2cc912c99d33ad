"""Answers a test about `NvmlProbe`, one JSON line per question, in a process of its own.

The dynamic loader reads ``LD_LIBRARY_PATH`` only when a process starts, so the stand-in cannot
be used within the test's own process.
"""

from __future__ import annotations

import json
import sys

import structlog

from bot.agent.gpu_choice import choose_probe
from bot.agent.gpus_nvml import NvmlProbe
from bot.ports.gpu_probe import GpuProbeFailed


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    probe = NvmlProbe()
    for line in sys.stdin:
        answer: object
        try:
            match line.strip():
                case "inventory":
                    answer = [gpu.model_dump(mode="json") for gpu in probe.inventory()]
                case "read":
                    answer = [gpu.model_dump(mode="json") for gpu in probe.read()]
                case "choose":
                    answer = type(choose_probe("auto", 1, "host")).__name__
                case _:
                    probe.close()
                    answer = None
        except GpuProbeFailed as error:
            answer = {"failed": str(error)}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
