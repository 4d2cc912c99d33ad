"""``/metrics`` of the control plane, for Prometheus; ``docs/metrics.md`` lists all of them.

What a process counts of itself comes through `bot.ports.measurements`; how things stand with all
of Berth is counted in the database (`bot.services.census`) when Prometheus asks, at most every
`CENSUS_GOOD_FOR_S`.  Replicas answer alike for the second kind: take
``max`` over them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import bot
from bot.ports.measurements import Measurements
from bot.ports.use_cases import UseCaseRunner
from bot.services import census
from bot.services.census import START_DELAY_BUCKETS_S, Backlog, Census

CENSUS_GOOD_FOR_S = 5.0
ACK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class PrometheusMeasurements(Measurements):
    """Counts in memory, for this process; a registry of its own keeps tests apart."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made: Any = {"registry": self.registry}
        self._use_cases = Histogram(
            "berth_use_case_duration_seconds",
            "How long use cases take, their transaction included",
            ("use_case",),
            **made,
        )
        self._failures = Counter(
            "berth_use_case_failures",
            "Use cases that nobody has anticipated",
            ("use_case",),
            **made,
        )
        self._refusals = Counter(
            "berth_refusals",
            "Requests that were refused, by the code of the error",
            ("code",),
            **made,
        )
        self._retries = Counter(
            "berth_transaction_retries",
            "Transactions that lost a race and ran again",
            ("reason",),
            **made,
        )
        self._acks = Histogram(
            "berth_slack_ack_duration_seconds",
            "How long a listener takes until it acknowledges; Slack waits for 3 s",
            ("listener",),
            buckets=ACK_BUCKETS_S,
            **made,
        )
        self._requests = Counter(
            "berth_http_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            **made,
        )
        self._durations = Histogram(
            "berth_http_request_duration_seconds",
            "How long requests take; long polls of agents wait on purpose",
            ("method", "route"),
            **made,
        )

    def use_case_done(self, name: str, duration_s: float, refusal: str | None = None) -> None:
        """Count a use case, and its refusal."""
        self._use_cases.labels(name).observe(duration_s)
        if refusal is not None:
            self._refusals.labels(refusal).inc()

    def use_case_failed(self, name: str, duration_s: float) -> None:
        """Count a use case that broke."""
        self._use_cases.labels(name).observe(duration_s)
        self._failures.labels(name).inc()

    def transaction_retried(self, reason: str) -> None:
        """Count a transaction that is run again."""
        self._retries.labels(reason).inc()

    def slack_acknowledged(self, listener: str, duration_s: float) -> None:
        """Count an acknowledgement."""
        self._acks.labels(listener).observe(duration_s)

    def http_answered(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count a request."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._durations.labels(known, route).observe(duration_s)


class CensusReport(Collector):
    """The newest census as metrics; nothing before the first one."""

    def __init__(self) -> None:
        self.newest: Census | None = None

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of the census."""
        yield _info()
        found = self.newest
        if found is None:
            return
        yield _by("berth_reservations", "Reservations", "state", found.reservations)
        yield _by("berth_runs", "Runs", "state", found.runs)
        yield _by("berth_attempts_ended", "Attempts that are over", "cause", found.attempts_ended)
        yield from _backlogs("berth_waiting", "Wishes that wait", found.waiting)
        yield from _backlogs("berth_outbox", "Messages that are due and not out", found.outbox)
        yield _one("berth_outbox_dead", "Messages that were given up", found.outbox_dead)
        yield _one("berth_timers_late", "Timers due and not done", found.timers_late.count)
        yield _one(
            "berth_timers_late_oldest_seconds",
            "How late the latest timer is",
            found.timers_late.oldest_s,
        )
        yield _by("berth_hosts", "Hosts", "state", found.hosts)
        yield _by("berth_gpus", "GPUs, each in the worst state that is true", "state", found.gpus)
        yield _by("berth_incidents_open", "Incidents that go on", "kind", found.incidents)
        yield _start_delays(found)


def _info() -> Metric:
    family = GaugeMetricFamily("berth_build_info", "The release that answers", labels=("version",))
    family.add_metric((bot.__version__,), 1)
    return family


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, counted: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, f"{text}, by {label}", labels=(label,))
    for value, count in sorted(counted.items()):
        family.add_metric((value,), count)
    return family


def _backlogs(name: str, text: str, found: Mapping[str, Backlog]) -> Iterable[Metric]:
    yield _by(name, text, "kind", {kind: one.count for kind, one in found.items()})
    oldest = {kind: one.oldest_s for kind, one in found.items()}
    yield _by(f"{name}_oldest_seconds", f"{text}: how long the oldest has", "kind", oldest)


def _start_delays(found: Census) -> Metric:
    delays = found.start_delays
    bounds = [*map(str, START_DELAY_BUCKETS_S), "+Inf"]
    return HistogramMetricFamily(
        "berth_start_delay_seconds",
        "From when an attempt was due to the start of its trainer",
        buckets=list(zip(bounds, (*delays.within, delays.count), strict=True)),
        sum_value=delays.sum_s,
    )


def metrics_router(
    run: UseCaseRunner, measurements: PrometheusMeasurements, token: str
) -> APIRouter:
    """Return the route of ``/metrics``, for whoever shows ``token`` as a bearer."""
    report = CensusReport()
    measurements.registry.register(report)
    counting = asyncio.Lock()
    counted_at: list[float] = []
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        shown = request.headers.get("authorization", "")
        if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        async with counting:
            if not counted_at or time.monotonic() - counted_at[-1] >= CENSUS_GOOD_FOR_S:
                report.newest = await run(census.take)
                counted_at[:] = [time.monotonic()]
        return Response(generate_latest(measurements.registry), media_type=CONTENT_TYPE_LATEST)

    return router


class MeasuredRequests:
    """ASGI middleware: tells how each request was answered, by the template of its route."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self._app, self._measurements = app, measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and take note of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            took_s = time.perf_counter() - began
            self._measurements.http_answered(scope["method"], _route(scope), status, took_s)


def _route(scope: Mapping[str, Any]) -> str:
    """Return the template of the route, so that numbers in addresses make no new series."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "other"
    return f"{scope.get('root_path', '')}{path}"
