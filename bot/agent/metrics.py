"""``/metrics`` of an agent, for Prometheus: its GPUs in DCGM exporter's words, and itself.

Names and labels follow NVIDIA's exporter where it has them, so that its dashboards and rules serve
here too: https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot import __version__
from bot.protocol.messages import GpuInventory, GpuReading, HostReading

_log = structlog.get_logger(__name__)
_LABELS = ("gpu", "UUID", "modelName", "Hostname")
_STOP_WITHIN_S = 2.0

# NVML's bits, which DCGM passes on: https://docs.nvidia.com/deploy/nvml-api/
_THROTTLE_BITS = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one look at a host has shown, at ``at_s`` seconds of the Unix epoch."""

    at_s: float
    gpus: tuple[GpuReading, ...] = ()
    host: HostReading | None = None


class HostMetrics(Collector):
    """The newest measurements of a host as metrics; may be asked from any thread."""

    def __init__(self, host_name: str) -> None:
        self._host_name = host_name
        self._lock = threading.Lock()
        self._inventory: dict[str, GpuInventory] = {}
        self._measured: Measured | None = None
        self._looks = {"ok": 0, "no_answer": 0}
        self._trainings = 0
        self._connected = False

    def note_look(self, inventory: Sequence[GpuInventory], measured: Measured) -> None:
        """Take in what a look has shown; without readings the driver did not answer."""
        with self._lock:
            self._inventory = {gpu.uuid: gpu for gpu in inventory}
            self._measured = measured
            self._looks["ok" if measured.gpus or not inventory else "no_answer"] += 1

    def note_agent(self, *, trainings: int, connected: bool) -> None:
        """Take in how many trainings there are, and whether the control plane is reached."""
        with self._lock:
            self._trainings, self._connected = trainings, connected

    def collect(self) -> Iterable[Metric]:
        """Yield every metric, those of GPUs only as far as their device can tell."""
        with self._lock:
            measured, inventory = self._measured, dict(self._inventory)
            looks, trainings, connected = dict(self._looks), self._trainings, self._connected
        yield _one("berth_agent_build_info", "The release of the agent", 1, version=__version__)
        yield _one("berth_agent_connected", "1 while the control plane is reached", connected)
        yield _one("berth_agent_trainings", "Trainings that are not over", trainings)
        told = CounterMetricFamily(
            "berth_agent_gpu_looks", "Looks at the GPUs, by outcome", labels=("outcome",)
        )
        for outcome, count in looks.items():
            told.add_metric((outcome,), count)
        yield told
        if measured is None:
            return
        yield _one("berth_agent_measured_seconds", "When the host was looked at", measured.at_s)
        yield from _of_host(measured.host)
        yield from self._of_gpus(measured.gpus, inventory)

    def _of_gpus(
        self, readings: Sequence[GpuReading], inventory: dict[str, GpuInventory]
    ) -> Iterable[Metric]:
        rows = [
            (self._labels(reading.uuid, inventory.get(reading.uuid)), _values(reading))
            for reading in readings
        ]
        for name, text in GPU_METRICS.items():
            family = GaugeMetricFamily(name, text, labels=_LABELS)
            for labels, values in rows:
                value = values.get(name)
                if value is not None:
                    family.add_metric(labels, value)
            yield family

    def _labels(self, uuid: str, gpu: GpuInventory | None) -> tuple[str, str, str, str]:
        index = str(gpu.index) if gpu else ""
        return index, uuid, gpu.model if gpu else "", self._host_name


GPU_METRICS = {
    "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C)",
    "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %)",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB)",
    "DCGM_FI_DEV_FB_FREE": "Framebuffer memory free (in MiB)",
    "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W)",
    "DCGM_FI_DEV_POWER_MGMT_LIMIT": "Power limit (in W)",
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": "Corrected memory errors since the driver was loaded",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": "Uncorrected memory errors since the driver was loaded",
    "DCGM_FI_DEV_XID_ERRORS": "Value of the last XID error encountered; 0 for none",
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": "Why clocks are held down, as NVML's bits",
    "berth_agent_gpu_processes": "Processes on the GPU",
}
"""Every metric of a GPU, with its help text."""


def _values(reading: GpuReading) -> dict[str, float | None]:
    used, total = reading.memory_used_mib, reading.memory_total_mib
    return {
        "DCGM_FI_DEV_GPU_TEMP": reading.temperature_c,
        "DCGM_FI_DEV_GPU_UTIL": reading.utilisation_percent,
        "DCGM_FI_DEV_FB_USED": used,
        "DCGM_FI_DEV_FB_FREE": None if used is None or total is None else total - used,
        "DCGM_FI_DEV_POWER_USAGE": reading.power_w,
        "DCGM_FI_DEV_POWER_MGMT_LIMIT": reading.power_limit_w,
        "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": reading.ecc_corrected,
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": reading.ecc_uncorrected,
        "DCGM_FI_DEV_XID_ERRORS": reading.xid or 0,
        "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": sum(
            _THROTTLE_BITS.get(reason, 0) for reason in set(reading.throttle_reasons)
        ),
        "berth_agent_gpu_processes": len(reading.process_pids),
    }


def _of_host(host: HostReading | None) -> Iterable[Metric]:
    if host is None:
        return
    told = {
        "berth_agent_disk_free_mib": ("Free disk below the agent's folder", host.disk_free_mib),
        "berth_agent_disk_total_mib": ("All of that disk", host.disk_total_mib),
        "berth_agent_memory_available_mib": ("Memory to be had", host.memory_available_mib),
        "berth_agent_memory_total_mib": ("All of the memory", host.memory_total_mib),
    }
    for name, (text, value) in told.items():
        if value is not None:
            yield _one(name, text, value)


def _one(name: str, text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), float(value))
    return family


class MetricsServer(AbstractContextManager["MetricsServer"]):
    """Answers Prometheus from a thread of its own, so that a slow reader holds nothing up.

    A port that is taken costs the metrics and not the agent.
    """

    def __init__(self, metrics: HostMetrics, host: str, port: int) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        self.port: int | None = None
        self._server: Any = None
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            _log.error("metrics_not_served", host=host, port=port, why=str(error))
            return
        self.port = int(self._server.server_port)
        _log.info("metrics_served", host=host, port=self.port)

    def __exit__(self, *_exception: object) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(_STOP_WITHIN_S)
