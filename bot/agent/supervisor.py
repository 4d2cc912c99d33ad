"""Makes what runs on this host what should run on it, and remembers what has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from bot.agent.attempt import Attempt
from bot.agent.attempt_record import AttemptRecord, SavedCheckpoint
from bot.agent.forgetting import forget
from bot.agent.gpu_processes import OwnTraining
from bot.agent.host_reading import disk_free_mib
from bot.agent.reconcile_plan import (
    Action,
    EndUnstarted,
    Kill,
    Renew,
    Start,
    StopSoftly,
    plan,
)
from bot.agent.resume_choice import choose_checkpoint
from bot.agent.run_paths import SpecRefused
from bot.agent.state_dir import StateDir
from bot.agent.supervision_limits import SupervisionLimits
from bot.agent.trainer_job import TrainerSetup, prepare_launch
from bot.agent.trainer_process import TrainerProcess
from bot.protocol.messages import (
    AttemptObservation,
    AttemptState,
    DesiredAttempt,
    DesiredState,
    EndCause,
    GpuInventory,
    GpuReading,
    ReportResponse,
)

_log = structlog.get_logger(__name__)


class Supervisor:
    """Level-triggered: it acts on states, never on messages, and may be asked at any time.

    Not safe for threads; the agent calls it from its event loop only.
    """

    def __init__(
        self,
        state_dir: StateDir,
        setup: TrainerSetup,
        limits: SupervisionLimits,
    ) -> None:
        self._state_dir = state_dir
        self._setup = setup
        self._limits = limits
        self._attempts: dict[int, Attempt] = {}
        self._unrecorded: set[int] = set()
        self._gpus: Mapping[str, GpuInventory] = {}
        self._desired: DesiredState | None = None
        self._server_offset_s = 0.0

    def set_inventory(self, gpus: Iterable[GpuInventory]) -> None:
        """Replace what is known of the host's GPUs."""
        self._gpus = {gpu.uuid: gpu for gpu in gpus}

    def adopt(self, now: datetime) -> None:
        """Take up what an earlier agent has left: its records and its running trainers."""
        records = self._state_dir.load()
        self._unrecorded = self._state_dir.unrecorded(records)
        for record in sorted(records.values(), key=lambda one: one.accepted_at):
            self._server_offset_s = record.server_offset_s
            attempt = self._remember(record)
            if attempt.live and not attempt.take_up():
                self._launch(attempt, now)  # the last agent died before it had started it
            elif record.end is not None and record.forgotten_at is None:
                attempt.read_events()

    def accept(self, desired: DesiredState, now: datetime) -> None:
        """Take ``desired`` as what should be from now on; it is acted on by `reconcile`."""
        self._desired = desired
        self._server_offset_s = (desired.server_time - now).total_seconds()

    def reconcile(self, now: datetime) -> bool:
        """Look at every training, do what is due, and tell whether there is something to report.

        Doing it again at once changes nothing.
        """
        changed = False
        for attempt in self._attempts.values():
            if attempt.live:
                changed |= attempt.look(now)
        actions = plan(
            self._desired,
            [attempt.known() for attempt in self._attempts.values()],
            now,
            margin_s=self._limits.margin_s,
            server_offset_s=self._server_offset_s,
        )
        for action in actions:
            self._act(action, now)
        changed |= self._launch_waiting(now)
        self._clear_unrecorded()
        self._forget_where_due(now)
        return changed or bool(actions)

    def _launch_waiting(self, now: datetime) -> bool:
        """Start what waits and need not any more, and tell whether there was something."""
        changed = False
        for attempt in self._attempts.values():
            if attempt.waits:
                self._launch(attempt, now)
                changed |= not attempt.waits
        return changed

    def _act(self, action: Action, now: datetime) -> None:
        match action:
            case Start():
                self._start(action.desired, now)
            case EndUnstarted():
                attempt = self._take_on(action.desired, now)
                attempt.end_unstarted(action.cause, action.detail, now)
            case Renew():
                attempt = self._attempts[action.desired.attempt_id]
                attempt.renew(action.desired, self._server_offset_s)
            case StopSoftly():
                attempt = self._attempts[action.attempt_id]
                attempt.stop_softly(action.reason, now, by_agent=action.by_agent)
            case Kill():
                self._attempts[action.attempt_id].kill(now)

    def _start(self, desired: DesiredAttempt, now: datetime) -> None:
        attempt = self._take_on(desired, now)
        # A folder without a record: it was lost, and the training may be running.
        if desired.attempt_id in self._unrecorded:
            self._unrecorded.discard(desired.attempt_id)
            if attempt.take_up():
                return
        self._launch(attempt, now)

    def _take_on(self, desired: DesiredAttempt, now: datetime) -> Attempt:
        record = AttemptRecord(
            desired=desired, accepted_at=now, server_offset_s=self._server_offset_s
        )
        self._state_dir.save(record)  # before there is a process, so that none goes unrecorded
        return self._remember(record)

    def _remember(self, record: AttemptRecord) -> Attempt:
        attempt = Attempt(record, self._state_dir, self._limits)
        self._attempts[record.attempt_id] = attempt
        return attempt

    def _launch(self, attempt: Attempt, now: datetime) -> None:
        """Start the trainer, or let the attempt wait for what it needs; asked again, it goes on."""
        desired = attempt.record.desired
        if self._lacks_disk(attempt):
            return
        local = [one for other in self._earlier(desired) if (one := other.checkpoint())]
        choice = choose_checkpoint(
            local, desired.resume, attempt.files.fetched, attempt.record.resume_given_up
        )
        attempt.is_fetching = choice.must_fetch
        if choice.must_fetch:
            return
        try:
            launch = prepare_launch(
                desired, attempt.files, attempt.mark, self._setup, self._gpus, choice.checkpoint
            )
        except SpecRefused as refusal:
            attempt.end_unstarted(EndCause.REFUSED, str(refusal), now)
            return
        except OSError as error:
            attempt.end_unstarted(EndCause.CRASHED, f"This host cannot prepare it: {error}", now)
            return
        if choice.warning:
            attempt.note(choice.warning)
        given = attempt.files.resume_from
        if choice.checkpoint is not None and given.exists():
            attempt.save(checkpoint=SavedCheckpoint(path=str(given), epoch=choice.checkpoint.epoch))
        attempt.launch(launch, now)

    def _lacks_disk(self, attempt: Attempt) -> bool:
        free_mib = disk_free_mib(self._state_dir.path)
        floor_mib = self._limits.disk_floor_mib
        if free_mib is None or free_mib >= floor_mib:
            return False
        attempt.note(
            f"The training waits: the disk of this host has less than the {floor_mib} MiB free "
            "that Berth leaves alone. It starts when there is room; ask the operator to make some."
        )
        return True

    def _earlier(self, desired: DesiredAttempt) -> list[Attempt]:
        """Return the other attempts of the run on this host, the latest first."""
        earlier = [
            attempt
            for attempt in self._attempts.values()
            if attempt.record.desired.run_id == desired.run_id
            and attempt.record.attempt_id != desired.attempt_id
        ]
        earlier.sort(key=lambda one: (one.record.desired.fence, one.record.attempt_id))
        return earlier[::-1]

    def _clear_unrecorded(self) -> None:
        """Kill and discard trainings whose record is lost and that nobody wants any more."""
        if self._desired is None:
            return
        wanted = {one.attempt_id for one in self._desired.attempts}
        for attempt_id in sorted(self._unrecorded - wanted):
            process = TrainerProcess.find(None, self._state_dir.mark(attempt_id))
            if process.kill() == 0:
                _log.warning("unrecorded_attempt_discarded", attempt_id=attempt_id)
                self._state_dir.discard(attempt_id)
                self._unrecorded.discard(attempt_id)

    def _forget_where_due(self, now: datetime) -> None:
        for attempt in list(self._attempts.values()):
            record = attempt.record
            if record.forgotten_at is None:
                if record.forget_asked and not record.pending_uploads:
                    forget(attempt, self._state_dir, now)
                continue
            is_old = now - record.forgotten_at > self._limits.retention
            if is_old and not self._is_listed(attempt):
                self._state_dir.delete(record.attempt_id)
                del self._attempts[record.attempt_id]

    def _is_listed(self, attempt: Attempt) -> bool:
        if self._desired is None:
            return True
        return any(one.attempt_id == attempt.record.attempt_id for one in self._desired.attempts)

    def observations(self) -> tuple[AttemptObservation, ...]:
        """Return the whole truth, for a report.

        A forgotten attempt is told of again for as long as it is desired: it is over, whatever
        has become of the first report.
        """
        return tuple(
            attempt.observe()
            for attempt in self._attempts.values()
            if attempt.record.forgotten_at is None
            or (self._desired is not None and self._is_listed(attempt))
        )

    def acknowledge(self, response: ReportResponse, reported: Sequence[AttemptObservation]) -> bool:
        """Take note of what the control plane has stored of ``reported``.

        Returns:
            Whether there is more to report at once.
        """
        receipts = {receipt.attempt_id: receipt for receipt in response.receipts}
        for observation in reported:
            attempt = self._attempts.get(observation.attempt_id)
            if attempt is None or attempt.record.forgotten_at is not None:
                continue
            receipt = receipts.get(observation.attempt_id)
            is_ended = observation.state is AttemptState.ENDED
            if receipt is not None:
                attempt.acknowledge(observation, receipt.acknowledged_epoch)
                attempt.stale = attempt.stale or receipt.stale
            elif is_ended and self._desired is not None and not self._is_listed(attempt):
                attempt.drop(everything=True)  # nobody knows of it any more
                continue
            if receipt is not None and is_ended and (receipt.forget or receipt.stale):
                attempt.drop(everything=receipt.stale)
        return any(attempt.has_backlog() for attempt in self._attempts.values())

    def ended(self) -> tuple[Attempt, ...]:
        """Return the attempts that are over and have artifacts to be sent."""
        return tuple(one for one in self._attempts.values() if one.record.pending_uploads)

    def training(self) -> tuple[Attempt, ...]:
        """Return the attempts whose trainer runs."""
        return tuple(one for one in self._attempts.values() if one.live and not one.leaving)

    def fetching(self) -> tuple[Attempt, ...]:
        """Return the attempts that wait for a checkpoint of the control plane."""
        return tuple(one for one in self._attempts.values() if one.wanted_checkpoint() is not None)

    def own_trainings(self) -> tuple[OwnTraining, ...]:
        """Return how the processes of each live training are recognised."""
        return tuple(
            OwnTraining(one.record.attempt_id, one.mark, one.record.leader)
            for one in self._attempts.values()
            if one.live
        )

    def note_readings(self, readings: Sequence[GpuReading], read_at: datetime) -> None:
        """Take note of who was on the GPUs at ``read_at`` or later."""
        for attempt in self._attempts.values():
            if attempt.live:
                attempt.departure.note(readings, read_at)

    def has_leaving(self) -> bool:
        """Tell whether a training is over whose GPUs are still to be seen free."""
        return any(attempt.leaving for attempt in self._attempts.values())

    def pids_by_gpu(self) -> dict[str, tuple[int, ...]]:
        """Return which trainers hold which GPU."""
        return {
            uuid: (attempt.record.leader.pid,)
            for attempt in self.training()
            if attempt.record.leader is not None
            for uuid in attempt.record.desired.gpu_uuids
        }

    def has_live(self) -> bool:
        """Tell whether something runs that wants looking at often."""
        return any(attempt.live for attempt in self._attempts.values())
