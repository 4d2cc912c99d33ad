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
from bot.protocol.messages import GpuInventory, GpuProcess, GpuReading

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024
_MOST_AT_ONCE = 1000
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


# NVML's words in lower case. Idleness and clocks that somebody has set are no trouble.
_THROTTLE_WORDS = {
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "sw_power_cap",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hw_slowdown",
    pynvml.nvmlClocksThrottleReasonSyncBoost: "sync_boost",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "sw_thermal_slowdown",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "hw_thermal_slowdown",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "hw_power_brake_slowdown",
}


class NvmlProbe(GpuProbe):
    """Asks the driver; initialises it on first use and again after it has failed."""

    def __init__(self) -> None:
        self._initialised = False
        self._lost: set[int] = set()
        self._xids = _XidWatch()

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
        readings = self._each_device(_measure)
        return tuple(
            reading.model_copy(update={"xid": self._xids.last(reading.uuid)})
            for reading in readings
        )

    def close(self) -> None:
        """Release the driver. Idempotent."""
        if not self._initialised:
            return
        self._initialised = False
        self._xids.close()
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError as error:
            _log.debug("nvml_shutdown_failed", error=str(error))

    def _each_device(self, ask: Callable[[Any, int], _Answer]) -> list[_Answer]:
        with self._driver():
            self._xids.poll()
            answers: list[_Answer] = []
            for index in range(pynvml.nvmlDeviceGetCount()):
                try:
                    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                    self._xids.watch(handle, index)
                    answers.append(ask(handle, index))
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


class _XidWatch:
    """Critical errors (Xid), which NVML tells once, as they happen.

    Reference: https://docs.nvidia.com/deploy/xid-errors/

    It listens to the devices it is shown, remembers the last error of each, and never raises: a
    driver that cannot tell of events is a driver without Xids.
    """

    def __init__(self) -> None:
        self._events: Any = None
        self._watched: set[int] = set()
        self._last: dict[str, int] = {}

    def watch(self, handle: Any, index: int) -> None:
        """Listen to a device from now on. Idempotent."""
        if index in self._watched:
            return
        self._watched.add(index)
        try:
            if self._events is None:
                self._events = pynvml.nvmlEventSetCreate()
            pynvml.nvmlDeviceRegisterEvents(
                handle, pynvml.nvmlEventTypeXidCriticalError, self._events
            )
        except pynvml.NVMLError as error:
            _log.info("xids_not_told", index=index, why=str(error))

    def poll(self) -> None:
        """Take note of what has happened since the last call; does not wait."""
        for _ in range(_MOST_AT_ONCE if self._events is not None else 0):
            try:
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                uuid = str(pynvml.nvmlDeviceGetUUID(event.device))
            except pynvml.NVMLError:  # a time-out: there is nothing more
                return
            self._last[uuid] = int(event.eventData)
            _log.error("gpu_xid", uuid=uuid, xid=self._last[uuid])

    def last(self, uuid: str) -> int | None:
        """Return the last error of a device since this agent was started, or None."""
        return self._last.get(uuid)

    def close(self) -> None:
        """Listen no more; what has happened stays known. Idempotent."""
        events, self._events = self._events, None
        self._watched.clear()
        if events is None:
            return
        try:
            pynvml.nvmlEventSetFree(events)
        except pynvml.NVMLError as error:
            _log.debug("nvml_events_not_freed", error=str(error))


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
    limit_mw = _or_none(lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    processes = _compute_processes(handle)
    return GpuReading(
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        temperature_c=_or_none(
            lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
        ),
        memory_used_mib=None if memory is None else memory.used / _MIB,
        memory_total_mib=None if memory is None else memory.total / _MIB,
        utilisation_percent=None if rates is None else rates.gpu,
        power_w=None if power_mw is None else power_mw / 1000,
        power_limit_w=None if limit_mw is None else limit_mw / 1000,
        ecc_corrected=_ecc_errors(handle, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
        ecc_uncorrected=_ecc_errors(handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        throttle_reasons=_throttle_reasons(handle),
        process_pids=tuple(process.pid for process in processes),
        processes=processes,
    )


def _ecc_errors(handle: Any, kind: int) -> int | None:
    """Return the errors since the driver was loaded; absent on devices without ECC."""
    count = _or_none(
        lambda: pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, pynvml.NVML_VOLATILE_ECC)
    )
    return None if count is None else int(count)


def _throttle_reasons(handle: Any) -> tuple[str, ...]:
    """Return why the clocks are below their maximum, apart from idleness and settings."""
    mask = _or_none(lambda: pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    if mask is None:  # drivers before 535 know only the older call
        mask = _or_none(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
    return tuple(word for bit, word in _THROTTLE_WORDS.items() if (mask or 0) & bit)


def _compute_processes(handle: Any) -> tuple[GpuProcess, ...]:
    processes = _or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    if processes is None:  # drivers before 510 know only the older call
        processes = _or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))
    used: dict[int, float | None] = {}
    for process in processes or ():
        bytes_used = process.usedGpuMemory  # None where the driver cannot tell
        used[int(process.pid)] = None if bytes_used is None else bytes_used / _MIB
    return tuple(GpuProcess(pid=pid, memory_used_mib=used[pid]) for pid in sorted(used))


def _or_none(ask: Callable[[], _Answer]) -> _Answer | None:
    try:
        return ask()
    except pynvml.NVMLError as error:
        if error.value in _ABSENT:
            return None
        raise
