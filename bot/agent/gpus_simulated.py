"""GPUs that exist only on paper: for the demonstration, for tests and for hosts without one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from bot.ports.gpu_probe import GpuProbe
from bot.protocol.messages import GpuInventory, GpuReading

_NAMESPACE = uuid.UUID("6a1f3c1e-0c0b-5f0e-9d57-2b8f4c0f7e11")
_IDLE_C, _BUSY_C = 34.0, 67.0
_IDLE_W, _BUSY_W = 25.0, 240.0
_CONTEXT_MIB = 3.0


class SimulatedProbe(GpuProbe):
    """A fixed number of GPUs that are as busy as the trainers that the agent runs on them.

    Their UUIDs follow from the host's name, so that they survive a restart of the agent.
    """

    def __init__(
        self,
        count: int,
        host_name: str,
        model: str = "Simulated GPU",
        memory_mib: int = 24_576,
    ) -> None:
        self._inventory = tuple(
            GpuInventory(
                uuid=f"SIM-{uuid.uuid5(_NAMESPACE, f'{host_name}/{index}')}",
                model=model,
                memory_mib=memory_mib,
                index=index,
                simulated=True,
            )
            for index in range(count)
        )
        self._pids: Mapping[str, tuple[int, ...]] = {}

    def occupy(self, pids_by_uuid: Mapping[str, tuple[int, ...]]) -> None:
        """Declare which processes use which GPU from now on; the others are idle."""
        self._pids = dict(pids_by_uuid)

    def inventory(self) -> tuple[GpuInventory, ...]:
        """Return every simulated GPU, ordered by index."""
        return self._inventory

    def read(self) -> tuple[GpuReading, ...]:
        """Return one reading per GPU: warm and busy with a process on it, else idle."""
        return tuple(self._read_one(gpu) for gpu in self._inventory)

    def _read_one(self, gpu: GpuInventory) -> GpuReading:
        pids = self._pids.get(gpu.uuid, ())
        return GpuReading(
            uuid=gpu.uuid,
            temperature_c=_BUSY_C if pids else _IDLE_C,
            memory_used_mib=gpu.memory_mib * 0.6 if pids else _CONTEXT_MIB,
            utilisation_percent=92.0 if pids else 0.0,
            power_w=_BUSY_W if pids else _IDLE_W,
            process_pids=pids,
        )

    def close(self) -> None:
        """Do nothing; there is no driver."""
