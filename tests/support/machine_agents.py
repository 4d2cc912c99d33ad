"""A host's agent that also measures its GPUs: they are idle unless something is on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.protocol.messages import (
    GpuInventory,
    GpuReading,
    RegisterRequest,
    Report,
    ReportResponse,
)
from bot.services import hosts
from bot.services.transaction import UseCases
from tests.support.agent import FakeAgent


@dataclass
class MeasuringAgent(FakeAgent):
    """``busy`` are the indices of GPUs used by hand, ``missing`` those that fell off the bus."""

    name: str = ""
    gpus: int = 0
    busy: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, berth: UseCases, name: str, gpus: int) -> MeasuringAgent:
        """Register a host and return its agent."""
        agent = cls(berth, 0, name=name, gpus=gpus)
        agent.host_id = agent.register()
        return agent

    def register(self) -> int:
        """Tell which GPUs there are, and return the number of the host."""
        request = RegisterRequest(
            protocol_version=1,
            agent_version="test",
            host_name=self.name,
            gpus=tuple(
                GpuInventory(
                    uuid=self._uuid(index),
                    model="A100",
                    memory_mib=81920,
                    index=index,
                    simulated=True,
                )
                for index in self._there()
            ),
        )
        return self.berth.write(hosts.register, request).host_id

    def _there(self) -> list[int]:
        return [index for index in range(self.gpus) if index not in self.missing]

    def _uuid(self, index: int) -> str:
        return f"GPU-{self.name}-{index}"

    def report(self) -> ReportResponse:
        """Report all that is known of runs and GPUs, and forget what need not be known any more."""
        report = Report(
            host_id=self.host_id,
            sent_at=self.berth.clock.now(),
            observations=tuple(self.observe(each) for each in self.trainers.values()),
            gpus=tuple(
                GpuReading(
                    uuid=self._uuid(index),
                    utilisation_percent=90.0 if index in self.busy else 0.0,
                    process_pids=(4711,) if index in self.busy else (),
                )
                for index in self._there()
            ),
        )
        self.reported.append(report)
        response = self.berth.write(hosts.take_report, report)
        for receipt in response.receipts:
            if receipt.forget or receipt.stale:
                self.trainers.pop(receipt.attempt_id, None)
                self.forgotten.add(receipt.attempt_id)
        return response
