"""How an agent looks at the GPUs of its host."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bot.protocol.messages import GpuInventory, GpuReading


class GpuProbeFailed(Exception):
    """The driver could not be asked; the last known inventory still holds."""


class GpuProbe(ABC):
    """Reads the GPUs of one host. No call may block for more than a few seconds."""

    @abstractmethod
    def inventory(self) -> tuple[GpuInventory, ...]:
        """Return every GPU of the host, ordered by index.

        Raises:
            GpuProbeFailed: the driver did not answer.
        """

    @abstractmethod
    def read(self) -> tuple[GpuReading, ...]:
        """Return one reading per GPU; ``process_pids`` are process ids as the host sees them.

        Raises:
            GpuProbeFailed: the driver did not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the driver. Idempotent."""
