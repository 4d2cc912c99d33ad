"""A host's agent as the services see it: it reads what is wanted and reports what it observes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptState,
    DesiredAttempt,
    EndCause,
    EpochProgress,
    Report,
    ReportResponse,
)
from bot.services import hosts
from bot.services.transaction import UseCases

_END_OF_STOP = {"expired": EndCause.EXPIRED}


@dataclass
class Trainer:
    """One attempt as the agent knows it: the whole truth, told again with every report."""

    attempt_id: int
    fence: int
    epochs_wanted: int
    pid: int
    epochs: list[EpochProgress] = field(default_factory=list)
    started: bool = False
    end: AttemptEnd | None = None


@dataclass
class FakeAgent:
    """Does nothing by itself: the test says when it looks, works and reports."""

    berth: UseCases
    host_id: int
    trainers: dict[int, Trainer] = field(default_factory=dict)
    reported: list[Report] = field(default_factory=list)
    forgotten: set[int] = field(default_factory=set)

    def look(self) -> tuple[DesiredAttempt, ...]:
        """Take up what is new and obey what is to stop; return what is wanted."""
        wanted = self.berth.run(hosts.desired_state, self.host_id).attempts
        for each in wanted:
            trainer = self.trainers.get(each.attempt_id)
            if trainer is None and each.attempt_id not in self.forgotten:
                trainer = Trainer(
                    each.attempt_id, each.fence, each.spec.epochs, pid=1000 + each.attempt_id
                )
                self.trainers[each.attempt_id] = trainer
            if trainer is not None and each.stop is not None:
                self.finish(trainer, _END_OF_STOP.get(each.stop, EndCause.STOPPED))
        return wanted

    def work(self) -> None:
        """Let every trainer that has started finish an epoch, and the others start."""
        for trainer in self.trainers.values():
            if trainer.end is not None:
                continue
            if not trainer.started:
                trainer.started = True
                continue
            number = len(trainer.epochs) + 1
            trainer.epochs.append(
                EpochProgress(
                    epoch=number,
                    epochs=trainer.epochs_wanted,
                    epoch_s=60,
                    losses={"box_loss": 1 / number},
                    metrics={"map50": 0.5},
                    at=self.berth.clock.now(),
                )
            )
            if number == trainer.epochs_wanted:
                self.finish(trainer, EndCause.SUCCEEDED)

    def finish(self, trainer: Trainer, cause: EndCause) -> None:
        """End a trainer, if it has not ended before."""
        if trainer.end is None:
            trainer.end = AttemptEnd(
                cause=cause, epochs_done=len(trainer.epochs), at=self.berth.clock.now()
            )

    def observe(self, trainer: Trainer) -> AttemptObservation:
        """Return the whole truth about one trainer."""
        state = AttemptState.RUNNING if trainer.started else AttemptState.STARTING
        started_at = self.berth.clock.now() - timedelta(seconds=1)
        return AttemptObservation(
            attempt_id=trainer.attempt_id,
            fence=trainer.fence,
            state=AttemptState.ENDED if trainer.end else state,
            pid=trainer.pid if trainer.started else None,
            trainer_started_at=started_at if trainer.started else None,
            epochs=tuple(trainer.epochs),
            end=trainer.end,
        )

    def report(self) -> ReportResponse:
        """Report all that is known, and forget what need not be known any more."""
        observations = tuple(self.observe(each) for each in self.trainers.values())
        report = Report(
            host_id=self.host_id, sent_at=self.berth.clock.now(), observations=observations
        )
        self.reported.append(report)
        response = self.berth.write(hosts.take_report, report)
        for receipt in response.receipts:
            if receipt.forget or receipt.stale:
                self.trainers.pop(receipt.attempt_id, None)
                self.forgotten.add(receipt.attempt_id)
        return response

    def repeat(self, index: int) -> None:
        """Let an old report arrive once more, as the network may."""
        if self.reported:
            self.berth.write(hosts.take_report, self.reported[index % len(self.reported)])
