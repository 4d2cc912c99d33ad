"""Files of runs in a folder, or anywhere fsspec reaches."""

from __future__ import annotations

import uuid

import fsspec

from bot.ports.artifact_store import ArtifactStore


class FsspecArtifactStore(ArtifactStore):
    """Keeps files below a folder or an fsspec URL such as ``s3://bucket/berth``."""

    def __init__(self, url: str) -> None:
        self._filesystem, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")

    def put(self, key: str, content: bytes) -> None:
        """Write beside and move, so that nobody ever reads half a file.

        Raises:
            OSError: the store cannot be written.
        """
        path = self._path(key)
        self._filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        beside = f"{path}.{uuid.uuid4().hex}.part"
        self._filesystem.pipe_file(beside, content)
        self._filesystem.mv(beside, path)

    def get(self, key: str) -> bytes:
        """Return what is kept under ``key``.

        Raises:
            FileNotFoundError: there is nothing.
        """
        content: bytes = self._filesystem.cat_file(self._path(key))
        return content

    def _path(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise ValueError(f"not a key: {key!r}")
        return f"{self._root}/{key}"
