"""``/metrics`` of the agent: DCGM exporter's names, from an agent that stays small."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bot.agent.metrics import HostMetrics, Measured, MetricsServer
from bot.protocol.messages import GpuInventory, GpuReading, HostReading
from tests.architecture.source_tree import REPOSITORY

RSS_LIMIT_KIB = 80 * 1024
GPU = GpuInventory(uuid="GPU-1", model="NVIDIA H100", memory_mib=81920, index=3)
FULL = GpuReading(
    uuid="GPU-1",
    temperature_c=71,
    memory_used_mib=1920,
    memory_total_mib=81920,
    utilisation_percent=97,
    power_w=650,
    power_limit_w=700,
    ecc_corrected=4,
    ecc_uncorrected=1,
    xid=79,
    throttle_reasons=("sw_power_cap", "hw_thermal_slowdown"),
    process_pids=(1, 2),
)
HOST = HostReading(
    disk_free_mib=10, disk_total_mib=100, memory_available_mib=5, memory_total_mib=50
)


def samples(text: str) -> dict[str, list[Sample]]:
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def scrape(metrics: HostMetrics) -> dict[str, list[Sample]]:
    registry = CollectorRegistry()
    registry.register(metrics)
    return samples(generate_latest(registry).decode())


def test_a_gpu_is_told_in_the_names_and_labels_of_dcgm() -> None:
    metrics = HostMetrics("node1")
    metrics.note_look((GPU,), Measured(1.0, (FULL,), HOST))
    found = scrape(metrics)
    (heat,) = found["DCGM_FI_DEV_GPU_TEMP"]
    assert heat.value == 71
    assert heat.labels == {
        "gpu": "3",
        "UUID": "GPU-1",
        "modelName": "NVIDIA H100",
        "Hostname": "node1",
    }
    assert found["DCGM_FI_DEV_FB_FREE"][0].value == 80000
    assert found["DCGM_FI_DEV_XID_ERRORS"][0].value == 79
    assert found["DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"][0].value == 0x4 + 0x40
    assert found["berth_agent_disk_free_mib"][0].value == 10


def test_what_a_device_cannot_tell_is_absent() -> None:
    metrics = HostMetrics("node1")
    metrics.note_look((GPU,), Measured(1.0, (GpuReading(uuid="GPU-1"),)))
    found = scrape(metrics)
    assert found.get("DCGM_FI_DEV_GPU_TEMP", []) == []
    assert found["DCGM_FI_DEV_XID_ERRORS"][0].value == 0


def test_a_driver_that_does_not_answer_is_counted() -> None:
    metrics = HostMetrics("node1")
    metrics.note_look((GPU,), Measured(1.0))
    looks = {one.labels["outcome"]: one.value for one in scrape(metrics)["berth_agent_gpu_looks"]}
    assert looks == {"ok": 0, "no_answer": 1}


def test_the_document_lists_every_metric_of_the_agent_and_no_other() -> None:
    metrics = HostMetrics("node1")
    metrics.note_look((GPU,), Measured(1.0, (FULL,), HOST))
    part = (REPOSITORY / "docs" / "metrics.md").read_text().split("## The agent")[1]
    told = set(re.findall(r"^\| `([A-Za-z_]+)` \|", part, re.MULTILINE))
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.collect()
    }
    assert told == names


def test_a_port_that_is_taken_costs_the_metrics_and_not_the_agent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with MetricsServer(HostMetrics("node1"), "127.0.0.1", taken.getsockname()[1]) as server:
            assert server.port is None


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[tuple[int, int]]:
    """An agent whose control plane does not answer; its process id and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    given = {
        "control_plane_url": "http://127.0.0.1:9",
        "token": "t",
        "host_name": "node1",
        "state_dir": str(tmp_path / "state"),
        "trainer_command": ["true"],
        "model_roots": [],
        "data_roots": [],
        "metrics_port": port,
        "metrics_every_s": 0.1,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.agent.agent_process", json.dumps(given), cwd=REPOSITORY
    )
    try:
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 15)


def rss_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


async def test_a_real_agent_serves_them_without_its_control_plane_and_stays_small(
    agent: tuple[int, int],
) -> None:
    pid, port = agent
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(30):
        while True:
            try:
                text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if "DCGM_FI_DEV_GPU_TEMP{" in text:
                break
        for _ in range(50):
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    found = samples(text)
    assert len(found["DCGM_FI_DEV_GPU_TEMP"]) == 2
    assert found["berth_agent_connected"][0].value == 0
    assert rss_kib(pid) < RSS_LIMIT_KIB
