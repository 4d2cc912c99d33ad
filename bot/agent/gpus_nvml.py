"""NVIDIA GPUs through NVML; the only module that imports ``pynvml``.

A GPU is known by its UUID. Its index may change with a restart of the driver and is for people.
Reference: https://docs.nvidia.com/deploy/nvml-api/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pynvml
import structlog

from bot.ports.gpu_probe import GpuProbe, GpuProbeFailed
from bot.protocol.messages import GpuInventory, GpuReading

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024
_Answer = TypeVar("_Answer")
# What a healthy device may answer for a value that it does not have.
_ABSENT = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_NO_DATA,
    }
)
# One device has gone while the driver still speaks for the others.
_DEVICE_GONE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_NOT_FOUND})


class NvmlProbe(GpuProbe):
    """Asks the driver; initialises it on first use and again after it has failed."""

    def __init__(self) -> None:
        self._initialised = False
        self._lost: set[int] = set()

    def inventory(self) -> tuple[GpuInventory, ...]:
        """Return every GPU of the host, ordered by index.

        Raises:
            GpuProbeFailed: the driver did not answer.
        """
        return tuple(self._each_device(_describe))

    def read(self) -> tuple[GpuReading, ...]:
        """Return one reading per GPU that answers; a value that it cannot tell is absent.

        Raises:
            GpuProbeFailed: the driver did not answer.
        """
        return tuple(self._each_device(_measure))

    def close(self) -> None:
        """Release the driver. Idempotent."""
        if not self._initialised:
            return
        self._initialised = False
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError as error:
            _log.debug("nvml_shutdown_failed", error=str(error))

    def _each_device(self, ask: Callable[[Any, int], _Answer]) -> list[_Answer]:
        with self._driver():
            answers: list[_Answer] = []
            for index in range(pynvml.nvmlDeviceGetCount()):
                try:
                    answers.append(ask(pynvml.nvmlDeviceGetHandleByIndex(index), index))
                    self._lost.discard(index)
                except pynvml.NVMLError as error:
                    if error.value not in _DEVICE_GONE:
                        raise
                    self._note_lost(index, error)
            return answers

    def _note_lost(self, index: int, error: Exception) -> None:
        if index not in self._lost:
            self._lost.add(index)
            _log.error("gpu_lost", index=index, error=str(error))

    @contextmanager
    def _driver(self) -> Iterator[None]:
        try:
            if not self._initialised:
                pynvml.nvmlInit()
                self._initialised = True
            yield
        except pynvml.NVMLError as error:
            # A reloaded driver answers "uninitialised" for ever unless it is opened anew.
            self.close()
            raise GpuProbeFailed(f"NVML: {error}") from error


def _describe(handle: Any, index: int) -> GpuInventory:
    memory = _or_none(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    return GpuInventory(
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        model=_or_none(lambda: pynvml.nvmlDeviceGetName(handle)) or "NVIDIA GPU",
        memory_mib=0 if memory is None else int(memory.total) // _MIB,
        index=index,
    )


def _measure(handle: Any, _index: int) -> GpuReading:
    memory = _or_none(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    rates = _or_none(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    power_mw = _or_none(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
    return GpuReading(
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        temperature_c=_or_none(
            lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
        ),
        memory_used_mib=None if memory is None else memory.used / _MIB,
        utilisation_percent=None if rates is None else rates.gpu,
        power_w=None if power_mw is None else power_mw / 1000,
        process_pids=_compute_pids(handle),
    )


def _compute_pids(handle: Any) -> tuple[int, ...]:
    processes = _or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    if processes is None:  # drivers before 510 know only the older call
        processes = _or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))
    return tuple(sorted({int(process.pid) for process in processes or ()}))


def _or_none(ask: Callable[[], _Answer]) -> _Answer | None:
    try:
        return ask()
    except pynvml.NVMLError as error:
        if error.value in _ABSENT:
            return None
        raise
