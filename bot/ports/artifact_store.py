"""Where the files of runs are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod


class ArtifactStore(ABC):
    """Keeps files by key (``attempts/12/results.png``)."""

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Keep ``content`` under ``key``, whole or not at all; an older one is replaced.

        Raises:
            OSError: the store cannot be written.
        """

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Return what is kept under ``key``.

        Raises:
            FileNotFoundError: there is nothing.
        """
