"""Files to and from the control plane that survive broken connections.

What has arrived stays: either side goes on where it was, and only the digest of the whole counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

from bot.agent.control_plane import (
    ControlPlane,
    ControlPlaneError,
    FileToSend,
    HostUnknown,
    MessageRefused,
)
from bot.protocol.messages import ResumePoint

CHUNK_BYTES = 8 * 2**20
"""At most so much is sent again after a broken connection; a smaller file goes in one piece."""


class TransferAbandonedError(Exception):
    """The file is not wanted any more; what has arrived of it is of no harm."""


class FileDamagedError(Exception):
    """What was fetched is not the file that was announced, or not what it should be."""


async def send_file(
    control_plane: ControlPlane,
    attempt_id: int,
    fence: int,
    path: Path,
    *,
    name: str = "",
    epochs_done: int | None = None,
    goes_on: Callable[[], bool] = lambda: True,
    chunk_bytes: int = CHUNK_BYTES,
) -> None:
    """Send one file, going on where an earlier try broke off. Idempotent.

    Args:
        control_plane: where to.
        attempt_id: whose file it is.
        fence: the attempt's.
        path: the file; it must not change meanwhile.
        name: what it is called there, its own name by default.
        epochs_done: how far it is, where it is a checkpoint.
        goes_on: asked before each chunk.
        chunk_bytes: how much goes at once.

    Raises:
        ControlPlaneError: it could not be done now; calling again goes on from here.
            `MessageRefused` with status 409 means that the fence is stale, with 413 that the file
            is too large, with 422 that it arrived damaged and has to be sent anew.
        TransferAbandonedError: ``goes_on`` said no.
        OSError: the file cannot be read.
    """
    digest, size = await asyncio.to_thread(_measure, path)
    file = FileToSend(attempt_id, fence, name or path.name, digest, size, epochs_done)
    if size <= chunk_bytes:
        await control_plane.put_artifact(file, path)
        return
    try:
        state = await control_plane.upload_state(file)
    except (HostUnknown, MessageRefused) as error:
        if isinstance(error, MessageRefused) and error.status != 405:
            raise
        await control_plane.put_artifact(file, path)  # a control plane of the release before
        return
    while not state.complete:
        if not goes_on():
            raise TransferAbandonedError(file.name)
        before = state.received_bytes
        wanted = min(chunk_bytes, size - before)
        state = await control_plane.put_chunk(file, path, before, wanted)
        if wanted and not state.complete and state.received_bytes == before:
            raise ControlPlaneError(f"{file.name} does not get on at {before} bytes")


async def fetch_file(control_plane: ControlPlane, point: ResumePoint, target: Path) -> None:
    """Fetch a checkpoint to ``target``, whole and checked, or not at all. Idempotent.

    Raises:
        ControlPlaneError: it could not be done now; calling again goes on from here.
            `HostUnknown` means that the control plane does not have it any more.
        FileDamagedError: it arrived and is not what was announced; calling again begins anew.
        OSError: it could not be written.
    """
    partial = target.with_name(f"{target.name}.part")
    done = await asyncio.to_thread(_size_so_far, partial, point.size_bytes)
    if done < point.size_bytes:
        await control_plane.download(point.attempt_id, point.name, point.sha256, partial, done)
    await asyncio.to_thread(_check_and_keep, partial, point, target)


def _size_so_far(partial: Path, size_bytes: int) -> int:
    """Return how much has come before; what cannot be of this file is dropped."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    if not partial.exists() or partial.stat().st_size > size_bytes:
        partial.write_bytes(b"")
    return partial.stat().st_size


def _check_and_keep(partial: Path, point: ResumePoint, target: Path) -> None:
    size = partial.stat().st_size
    if size < point.size_bytes:
        raise ControlPlaneError(f"{point.name} broke off at {size} bytes")
    digest, _ = _measure(partial)
    # A torch file is a zip archive with its directory at the end: a torn one has none.
    if digest != point.sha256 or not zipfile.is_zipfile(partial):
        partial.unlink()
        raise FileDamagedError(point.name)
    partial.replace(target)


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()
