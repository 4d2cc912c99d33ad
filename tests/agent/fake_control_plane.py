"""A control plane to drive an agent with: a real HTTP server on loopback, scripted by the test.

Change ``attempts`` with `want` and `unwant`; read ``epochs``, ``ends``, ``artifacts`` and
``history``.  `cut` closes the server as a broken network would, `mend` opens it again on the
same port.  ``status`` answers every request with that status instead, and ``refused``
counts them.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

from aiohttp import web

from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptReceipt,
    DesiredAttempt,
    DesiredState,
    RegisterRequest,
    RegisterResponse,
    Report,
    ReportResponse,
)

HOST_ID = 7
TOKEN = "agent-token-for-tests"


class FakeControlPlane:
    def __init__(self) -> None:
        self.attempts: dict[int, DesiredAttempt] = {}
        self.revision = 1
        self.registrations: list[RegisterRequest] = []
        self.reports: list[Report] = []
        self.observations: dict[int, AttemptObservation] = {}
        self.epochs: dict[int, list[int]] = {}
        self.ends: dict[int, AttemptEnd] = {}
        self.artifacts: dict[tuple[int, str], bytes] = {}
        self.history: list[str] = []
        self.stale: set[int] = set()
        self.status: int | None = None
        self.refused = 0
        self.artifact_status: int | None = None
        self.forgets = True
        self.answers_version = 1
        self.clock_ahead_s = 0.0
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._check])
        app.router.add_post("/agent/v1/register", self._register)
        app.router.add_get("/agent/v1/desired", self._desired)
        app.router.add_post("/agent/v1/report", self._report)
        app.router.add_put("/agent/v1/attempts/{id}/artifacts/{name}", self._artifact)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.02)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def cut(self) -> None:
        if self._runner is not None:
            self._notify()
            await self._runner.cleanup()
            self._runner = None

    def want(self, *attempts: DesiredAttempt) -> None:
        for attempt in attempts:
            self.attempts[attempt.attempt_id] = attempt
        self._notify()

    def unwant(self, *attempt_ids: int) -> None:
        for attempt_id in attempt_ids:
            self.attempts.pop(attempt_id, None)
        self._notify()

    def _notify(self) -> None:
        self.revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    @web.middleware
    async def _check(self, request: web.Request, handler: object) -> web.StreamResponse:
        if self.status is not None:
            self.refused += 1
            return web.Response(status=self.status)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        assert callable(handler)
        response: web.StreamResponse = await handler(request)
        return response

    async def _register(self, request: web.Request) -> web.Response:
        self.registrations.append(RegisterRequest.model_validate_json(await request.read()))
        answer = RegisterResponse(
            host_id=HOST_ID,
            protocol_version=self.answers_version,
            heartbeat_s=0.2,
            server_time=datetime.now(UTC),
        )
        return web.Response(text=answer.model_dump_json(), content_type="application/json")

    async def _desired(self, request: web.Request) -> web.Response:
        if int(request.query["revision"]) == self.revision:
            try:
                async with asyncio.timeout(float(request.query["wait_s"])):
                    await self._changed.wait()
            except TimeoutError:
                pass
        state = DesiredState(
            host_id=HOST_ID,
            revision=self.revision,
            server_time=datetime.fromtimestamp(
                datetime.now(UTC).timestamp() + self.clock_ahead_s, UTC
            ),
            attempts=tuple(self.attempts.values()),
        )
        return web.Response(text=state.model_dump_json(), content_type="application/json")

    async def _report(self, request: web.Request) -> web.Response:
        report = Report.model_validate_json(await request.read())
        self.reports.append(report)
        receipts = tuple(self._store(one) for one in report.observations)
        answer = ReportResponse(revision=self.revision, receipts=receipts)
        return web.Response(text=answer.model_dump_json(), content_type="application/json")

    def _store(self, observation: AttemptObservation) -> AttemptReceipt:
        attempt_id = observation.attempt_id
        self.observations[attempt_id] = observation
        stored = self.epochs.setdefault(attempt_id, [])
        last = stored[-1] if stored else 0
        stored.extend(one.epoch for one in observation.epochs if one.epoch > last)
        if observation.end is not None and attempt_id not in self.ends:
            self.ends[attempt_id] = observation.end
            self.history.append(f"end {attempt_id}")
            if self.forgets:
                self.unwant(attempt_id)
        return AttemptReceipt(
            attempt_id=attempt_id,
            acknowledged_epoch=stored[-1] if stored else 0,
            forget=observation.end is not None and self.forgets,
            stale=attempt_id in self.stale,
        )

    async def _artifact(self, request: web.Request) -> web.Response:
        if self.artifact_status is not None:
            return web.Response(status=self.artifact_status)
        body = await request.read()
        if hashlib.sha256(body).hexdigest() != request.headers["X-Berth-Sha256"]:
            return web.Response(status=422)
        attempt_id, name = int(request.match_info["id"]), request.match_info["name"]
        assert int(request.headers["X-Berth-Fence"]) >= 1
        self.artifacts[attempt_id, name] = body
        self.history.append(f"artifact {attempt_id} {name}")
        return web.Response(status=204)
