"""A real Prometheus scrapes a control plane and an agent, and its rules see what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import uvicorn
import yaml

from bot.agent.metrics import HostMetrics, Measured, MetricsServer
from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import GpuInventory, GpuReading, HostReading, Report
from bot.services import booking, hosts
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.web.app import build_web_app
from bot.web.metrics import PrometheusMeasurements
from bot.web.revision_watch import RevisionWatch
from tests.architecture.source_tree import REPOSITORY
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.prometheus import running_prometheus
from tests.support.world import a_host, a_member

TOKEN = "a-token-of-prometheus"
RULES = REPOSITORY / "deploy" / "prometheus" / "alerts.yml"
CONFIG = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"


@contextlib.asynccontextmanager
async def control_plane(berth: UseCases, tmp_path: Path) -> AsyncIterator[int]:
    """Serve a control plane's HTTP side and yield its port."""
    measurements = PrometheusMeasurements()
    run = ThreadedUseCases(berth, 4, measurements)
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    app = build_web_app(
        run, RevisionWatch(run), store, measurements=measurements, metrics_token=TOKEN
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    # In a thread: an installed signal handler would be the test's own.
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    async with asyncio.timeout(20):
        while True:
            if server.started:
                break
            await asyncio.sleep(0.05)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 10)
        run.close()


def configure(tmp_path: Path, berth_port: int, agent_port: int) -> Path:
    """Write the configuration that is deployed, with the places and the pace of this test."""
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    control, agents = config["scrape_configs"]
    secret = tmp_path / "metrics_token"
    secret.write_text(TOKEN)
    control["authorization"]["credentials_file"] = str(secret)
    control["static_configs"] = [{"targets": [f"127.0.0.1:{berth_port}"]}]
    agents["scrape_interval"] = "1s"
    listed = [{"targets": [f"127.0.0.1:{agent_port}"]}]
    (tmp_path / "agents.yml").write_text(yaml.safe_dump(listed))
    shutil.copy(RULES, tmp_path / "alerts.yml")
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


async def test_prometheus_scrapes_both_and_its_rules_fire(
    berth: UseCases, clock: SetClock, tmp_path: Path
) -> None:
    host_id = a_host(berth, gpus=4)
    berth.write(booking.reserve, a_member(berth), ReserveRequest(timedelta(hours=2), gpu_count=3))
    fire_all(berth)
    reading = GpuReading(uuid="GPU-host1-0", temperature_c=71, xid=79)
    berth.write(hosts.take_report, Report(host_id=host_id, sent_at=clock.now(), gpus=(reading,)))
    of_host = HostMetrics("host1")
    gpu = GpuInventory(uuid=reading.uuid, model="A100", memory_mib=81920, index=0)
    disk = HostReading(disk_free_mib=50, disk_total_mib=100)
    of_host.note_look((gpu,), Measured(time.time(), (reading,), disk))
    with MetricsServer(of_host, "127.0.0.1", 0) as agent:
        assert agent.port is not None
        async with control_plane(berth, tmp_path) as port:
            config = configure(tmp_path, port, agent.port)
            async with running_prometheus(config, tmp_path / "data") as prometheus:
                await prometheus.eventually('up{job="berth"}', 1)
                await prometheus.eventually('up{job="berth-agent"}', 1)
                await prometheus.eventually('berth_gpus{state="held"}', 3)
                await prometheus.eventually('berth_incidents_open{kind="xid"}', 1)
                heat = 'DCGM_FI_DEV_GPU_TEMP{Hostname="host1",gpu="0",modelName="A100"}'
                await prometheus.eventually(heat, 71)
                fired = 'ALERTS{alertname="GpuXid",alertstate="firing"}'
                await prometheus.eventually(fired, 1)
                rules = await prometheus.ask("rules")
                health = {
                    rule["name"]: rule["health"]
                    for group in rules["groups"]
                    for rule in group["rules"]
                }
                assert health
                assert set(health.values()) <= {"ok", "unknown"}
