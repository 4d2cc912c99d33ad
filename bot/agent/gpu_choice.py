"""Which GPUs an agent offers: the real ones where there are any, else simulated ones."""

from __future__ import annotations

import structlog

from bot.agent.gpus_nvml import NvmlProbe
from bot.agent.gpus_simulated import SimulatedProbe
from bot.agent.options import GpuMode
from bot.ports.gpu_probe import GpuProbe, GpuProbeFailed

_log = structlog.get_logger(__name__)


def choose_probe(mode: GpuMode, count: int, host_name: str) -> GpuProbe:
    """Return the probe for this host and log which one it is.

    Args:
        mode: ``nvml`` and ``simulated`` leave no choice; ``auto`` prefers NVML.
        count: how many GPUs to simulate.
        host_name: what the UUIDs of simulated GPUs are derived from.

    Raises:
        GpuProbeFailed: ``nvml`` is demanded and the driver does not answer.
    """
    if mode == "simulated":
        return _simulated(count, host_name, "asked for")
    probe = NvmlProbe()
    try:
        gpus = probe.inventory()
    except GpuProbeFailed as error:
        if mode == "nvml":
            raise
        return _simulated(count, host_name, str(error))
    if not gpus and mode == "auto":
        probe.close()
        return _simulated(count, host_name, "NVML found no GPU")
    _log.info("gpus_are_real", gpus=[f"{gpu.index}: {gpu.model}" for gpu in gpus])
    return probe


def _simulated(count: int, host_name: str, why: str) -> GpuProbe:
    _log.warning("gpus_are_simulated", count=count, why=why)
    return SimulatedProbe(count, host_name)
