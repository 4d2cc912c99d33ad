"""Where the files of runs are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

READ_CHUNK_BYTES = 2**20
"""No more than about this much of a file is in memory at once, whatever its size."""


class ArtifactStore(ABC):
    """Keeps files by key (``attempts/12/results.png``).

    Several processes may use one store at once.  A key is written by one of them at a time.
    """

    @abstractmethod
    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Keep what ``chunks`` add up to under ``key``, and return its size in bytes.

        Whole or not at all, also when taking the next chunk raises; an older one is replaced.

        Raises:
            OSError: the store cannot be written.
        """

    @abstractmethod
    def read(self, key: str, first: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Return what is kept under ``key``, in chunks, from the byte ``first`` on.

        Args:
            key: as given to `put`.
            first: where to begin; beyond the end there is nothing.
            size_bytes: how much at most; None for all.

        Raises:
            FileNotFoundError: there is nothing; raised at once, not with the first chunk.
            OSError: the store cannot be read.
        """

    @abstractmethod
    def size_bytes(self, key: str) -> int:
        """Return the size of what is kept under ``key``.

        Raises:
            FileNotFoundError: there is nothing.
            OSError: the store cannot be read.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Keep nothing under ``key`` any more. Idempotent.

        Raises:
            OSError: the store cannot be written.
        """

    @abstractmethod
    def keys(self, below: str = "") -> tuple[str, ...]:
        """Return the keys that begin with the folder ``below`` (``attempts/12``), in order.

        Raises:
            OSError: the store cannot be read.
        """

    def get(self, key: str) -> bytes:
        """Return all that is kept under ``key``; for small files only.

        Raises:
            FileNotFoundError: there is nothing.
            OSError: the store cannot be read.
        """
        return b"".join(self.read(key))
