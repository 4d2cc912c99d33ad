"""Files between agents and the control plane; the contract is `bot.protocol.messages`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from bot.domain.errors import ArtifactDamaged
from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.protocol.messages import UploadState
from bot.services import artifacts, uploads
from bot.services.artifacts import FileOfAttempt
from bot.web.byte_range import wanted_range
from bot.web.received_body import ReceivedBody, received_body

LARGEST_BODY_BYTES = 512 * 2**20
LARGEST_CHUNK_BYTES = 64 * 2**20
LARGEST_FILE_BYTES = 8 * 2**30
ARTIFACT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"

Name = Annotated[str, Path(pattern=ARTIFACT_NAME)]
Size = Annotated[int, Header(alias="X-Berth-Size", ge=1)]
Offset = Annotated[int, Header(alias="X-Berth-Offset", ge=0)]


def announced(
    attempt_id: int,
    name: Name,
    x_berth_fence: Annotated[int, Header()],
    x_berth_sha256: Annotated[str, Header(pattern="^[0-9a-fA-F]{64}$")],
    x_berth_epochs_done: Annotated[int | None, Header(ge=0)] = None,
) -> FileOfAttempt:
    """Return the file that a request is about, from its path and headers."""
    return FileOfAttempt(attempt_id, x_berth_fence, name, x_berth_sha256, x_berth_epochs_done)


Announced = Annotated[FileOfAttempt, Depends(announced)]


def file_router(run: UseCaseRunner, store: ArtifactStore) -> APIRouter:
    """Return the routes of files, to be put below ``/agent/v1`` behind its check of tokens."""
    router = APIRouter()

    @router.put("/attempts/{attempt_id}/artifacts/{name}", status_code=204)
    async def put_artifact(file: Announced, request: Request) -> Response:
        async with received_body(request, LARGEST_BODY_BYTES) as body:
            key = await run(artifacts.reserve_key, file)
            if key is not None:
                size = await run_in_threadpool(
                    artifacts.keep, store, key, file.name, body.chunks(), file.sha256
                )
                await run(artifacts.record, file, key, size)
        return Response(status_code=204)

    @router.get("/attempts/{attempt_id}/artifacts/{name}")
    async def get_artifact(
        attempt_id: int,
        name: Name,
        range_: Annotated[str | None, Header(alias="Range")] = None,
        if_range: Annotated[str | None, Header()] = None,
    ) -> Response:
        return await _send(run, store, attempt_id, name, range_, if_range)

    @router.get("/attempts/{attempt_id}/uploads/{name}")
    async def upload_state(file: Announced, size: Size) -> UploadState:
        return await run(uploads.state, file, size)

    @router.put("/attempts/{attempt_id}/uploads/{name}")
    async def put_chunk(
        file: Announced, size: Size, offset: Offset, request: Request
    ) -> UploadState:
        if size > LARGEST_FILE_BYTES:
            raise HTTPException(413, f"larger than {LARGEST_FILE_BYTES} bytes")
        async with received_body(request, LARGEST_CHUNK_BYTES) as body:
            state = await _take_chunk(run, store, file, size, offset, body)
        if state.complete or state.received_bytes != size:
            return state
        return await _put_together(run, store, file, size)

    return router


async def _take_chunk(
    run: UseCaseRunner,
    store: ArtifactStore,
    file: FileOfAttempt,
    size: int,
    offset: int,
    body: ReceivedBody,
) -> UploadState:
    place = await run(uploads.place_for_chunk, file, size, offset)
    if isinstance(place, UploadState):
        return place
    if body.size_bytes:
        await run_in_threadpool(store.put, place.key, body.chunks())
    return await run(uploads.take_chunk, file, size, place, body.size_bytes)


async def _put_together(
    run: UseCaseRunner, store: ArtifactStore, file: FileOfAttempt, size: int
) -> UploadState:
    """Make one artifact of the chunks; several replicas may do so at once, and one counts.

    Raises:
        ArtifactDamaged: the whole does not have its digest; nothing of it is kept.
    """
    assembly = await run(uploads.assembly, file, size)
    if assembly is None:
        return await run(uploads.state, file, size)
    try:
        await run_in_threadpool(
            artifacts.keep, store, assembly.key, file.name, assembly.chunks(store), file.sha256
        )
    except (ArtifactDamaged, FileNotFoundError) as error:
        await run(uploads.give_up, file)
        raise ArtifactDamaged(file.name) from error
    return await run(uploads.finish, file, size, assembly.key)


async def _send(
    run: UseCaseRunner,
    store: ArtifactStore,
    attempt_id: int,
    name: str,
    range_: str | None,
    if_range: str | None,
) -> Response:
    kept = await run(artifacts.kept_file, attempt_id, name)
    if kept is None:
        raise HTTPException(404, "no such file, or no longer")
    tag = f'"{kept.sha256}"'
    # A part of another file than the one that was begun would be worse than the whole again.
    part = wanted_range(range_, kept.size_bytes) if if_range in (None, tag) else None
    first, size = (0, kept.size_bytes) if part is None else (part.first, part.size_bytes)
    try:
        chunks = await run_in_threadpool(store.read, kept.key, first, size)
    except FileNotFoundError as error:
        raise HTTPException(404, "no such file, or no longer") from error
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Length": str(size)}
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{first + size - 1}/{kept.size_bytes}"
    return StreamingResponse(
        chunks,
        status_code=200 if part is None else 206,
        media_type="application/octet-stream",
        headers=headers,
    )
