"""One attempt in the agent's hands: its record, its processes, and what its trainer has said."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.agent.artifacts import find_artifacts
from bot.agent.attempt_end import EndFacts, explain_end
from bot.agent.attempt_record import AttemptRecord, SavedCheckpoint
from bot.agent.events_file import EventsFile, read_log_tail
from bot.agent.reconcile_plan import KnownAttempt
from bot.agent.state_dir import StateDir
from bot.agent.trainer_process import Launch, TrainerProcess
from bot.agent.trainer_view import TrainerView
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptState,
    DesiredAttempt,
    EndCause,
    StopReason,
)

_log = structlog.get_logger(__name__)
_EPOCHS_PER_REPORT = 200
_WIND_DOWN_AFTER_LAST_WORD = timedelta(seconds=30)
_NOT_TO_BE_RESUMED = frozenset({EndCause.SUCCEEDED, EndCause.DIVERGED, EndCause.REFUSED})


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """What bounds the supervision of a training.

    Attributes:
        margin_s: slack between the agent's own SIGKILL and the end of a claim.
        leftover_grace: how long processes of a trainer that has ended may linger.
        largest_weights_mib: a ``best.pt`` beyond this is not uploaded.
        retention: how long the records and checkpoints of ended attempts are kept.
    """

    margin_s: float
    leftover_grace: timedelta
    largest_weights_mib: int
    retention: timedelta


class Attempt:
    """A record with the things that only a living agent has."""

    def __init__(
        self, record: AttemptRecord, state_dir: StateDir, limits: SupervisionLimits
    ) -> None:
        self.record = record
        self.files = state_dir.files(record.attempt_id)
        self.process: TrainerProcess | None = None
        self.view = TrainerView()
        self.stale = False
        self._state_dir = state_dir
        self._limits = limits
        self._events = EventsFile(self.files.events)
        self._kill_by: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether its GPUs are taken."""
        return self.record.end is None

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        """A logger that names the attempt."""
        bound: structlog.stdlib.BoundLogger = _log.bind(
            attempt_id=self.record.attempt_id, run_id=self.record.desired.run_id
        )
        return bound

    def save(self, **changes: object) -> None:
        """Replace fields of the record, on disk before in memory.

        A disk that a training has filled must not keep that training from being stopped, so a
        failure is logged only; events file and process tell the same story after a restart.
        """
        record = self.record.but(**changes)
        try:
            self._state_dir.save(record)
        except OSError as error:
            self.log.error("record_not_saved", error=str(error))  # noqa: TRY400 - the text says it all
        self.record = record

    def known(self) -> KnownAttempt:
        """Return what planning needs to know."""
        record, desired = self.record, self.record.desired
        return KnownAttempt(
            attempt_id=desired.attempt_id,
            run_id=desired.run_id,
            fence=desired.fence,
            gpu_uuids=frozenset(desired.gpu_uuids),
            live=self.live,
            accepted_at=record.accepted_at + timedelta(seconds=record.server_offset_s),
            claim_ends_at=desired.claim_ends_at,
            kill_after_s=desired.kill_after_s,
            stop=record.stop,
            stop_by_agent=record.stop_by_agent,
            stop_sent_at=record.stop_sent_at,
            kill_sent_at=record.kill_sent_at,
            kill_by=self._kill_by,
            stale=self.stale,
        )

    def read_events(self) -> bool:
        """Take note of what the trainer has said since, and tell whether it said anything."""
        events = self._events.read_new()
        self.view.fold(events)
        return bool(events)

    def launch(self, launch: Launch, now: datetime) -> None:
        """Start the trainer; a failure to do so is the attempt's end."""
        try:
            self.process = TrainerProcess.launch(launch)
        except OSError as error:
            self.end_unstarted(EndCause.CRASHED, f"The trainer could not be started: {error}", now)
            return
        self.save(leader=self.process.leader, trainer_started_at=now)
        self.log.info("trainer_started", pid=self.process.leader and self.process.leader.pid)

    def take_up(self) -> bool:
        """Find the trainer of an earlier agent again.

        Returns:
            Whether it was ever started, be it running or gone.
        """
        self.read_events()
        self.process = TrainerProcess.find(
            self.record.leader, self._state_dir.mark(self.record.attempt_id)
        )
        if self.process.leader is None:
            return self._events.offset > 0
        if self.record.leader is None:
            self.save(leader=self.process.leader, trainer_started_at=self.record.accepted_at)
        self.log.info(
            "trainer_taken_up",
            pid=self.process.leader.pid,
            alive=self.process.leader_is_alive(),
            epochs_done=self.view.epochs_done,
        )
        if self.record.stop is not None and not self.view.stop_noted:
            # The last agent may have died between recording the stop and sending it.
            self.process.stop_softly()
        return True

    def look(self, now: datetime) -> bool:
        """Notice what has happened since the last look and tell whether anything has."""
        changed = self.read_events()
        process = self.process
        if process is None or not self.live:
            return changed
        if process.leader_is_alive():
            if self.view.ended is not None and self._kill_by is None:
                self._kill_by = now + _WIND_DOWN_AFTER_LAST_WORD
            return changed
        if process.members():
            kill_by = now + self._limits.leftover_grace
            self._kill_by = kill_by if self._kill_by is None else min(self._kill_by, kill_by)
            return changed
        self.read_events()  # what was said between the first read and the last breath
        self._finish(process, now)
        return True

    def stop_softly(self, reason: StopReason, now: datetime, *, by_agent: bool) -> None:
        """Record the wish, then send SIGTERM."""
        self.save(stop=reason, stop_by_agent=by_agent, stop_sent_at=now)
        sent = self.process is not None and self.process.stop_softly()
        self.log.info("trainer_stopping", reason=reason.value, by_agent=by_agent, sent=sent)

    def kill(self, now: datetime) -> None:
        """Send SIGKILL to every process of the training."""
        self.save(kill_sent_at=now)
        count = 0 if self.process is None else self.process.kill()
        self.log.warning("trainer_killed", processes=count)

    def end_unstarted(self, cause: EndCause, detail: str, now: datetime) -> None:
        """Record the end of an attempt that has no trainer."""
        self.log.info("attempt_not_started", cause=cause.value, detail=detail)
        self.save(end=AttemptEnd(cause=cause, detail=detail, at=now), end_ready=True)

    def _finish(self, process: TrainerProcess, now: datetime) -> None:
        record, said = self.record, self.view.ended
        exit_code = process.exit_code
        killed_by_agent = record.kill_sent_at is not None and exit_code in (None, -signal.SIGKILL)
        facts = EndFacts(
            said=said,
            stop=record.stop,
            killed_by_agent=killed_by_agent,
            exit_code=exit_code,
            same_boot=process.same_boot,
            grace_s=self.known().grace_s(),
            warnings=self.view.warnings,
        )
        cause, detail = explain_end(facts)
        artifacts = find_artifacts(self.files.run, self._limits.largest_weights_mib)
        end = AttemptEnd(
            cause=cause,
            detail=detail,
            exit_code=exit_code,
            log_tail=read_log_tail(self.files.log),
            metrics=(said.metrics if said else {}) or self.view.metrics,
            epochs_done=max(self.view.epochs_done, said.epochs_done if said else 0),
            at=now,
        )
        self.save(end=end, end_ready=not artifacts, pending_uploads=artifacts)
        self.log.info("attempt_ended", cause=cause.value, detail=detail)

    def checkpoint(self) -> SavedCheckpoint | None:
        """Return where a later attempt of the run may go on."""
        if self.record.end is not None and self.record.end.cause in _NOT_TO_BE_RESUMED:
            return None
        saved = self.view.checkpoint
        if saved is not None and self.record.forgotten_at is None:
            return SavedCheckpoint(path=saved.path, epoch=saved.epoch)
        return self.record.checkpoint  # the one that it was given: it had not come further

    def observe(self) -> AttemptObservation:
        """Return all that the control plane is told about it."""
        record = self.record
        epochs = self.view.unacknowledged(_EPOCHS_PER_REPORT)
        # The end comes with the last epochs: "forget" would take those that were not sent yet.
        has_all = len(epochs) < _EPOCHS_PER_REPORT
        end = record.end if record.end_ready and has_all else None
        return AttemptObservation(
            attempt_id=record.attempt_id,
            fence=record.desired.fence,
            state=self._state(ended=end is not None),
            pid=None if record.leader is None else record.leader.pid,
            trainer_started_at=record.trainer_started_at,
            epochs=epochs,
            end=None if end is None else end.model_copy(update={"artifacts": record.uploaded}),
        )

    def _state(self, *, ended: bool) -> AttemptState:
        if ended:
            return AttemptState.ENDED
        if self.record.stop is not None:
            return AttemptState.STOPPING
        return AttemptState.RUNNING if self.view.training else AttemptState.STARTING

    def has_backlog(self) -> bool:
        """Tell whether one report was not enough for all of its epochs."""
        return len(self.view.unacknowledged(_EPOCHS_PER_REPORT)) == _EPOCHS_PER_REPORT

    def note_uploaded(self, name: str) -> None:
        """Record that the control plane has the artifact. Idempotent."""
        if name in self.record.pending_uploads:
            self._leave_out(name, uploaded=(*self.record.uploaded, name))

    def give_up_upload(self, name: str) -> None:
        """Record that the artifact is not to be sent any more. Idempotent."""
        self._leave_out(name)

    def _leave_out(self, name: str, **changes: object) -> None:
        left = tuple(one for one in self.record.pending_uploads if one != name)
        self.save(pending_uploads=left, **changes)

    def release_end(self) -> None:
        """Let the end be reported. Idempotent."""
        if not self.record.end_ready:
            self.save(end_ready=True)

    def drop(self, *, everything: bool) -> None:
        """Note that the end is recorded; ``everything``: nobody wants the artifacts either."""
        if everything and self.record.pending_uploads:
            self.save(pending_uploads=())
        if not self.record.forget_asked:
            self.save(forget_asked=True)

    def renew(self, desired: DesiredAttempt, server_offset_s: float) -> None:
        """Take over a changed end of the claim or grace; everything else stays as accepted."""
        self.save(
            desired=self.record.desired.model_copy(
                update={
                    "claim_ends_at": desired.claim_ends_at,
                    "kill_after_s": desired.kill_after_s,
                }
            ),
            server_offset_s=server_offset_s,
        )
