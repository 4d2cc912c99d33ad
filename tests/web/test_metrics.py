"""``/metrics`` of the control plane: what it counts, for whom, and that the documents list it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.errors import UnknownReservation
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import GpuReading, Report
from bot.services import booking, hosts, queries
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.web.app import build_web_app
from bot.web.metrics import CensusReport, PrometheusMeasurements
from bot.web.revision_watch import RevisionWatch
from tests.architecture.source_tree import REPOSITORY
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.world import a_host, a_member

TOKEN = "a-token-of-prometheus"
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scraped:
    """A control plane that is scraped in this process."""

    def __init__(self, berth: UseCases, tmp_path: Path) -> None:
        self.measurements = PrometheusMeasurements()
        self.run = ThreadedUseCases(berth, 2, self.measurements)
        store = FsspecArtifactStore(str(tmp_path / "artifacts"))
        app = build_web_app(
            self.run,
            RevisionWatch(self.run),
            store,
            measurements=self.measurements,
            metrics_token=TOKEN,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://berth")

    async def scrape(self) -> Values:
        answer = await self.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, answer.text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


@pytest.fixture
async def scraped(berth: UseCases, tmp_path: Path) -> AsyncIterator[Scraped]:
    one = Scraped(berth, tmp_path)
    yield one
    await one.client.aclose()
    one.run.close()


def value(values: Values, name: str, **labels: str) -> float | None:
    return values.get((name, frozenset(labels.items())))


async def test_only_who_shows_the_token_reads_them(scraped: Scraped) -> None:
    assert (await scraped.client.get("/metrics")).status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert (await scraped.client.get("/metrics", headers=wrong)).status_code == 401
    assert await scraped.scrape()


async def test_the_census_counts_what_is_there(
    scraped: Scraped, berth: UseCases, clock: SetClock
) -> None:
    host_id = a_host(berth, gpus=4)
    berth.write(booking.reserve, a_member(berth), ReserveRequest(timedelta(hours=2), gpu_count=3))
    fire_all(berth)
    reading = GpuReading(uuid="GPU-host1-0", xid=79)
    report = Report(host_id=host_id, sent_at=clock.now(), gpus=(reading,))
    berth.write(hosts.take_report, report)
    clock.advance(seconds=30)
    values = await scraped.scrape()
    assert value(values, "berth_reservations", state="active") == 1
    assert value(values, "berth_reservations", state="booked") == 0
    assert value(values, "berth_gpus", state="held") == 3
    assert value(values, "berth_gpus", state="free") == 1
    assert value(values, "berth_hosts", state="online") == 1
    assert value(values, "berth_incidents_open", kind="xid") == 1
    assert (value(values, "berth_outbox", kind="card") or 0) >= 1
    assert (value(values, "berth_outbox_oldest_seconds", kind="card") or 0) >= 30
    assert value(values, "berth_outbox", kind="incident_card") == 2, "the channel, the holder"
    assert value(values, "berth_waiting", kind="queue") == 0
    assert value(values, "berth_start_delay_seconds_count") == 0


async def test_the_process_counts_what_it_does(scraped: Scraped, berth: UseCases) -> None:
    await scraped.run(queries.status)
    with pytest.raises(UnknownReservation):
        await scraped.run(queries.reservation, 99)
    scraped.measurements.transaction_retried("claim_overlap")
    scraped.measurements.slack_acknowledged("command", 0.02)
    await scraped.client.get("/healthz")
    await scraped.client.get("/api/v1/reservations/123456")
    await scraped.client.get("/no/such/page")
    values = await scraped.scrape()
    status = "berth_use_case_duration_seconds_count"
    assert value(values, status, use_case="queries.status") == 1
    assert value(values, "berth_refusals_total", code="unknown_reservation") == 1
    assert value(values, "berth_transaction_retries_total", reason="claim_overlap") == 1
    ack = "berth_slack_ack_duration_seconds_bucket"
    assert value(values, ack, listener="command", le="0.025") == 1
    told = {"method": "GET", "status": "200", "route": "/healthz"}
    assert value(values, "berth_http_requests_total", **told) == 1
    routes = {dict(labels).get("route", "") for _, labels in values}
    assert not [route for route in routes if "123456" in route], "templates, not addresses"


async def test_two_scrapes_close_together_count_once(scraped: Scraped) -> None:
    await scraped.scrape()
    values = await scraped.scrape()
    assert value(values, "berth_use_case_duration_seconds_count", use_case="census.take") == 1


async def test_the_document_lists_every_metric_and_no_other(
    scraped: Scraped, berth: UseCases
) -> None:
    await scraped.scrape()
    text = (REPOSITORY / "docs" / "metrics.md").read_text()
    part = text.split("## The control plane")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `(berth_[a-z_]+)` \|", part, re.MULTILINE))
    assert told == names(scraped.measurements)


def names(measurements: PrometheusMeasurements) -> set[str]:
    """Return every metric by the name under which Prometheus knows it."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in measurements.registry.collect()
    }


def test_before_the_first_census_there_is_no_guess() -> None:
    assert [family.name for family in CensusReport().collect()] == ["berth_build_info"]
