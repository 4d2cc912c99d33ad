"""A run whose agent tells of its log and keeps its files, as a test says."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from typing import Any

from bot.ports.artifact_store import ArtifactStore
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptState,
    DesiredAttempt,
    EndCause,
    EpochProgress,
    Report,
)
from bot.services import artifacts, hosts
from bot.services.artifacts import FileOfAttempt
from bot.services.transaction import UseCases
from tests.support.clock import SetClock
from tests.support.firing import fire_all


@dataclass
class LoggedRun:
    """The run of a reservation that starts now, on a host of one's own."""

    berth: UseCases
    clock: SetClock
    host_id: int
    store: ArtifactStore
    attempt: DesiredAttempt = field(init=False)

    def start(self) -> None:
        """Let it be started, and seen running with its first epoch done."""
        fire_all(self.berth)
        (self.attempt,) = self.berth.run(hosts.desired_state, self.host_id).attempts
        first = EpochProgress(
            epoch=1,
            epochs=self.attempt.spec.epochs,
            epoch_s=60,
            losses={"box_loss": 1.5},
            metrics={"map50": 0.25},
            at=self.clock.now(),
        )
        self._report(AttemptState.RUNNING, pid=99, epochs=(first,))

    def tell(self, *lines: str) -> None:
        """Let the agent tell the last lines of the log."""
        self._report(AttemptState.RUNNING, log_tail=lines)

    def end(self, cause: EndCause, *lines: str, detail: str = "") -> None:
        """Let the attempt end with those last lines."""
        end = AttemptEnd(
            cause=cause,
            detail=detail,
            log_tail=lines,
            metrics={"map50": 0.5},
            epochs_done=1,
            at=self.clock.now(),
        )
        self._report(AttemptState.ENDED, end=end)
        fire_all(self.berth)

    def keep(self, name: str, content: bytes) -> None:
        """Let the agent send a file."""
        digest = hashlib.sha256(content).hexdigest()
        file = FileOfAttempt(self.attempt.attempt_id, self.attempt.fence, name, digest)
        key = self.berth.write(artifacts.reserve_key, file)
        assert key is not None
        size = artifacts.keep(self.store, key, name, [content], digest)
        self.berth.write(artifacts.record, file, key, size)

    def keep_log(self, text: str) -> None:
        """Let the agent send the whole log."""
        self.keep("trainer.log.gz", gzip.compress(text.encode()))

    def _report(self, state: AttemptState, **fields: Any) -> None:
        seen = AttemptObservation(
            attempt_id=self.attempt.attempt_id, fence=self.attempt.fence, state=state, **fields
        )
        report = Report(host_id=self.host_id, sent_at=self.clock.now(), observations=(seen,))
        self.berth.write(hosts.take_report, report)
