"""One attempt in the agent's hands: its record, its processes, and what its trainer has said."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import datetime, timedelta

import structlog

from bot.agent.artifacts import find_artifacts
from bot.agent.attempt_end import EndFacts, explain_end
from bot.agent.attempt_record import AttemptRecord, SavedCheckpoint
from bot.agent.departure import Departure, Sight
from bot.agent.events_file import EventsFile
from bot.agent.oom_kills import kills_since, read_oom_kills
from bot.agent.reconcile_plan import KnownAttempt
from bot.agent.state_dir import StateDir
from bot.agent.supervision_limits import SupervisionLimits
from bot.agent.trainer_log import TrainerLog
from bot.agent.trainer_process import Launch, TrainerProcess
from bot.agent.trainer_view import TrainerView
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptState,
    CheckpointSeen,
    DesiredAttempt,
    EndCause,
    ResumePoint,
    StopReason,
)

_log = structlog.get_logger(__name__)
_EPOCHS_PER_REPORT = 200
_END_LOG_LINES = 20
_WIND_DOWN_AFTER_LAST_WORD = timedelta(seconds=30)
_NOT_TO_BE_RESUMED = frozenset({EndCause.SUCCEEDED, EndCause.DIVERGED, EndCause.REFUSED})


class Attempt:
    """A record with the things that only a living agent has."""

    def __init__(
        self, record: AttemptRecord, state_dir: StateDir, limits: SupervisionLimits
    ) -> None:
        self.record = record
        self.files = state_dir.files(record.attempt_id)
        self.mark = state_dir.mark(record.attempt_id)
        self.process: TrainerProcess | None = None
        self.view = TrainerView()
        self.stale = False
        self.is_fetching = False
        self.sending_checkpoint = asyncio.Lock()
        self.trainer_log = TrainerLog(self.files.log, limits.log_section_bytes)
        self.departure = Departure(
            record.attempt_id, record.desired.gpu_uuids, limits.seen_free_within
        )
        self._state_dir = state_dir
        self._limits = limits
        self._events = EventsFile(self.files.events)
        self._kill_by: datetime | None = None
        self._oom_kills: int | None = None
        self._acknowledged_log: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """Whether its GPUs are taken."""
        return self.record.end is None

    @property
    def waits(self) -> bool:
        """Whether it is taken on and not started: something that it needs is not there yet."""
        return self.live and self.process is None

    @property
    def leaving(self) -> bool:
        """Whether its processes are over and its GPUs are still to be seen free."""
        return self.live and self.departure.gone_at is not None

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

    def note(self, sentence: str) -> None:
        """Tell the holder a sentence about the way to the start, once."""
        if sentence not in self.record.notes:
            self.save(notes=(*self.record.notes, sentence[:500]))
            self.log.warning("attempt_noted", text=sentence)

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
            waits=self.waits,
            resume=desired.resume,
            gone=self.departure.gone_at is not None,
        )

    def read_events(self) -> bool:
        """Take note of what the trainer has said since, and tell whether it said anything."""
        events = self._events.read_new()
        self.view.fold(events)
        return bool(events)

    def launch(self, launch: Launch, now: datetime) -> None:
        """Start the trainer; a failure to do so is the attempt's end."""
        self._oom_kills = read_oom_kills()
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
        process = TrainerProcess.find(self.record.leader, self.mark)
        if process.leader is None:
            if self._events.offset > 0:
                self.process = process
            return self._events.offset > 0
        self.process = process
        if self.record.leader is None:
            self.save(leader=process.leader, trainer_started_at=self.record.accepted_at)
        self.log.info(
            "trainer_taken_up",
            pid=process.leader.pid,
            alive=process.leader_is_alive(),
            epochs_done=self.view.epochs_done,
        )
        if self.record.stop is not None and not self.view.stop_noted:
            # The last agent may have died between recording the stop and sending it.
            process.stop_softly()
        return True

    def look(self, now: datetime) -> bool:
        """Notice what has happened since the last look and tell whether anything has."""
        changed = self.read_events()
        with contextlib.suppress(OSError):  # a full disk; the section is cut at a later look
            self.trainer_log.bound()
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
        return self._leave(process, now) or changed

    def _leave(self, process: TrainerProcess, now: datetime) -> bool:
        """End once the GPUs are seen free; tell whether anything has happened."""
        is_new = self.departure.gone_at is None
        if is_new:
            if process.leader is not None:
                self.departure.own(process.leader.pid)
            self.departure.begin(now)
        match self.departure.sight(now):
            case Sight.WAITING:
                return is_new
            case Sight.KILL_AGAIN:
                count = process.kill()
                self.log.error("gpu_not_free", pids=self.departure.pids_left, killed_again=count)
                return False
            case Sight.GIVEN_UP:
                self.save(late_notes=(self.departure.why_not_free(),))
                self.log.error("gpu_handed_on_unseen", pids=self.departure.pids_left)
            case Sight.FREE:
                pass
        self.read_events()  # what was said between the first read and the last breath
        self._finish(process, now)
        return True

    def stop_softly(self, reason: StopReason, now: datetime, *, by_agent: bool) -> None:
        """Record the wish, then send SIGTERM; what was not started yet ends at once."""
        self.save(stop=reason, stop_by_agent=by_agent, stop_sent_at=now)
        if self.process is None:
            why = " ".join(("It was stopped before it began.", *self.record.notes[-2:]))
            cause = EndCause.EXPIRED if reason is StopReason.EXPIRED else EndCause.STOPPED
            self.end_unstarted(cause, why, now)
            return
        sent = self.process.stop_softly()
        self.log.info("trainer_stopping", reason=reason.value, by_agent=by_agent, sent=sent)

    def kill(self, now: datetime) -> None:
        """Send SIGKILL to every process of the training."""
        self.save(kill_sent_at=now)
        count = 0 if self.process is None else self.process.kill()
        self.log.warning("trainer_killed", processes=count)

    def end_unstarted(self, cause: EndCause, detail: str, now: datetime) -> None:
        """Record the end of an attempt that has no trainer."""
        self.log.info("attempt_not_started", cause=cause.value, detail=detail)
        self.save(end=AttemptEnd(cause=cause, detail=detail[:2000], at=now), end_ready=True)

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
            warnings=(*self.view.warnings, *record.late_notes),
            oom_kills=kills_since(self._oom_kills),
        )
        cause, detail = explain_end(facts)
        end = AttemptEnd(
            cause=cause,
            detail=detail,
            batch_that_fits=said.batch_that_fits if said else None,
            exit_code=exit_code,
            log_tail=self.trainer_log.last_lines(_END_LOG_LINES),
            metrics=(said.metrics if said else {}) or self.view.metrics,
            epochs_done=max(self.view.epochs_done, said.epochs_done if said else 0),
            at=now,
        )
        checkpoint = self.own_checkpoint(cause)
        artifacts = find_artifacts(
            self.files,
            self._limits.largest_weights_mib,
            checkpoint is not None and checkpoint.epoch > record.sent_epochs,
        )
        self.save(end=end, end_ready=not artifacts, pending_uploads=artifacts)
        self.log.info("attempt_ended", cause=cause.value, detail=detail)

    def checkpoint(self) -> SavedCheckpoint | None:
        """Return where a later attempt of the run may go on."""
        cause = self.record.end.cause if self.record.end is not None else None
        if cause in _NOT_TO_BE_RESUMED:
            return None
        # Without one of its own, the one that it was given: it had not come further.
        return self.own_checkpoint(cause) or self.record.checkpoint

    def own_checkpoint(self, cause: EndCause | None = None) -> SavedCheckpoint | None:
        """Return the newest checkpoint that the attempt has saved itself, if it is of use."""
        saved = self.view.checkpoint
        if saved is None or cause in _NOT_TO_BE_RESUMED or self.record.forgotten_at is not None:
            return None
        return SavedCheckpoint(path=saved.path, epoch=saved.epoch)

    def wanted_checkpoint(self) -> ResumePoint | None:
        """Return the checkpoint that it waits for, or None."""
        if not self.waits or self.record.resume_given_up or self.files.fetched.exists():
            return None
        return self.record.desired.resume if self.is_fetching else None

    def give_up_resume(self, why: str) -> None:
        """Go on without the checkpoint that it waits for."""
        self.save(resume_given_up=why)

    def observe(self) -> AttemptObservation:
        """Return all that the control plane is told about it."""
        record = self.record
        epochs = self.view.unacknowledged(_EPOCHS_PER_REPORT)
        # The end comes with the last epochs: "forget" would take those that were not sent yet.
        has_all = len(epochs) < _EPOCHS_PER_REPORT
        end = record.end if record.end_ready and has_all else None
        tail = self.trainer_log.tail() if record.forgotten_at is None else ()
        return AttemptObservation(
            attempt_id=record.attempt_id,
            fence=record.desired.fence,
            state=self._state(ended=end is not None),
            pid=None if record.leader is None else record.leader.pid,
            trainer_started_at=record.trainer_started_at,
            epochs=epochs,
            end=None if end is None else end.model_copy(update={"artifacts": record.uploaded}),
            checkpoint=self._checkpoint_seen(),
            warnings=(*record.notes, *self.view.warnings, *record.late_notes),
            log_tail=() if tail == self._acknowledged_log else tail,
        )

    def _checkpoint_seen(self) -> CheckpointSeen | None:
        saved = self.view.checkpoint
        if saved is None:
            return None
        return CheckpointSeen(
            epochs_done=saved.epoch, at=saved.at, stored=self.record.sent_epochs >= saved.epoch
        )

    def _state(self, *, ended: bool) -> AttemptState:
        if ended:
            return AttemptState.ENDED
        if self.record.stop is not None or self.departure.gone_at is not None:
            return AttemptState.STOPPING
        return AttemptState.RUNNING if self.view.training else AttemptState.STARTING

    def acknowledge(self, observation: AttemptObservation, epoch: int) -> None:
        """Take note of what the control plane has stored of an observation."""
        self.view.acknowledge(epoch)
        self._acknowledged_log = observation.log_tail or self._acknowledged_log

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
        """Take over what may change: the end of the claim, the grace, the way checkpoints go."""
        changed = ("claim_ends_at", "kill_after_s", "resume", "checkpoint_every_s")
        if self.waits and desired.resume != self.record.desired.resume:
            self.files.fetched.unlink(missing_ok=True)
            self.save(resume_given_up="")
        self.save(
            desired=self.record.desired.model_copy(
                update={name: getattr(desired, name) for name in changed}
            ),
            server_offset_s=server_offset_s,
        )
