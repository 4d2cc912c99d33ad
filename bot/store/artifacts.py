"""Files of runs in a folder, or anywhere fsspec reaches."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import fsspec

from bot.ports.artifact_store import READ_CHUNK_BYTES, ArtifactStore

_UNFINISHED = ".part"


class FsspecArtifactStore(ArtifactStore):
    """Keeps files below a folder or an fsspec URL such as ``s3://bucket/berth``."""

    def __init__(self, url: str) -> None:
        self._filesystem, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")

    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Write beside and move, so that nobody ever reads half a file.

        Raises:
            OSError: the store cannot be written.
        """
        path = self._path(key)
        self._filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        beside = f"{path}.{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            size = self._write(beside, chunks)
            self._filesystem.mv(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):  # what went wrong first is what matters
                self._remove(beside)
            raise
        return size

    def _write(self, path: str, chunks: Iterable[bytes]) -> int:
        size = 0
        with self._filesystem.open(path, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
        return size

    def read(self, key: str, first: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Return what is kept under ``key``, in chunks.

        Raises:
            FileNotFoundError: there is nothing.
            OSError: the store cannot be read.
        """
        file = self._filesystem.open(self._path(key), "rb")
        return _chunks(file, first, size_bytes)

    def size_bytes(self, key: str) -> int:
        """Return the size of what is kept under ``key``.

        Raises:
            FileNotFoundError: there is nothing.
            OSError: the store cannot be read.
        """
        path = self._path(key)
        self._filesystem.invalidate_cache(path.rpartition("/")[0])  # another process may write
        return int(self._filesystem.info(path)["size"])

    def delete(self, key: str) -> None:
        """Keep nothing under ``key`` any more. Idempotent.

        Raises:
            OSError: the store cannot be written.
        """
        self._remove(self._path(key))

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.rm_file(path)

    def keys(self, below: str = "") -> tuple[str, ...]:
        """Return the keys that begin with the folder ``below``, without files half written.

        Raises:
            OSError: the store cannot be read.
        """
        folder = self._path(below) if below else self._root
        self._filesystem.invalidate_cache(folder)
        found = (str(path) for path in self._filesystem.find(folder))
        return tuple(
            sorted(path[len(self._root) + 1 :] for path in found if not path.endswith(_UNFINISHED))
        )

    def _path(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise ValueError(f"not a key: {key!r}")
        return f"{self._root}/{key}"


def _chunks(file: Any, first: int, size_bytes: int | None) -> Iterator[bytes]:
    left = size_bytes
    with file:
        file.seek(first)
        while left is None or left > 0:
            chunk: bytes = file.read(
                READ_CHUNK_BYTES if left is None else min(READ_CHUNK_BYTES, left)
            )
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk
