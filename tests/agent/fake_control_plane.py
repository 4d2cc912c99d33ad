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
    ProcessToStop,
    RegisterRequest,
    RegisterResponse,
    Report,
    ReportResponse,
    ResumePoint,
    UploadState,
)

HOST_ID = 7
TOKEN = "agent-token-for-tests"


class FakeControlPlane:
    def __init__(self) -> None:
        self.attempts: dict[int, DesiredAttempt] = {}
        self.revision = 1
        self.to_stop: tuple[ProcessToStop, ...] = ()
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
        self.uploads: dict[tuple[int, str, str], bytes] = {}
        self.epochs_done: dict[int, int] = {}
        self.chunks: list[tuple[int, int]] = []
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
        self._runner = await self.runner()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def runner(self) -> web.AppRunner:
        """All that it answers, ready to be put behind a door."""
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._check])
        app.router.add_post("/agent/v1/register", self._register)
        app.router.add_get("/agent/v1/desired", self._desired)
        app.router.add_post("/agent/v1/report", self._report)
        app.router.add_put("/agent/v1/attempts/{id}/artifacts/{name}", self._artifact)
        app.router.add_get("/agent/v1/attempts/{id}/artifacts/{name}", self._send_artifact)
        app.router.add_get("/agent/v1/attempts/{id}/uploads/{name}", self._upload_state)
        app.router.add_put("/agent/v1/attempts/{id}/uploads/{name}", self._chunk)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.02)
        await runner.setup()
        return runner

    async def cut(self) -> None:
        if self._runner is not None:
            self._notify()
            await self._runner.cleanup()
            self._runner = None

    def want(self, *attempts: DesiredAttempt) -> None:
        for attempt in attempts:
            self.attempts[attempt.attempt_id] = attempt
        self._notify()

    def want_stopped(self, *processes: ProcessToStop) -> None:
        self.to_stop = processes
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
            stop_processes=self.to_stop,
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
        self._keep(attempt_id, name, body, request)
        return web.Response(status=204)

    def _keep(self, attempt_id: int, name: str, body: bytes, request: web.Request) -> None:
        self.artifacts[attempt_id, name] = body
        if "X-Berth-Epochs-Done" in request.headers:
            self.epochs_done[attempt_id] = int(request.headers["X-Berth-Epochs-Done"])
        self.history.append(f"artifact {attempt_id} {name}")

    def resume_point(self, attempt_id: int) -> ResumePoint:
        """What a later attempt is told of the checkpoint that this one has sent."""
        content = self.artifacts[attempt_id, "checkpoint.pt"]
        return ResumePoint(
            attempt_id=attempt_id,
            name="checkpoint.pt",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            epochs_done=self.epochs_done[attempt_id],
        )

    async def _send_artifact(self, request: web.Request) -> web.Response:
        key = (int(request.match_info["id"]), request.match_info["name"])
        if self.artifact_status is not None:
            return web.Response(status=self.artifact_status)
        if key not in self.artifacts:
            return web.Response(status=404)
        content = self.artifacts[key]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        first = request.http_range.start or 0
        if request.headers.get("If-Range", tag) != tag or not first:
            return web.Response(body=content, headers={"ETag": tag})
        self.history.append(f"rest of {key[1]} from {first}")
        return web.Response(status=206, body=content[first:], headers={"ETag": tag})

    def _upload(self, request: web.Request) -> tuple[int, str, str]:
        return (
            int(request.match_info["id"]),
            request.match_info["name"],
            request.headers["X-Berth-Sha256"],
        )

    async def _upload_state(self, request: web.Request) -> web.Response:
        return self._answer_upload(request)

    async def _chunk(self, request: web.Request) -> web.Response:
        if self.artifact_status is not None:
            return web.Response(status=self.artifact_status)
        key, chunk = self._upload(request), await request.read()
        offset, size = (int(request.headers[f"X-Berth-{name}"]) for name in ("Offset", "Size"))
        have = self.uploads.get(key, b"")
        if offset == len(have):
            self.uploads[key] = have = have + chunk
            self.chunks.append((offset, len(chunk)))
        if len(have) == size and hashlib.sha256(have).hexdigest() != key[2]:
            del self.uploads[key]
            return web.Response(status=422)
        if len(have) == size:
            self._keep(key[0], key[1], have, request)
        return self._answer_upload(request)

    def _answer_upload(self, request: web.Request) -> web.Response:
        have = self.uploads.get(self._upload(request), b"")
        state = UploadState(
            received_bytes=len(have), complete=len(have) == int(request.headers["X-Berth-Size"])
        )
        return web.Response(text=state.model_dump_json(), content_type="application/json")
