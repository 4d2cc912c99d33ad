"""A run whose epochs take as long as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.protocol.messages import EndCause, EpochProgress
from bot.services.transaction import UseCases
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import fire_due


@dataclass
class Training:
    """The run of one reservation, on a host with an agent that does what the test says."""

    berth: UseCases
    clock: SetClock
    host_id: int
    reservation_id: int
    agent: FakeAgent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = FakeAgent(self.berth, self.host_id)

    def start(self) -> None:
        """Let it be started, and seen running."""
        fire_due(self.berth)
        self.agent.look()
        self.agent.work()
        self.agent.report()

    @property
    def stops(self) -> bool:
        """Tell whether it is wanted to stop by now; its agent obeys."""
        return any(each.stop is not None for each in self.agent.look())

    def epochs(self, count: int, *, minutes: float) -> None:
        """Let it train so many epochs of so many minutes each, and report each one."""
        for _ in range(count):
            self.clock.advance(minutes=minutes)
            self.finish_epoch(minutes * 60)
            self.agent.report()

    def finish_epoch(self, epoch_s: float) -> None:
        """Let the epoch that runs end now."""
        for trainer in self.agent.trainers.values():
            if trainer.end is not None:
                continue
            number = len(trainer.epochs) + 1
            trainer.epochs.append(
                EpochProgress(
                    epoch=number,
                    epochs=trainer.epochs_wanted,
                    epoch_s=epoch_s,
                    metrics={"map50": 0.5},
                    at=self.clock.now(),
                )
            )
            if number == trainer.epochs_wanted:
                self.agent.finish(trainer, EndCause.SUCCEEDED)
