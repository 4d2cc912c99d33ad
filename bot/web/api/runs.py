"""The API of runs: lists, all of one, its log and its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from bot.domain.errors import NoSuchFile
from bot.domain.people import Member
from bot.domain.run_logs import LOG_NAME
from bot.domain.run_reports import FileReport
from bot.domain.states import RunState
from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.services import log_files, run_reports
from bot.web.api.door import Number
from bot.web.api.run_answers import RunLine, RunList, WholeRun
from bot.web.byte_range import wanted_range

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Attempt = Annotated[int | None, Query(ge=1, le=2**31, description="the newest by default")]
TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "the log as text"}
}
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "the whole file"},
    206: {"content": {"application/octet-stream": {}}, "description": "the part asked for"},
    416: {"description": "the part asked for is behind the end"},
}


def run_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes that tell of runs."""
    router = APIRouter(tags=["runs"])

    @router.get("/runs", summary="Runs, the newest first")
    async def runs(
        *,
        member: Member = door,
        mine: Annotated[bool, Query(description="`false` lists everybody's")] = True,
        state: Annotated[list[RunState] | None, Query(description="only these states")] = None,
        limit: Annotated[int, Query(ge=1, le=run_reports.MOST_LISTED)] = 50,
    ) -> RunList:
        found = await run(
            run_reports.recent, member if mine else None, states=state or (), limit=limit
        )
        return RunList(runs=[RunLine.of(one) for one in found])

    @router.get("/runs/{number}", dependencies=[door], summary="All of one run")
    async def one_run(number: Number) -> WholeRun:
        return WholeRun.whole(await run(run_reports.report, number))

    return router


def run_file_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of a run's log and files; the store is the application's."""
    router = APIRouter(tags=["runs"], dependencies=[door])

    @router.get(
        "/runs/{number}/log",
        response_class=Response,
        responses=TEXT,
        summary="The whole log; of a running attempt its last lines",
    )
    async def log(number: Number, request: Request, attempt: Attempt = None) -> Response:
        try:
            found = await run(run_reports.file, number, LOG_NAME, attempt)
        except NoSuchFile:
            whole = await run(run_reports.report, number)
            text = "".join(f"{line}\n" for line in whole.log_tail)
            return Response(text, media_type="text/plain", headers={"X-Berth-Log": "tail"})
        packed = await run_in_threadpool(_read, _store(request), found)
        return StreamingResponse(
            log_files.unpacked(packed), media_type="text/plain", headers={"X-Berth-Log": "whole"}
        )

    @router.get(
        "/runs/{number}/artifacts/{name}",
        response_class=Response,
        responses=BYTES,
        summary="A file of a run, or a part of it by `Range`",
    )
    async def artifact(
        number: Number,
        name: Name,
        request: Request,
        attempt: Attempt = None,
        range_header: Annotated[str | None, Header(alias="Range")] = None,
    ) -> Response:
        found = await run(run_reports.file, number, name, attempt)
        part = wanted_range(range_header, found.size_bytes)
        first, size = (part.first, part.size_bytes) if part else (0, found.size_bytes)
        chunks = await run_in_threadpool(_read, _store(request), found, first, size)
        headers = {
            "ETag": f'"{found.sha256}"',
            "Accept-Ranges": "bytes",
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "X-Content-Type-Options": "nosniff",
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {first}-{first + size - 1}/{found.size_bytes}"
        return StreamingResponse(
            chunks,
            status_code=200 if part is None else 206,
            media_type="application/octet-stream",
            headers=headers,
        )

    return router


def _store(request: Request) -> ArtifactStore:
    store: ArtifactStore | None = getattr(request.app.state, "artifacts", None)
    if store is None:
        raise HTTPException(503, "This server keeps no files")
    return store


def _read(
    store: ArtifactStore, file: FileReport, first: int = 0, size_bytes: int | None = None
) -> Iterator[bytes]:
    try:
        return store.read(file.key, first, size_bytes)
    except FileNotFoundError as error:
        raise NoSuchFile(0, file.name, ()) from error
