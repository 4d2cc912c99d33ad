"""Every message between the control plane and an agent.

Paths, all below ``/agent/v1`` and all with ``Authorization: Bearer <agent token>``:

========  =========================================  ======================  =====================
method    path                                       request                 answer
========  =========================================  ======================  =====================
POST      ``/register``                              `RegisterRequest`       `RegisterResponse`
GET       ``/desired?host_id=&revision=&wait_s=``    --                      `DesiredState`
POST      ``/report``                                `Report`                `ReportResponse`
PUT       ``/attempts/{attempt_id}/artifacts/{name}``  the file's bytes      204
GET       ``/attempts/{attempt_id}/artifacts/{name}``  --                    the bytes (``Range``)
GET       ``/attempts/{attempt_id}/uploads/{name}``    --                    `UploadState`
PUT       ``/attempts/{attempt_id}/uploads/{name}``    one chunk's bytes     `UploadState`
========  =========================================  ======================  =====================

``/desired`` is a long poll: it answers at once when the host's revision is not the one given,
otherwise when it changes or after ``wait_s`` seconds (at most 30), then with the same revision.
An artifact's ``PUT`` carries the headers ``X-Berth-Fence`` (the attempt's fence) and
``X-Berth-Sha256`` (hex digest of the body); it may be repeated.  A wrong digest is answered 422,
a stale fence 409, a revoked or unknown token 401.

A large file goes up in chunks.  Both verbs of ``/uploads`` carry ``X-Berth-Fence``,
``X-Berth-Sha256`` and ``X-Berth-Size`` of the whole file; a ``PUT`` also ``X-Berth-Offset``, where
its chunk begins.  A chunk that does not begin at ``received_bytes`` changes nothing: the answer
says where to go on.  With the last chunk the whole is checked against the digest (422 discards it)
and becomes the artifact of that name.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _require_aware(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError("an instant needs a time zone")
    return value


Instant = Annotated[datetime, AfterValidator(_require_aware)]
"""An aware instant; sent as ISO 8601 with an offset."""


class Message(BaseModel):
    """Base of all messages: immutable, and deaf to fields of a newer release."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GpuInventory(Message):
    """One GPU as the agent found it. ``index`` is for people only; the UUID is the identity."""

    uuid: str = Field(min_length=1, max_length=96)
    model: str = Field(min_length=1, max_length=128)
    memory_mib: int = Field(ge=0)
    index: int = Field(ge=0)
    simulated: bool = False


class RegisterRequest(Message):
    """An agent announces its host; repeating it is harmless and renews the inventory."""

    protocol_version: int
    agent_version: str
    host_name: str = Field(min_length=1, max_length=64)
    gpus: tuple[GpuInventory, ...] = ()


class RegisterResponse(Message):
    """Who the host is from now on, and how often to report."""

    host_id: int
    protocol_version: int
    heartbeat_s: float = 5.0
    server_time: Instant


class RunSpec(Message):
    """A checked training specification: never a shell line.

    ``task`` is one of Ultralytics' tasks.  ``model`` and ``data`` are an Ultralytics name or a
    path below one of the agent's allowed roots (relative to it).  ``imgsz`` is in pixels, ``batch``
    in images.  ``extra`` holds further Ultralytics arguments from the allow list of
    `bot.domain.run_spec`.
    """

    task: Literal["detect", "segment", "classify", "pose", "obb"] = "detect"
    model: str
    data: str
    epochs: int = Field(ge=1)
    imgsz: int = Field(ge=32)
    batch: int = Field(ge=1)
    seed: int = 0
    extra: dict[str, Any] = Field(default_factory=dict)


class StopReason(StrEnum):
    """Why the control plane wants an attempt to stop."""

    REQUESTED = "requested"
    PREEMPTED = "preempted"
    EXPIRED = "expired"


class ResumePoint(Message):
    """The newest checkpoint that the control plane keeps of a run, by an earlier attempt.

    An agent that has one of its own with at least ``epochs_done`` takes that; otherwise it fetches
    the artifact ``name`` of ``attempt_id`` and checks it against ``sha256``.
    """

    attempt_id: int
    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=1)
    epochs_done: int = Field(ge=0)


class DesiredAttempt(Message):
    """One attempt that should be on this host.

    The agent starts it if it has never started this ``attempt_id``; ``stop`` set means: stop it
    softly (SIGTERM, checkpoint, SIGKILL after ``kill_after_s``).  ``claim_ends_at`` is when the
    GPUs are no longer the run's: the agent stops it softly in time even when cut off.
    ``checkpoint_every_s`` is how often at most a checkpoint is sent while the training goes on.
    """

    attempt_id: int
    run_id: int
    fence: int = Field(ge=1)
    gpu_uuids: tuple[str, ...]
    spec: RunSpec
    claim_ends_at: Instant
    stop: StopReason | None = None
    kill_after_s: float = 120.0
    resume: ResumePoint | None = None
    checkpoint_every_s: float = 600.0


class ProcessToStop(Message):
    """A process that is no training of Berth and is to get SIGTERM, once.

    The agent leaves it alone unless a process of that id began at that instant.
    """

    process_id: int
    pid: int = Field(ge=1)
    started_at: Instant


class DesiredState(Message):
    """All that should be on a host; an attempt not listed is to be stopped and forgotten."""

    host_id: int
    revision: int
    server_time: Instant
    attempts: tuple[DesiredAttempt, ...] = ()
    stop_processes: tuple[ProcessToStop, ...] = ()


class AttemptState(StrEnum):
    """What the agent sees of an attempt."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class EndCause(StrEnum):
    """How an attempt ended, as recorded by the trainer and its supervisor; never an exit code."""

    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    DATA_ERROR = "data_error"
    DISK_FULL = "disk_full"
    CRASHED = "crashed"
    KILLED = "killed"
    EXPIRED = "expired"
    HOST_LOST = "host_lost"
    REFUSED = "refused"


class EpochProgress(Message):
    """One finished epoch. ``epoch`` counts from 1; losses and metrics by name."""

    epoch: int = Field(ge=1)
    epochs: int = Field(ge=1)
    epoch_s: float = Field(ge=0)
    losses: dict[str, float] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    at: Instant


class AttemptEnd(Message):
    """The end of an attempt: its cause, a sentence, the last log lines, the final metrics.

    ``batch_that_fits`` is the agent's estimate after an out-of-memory, in images.
    """

    cause: EndCause
    detail: str = Field(default="", max_length=2000)
    exit_code: int | None = None
    log_tail: tuple[str, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    epochs_done: int = Field(default=0, ge=0)
    artifacts: tuple[str, ...] = ()
    batch_that_fits: int | None = None
    at: Instant


class CheckpointSeen(Message):
    """The newest whole checkpoint of an attempt on its host. ``stored`` once it was sent, too."""

    epochs_done: int = Field(ge=0)
    at: Instant
    stored: bool = False


class AttemptObservation(Message):
    """The whole truth about one attempt as the agent knows it now (a state, not a delta).

    ``epochs`` lists every epoch since ``ReportResponse.acknowledged_epoch`` of this attempt, in
    order; repeating one changes nothing.  ``trainer_started_at`` is the trainer's exec.
    ``warnings`` are all sentences of the trainer so far that its holder should hear, oldest first.
    ``log_tail`` holds the last lines of its log, 40 lines and 8 KiB at most; it is empty while the
    control plane has the same already.
    """

    attempt_id: int
    fence: int
    state: AttemptState
    pid: int | None = None
    trainer_started_at: Instant | None = None
    epochs: tuple[EpochProgress, ...] = ()
    end: AttemptEnd | None = None
    checkpoint: CheckpointSeen | None = None
    warnings: tuple[str, ...] = ()
    log_tail: tuple[str, ...] = ()


class GpuProcess(Message):
    """A process on a GPU. ``attempt_id`` where it belongs to a training of this agent.

    ``command`` is cut to 200 characters; ``user`` is empty where the host cannot tell.
    """

    pid: int
    user: str = ""
    command: str = Field(default="", max_length=200)
    started_at: Instant | None = None
    memory_used_mib: float | None = None
    attempt_id: int | None = None


class GpuReading(Message):
    """A measurement of one GPU; a value the device cannot tell is absent.

    ``process_pids`` are those that NVML names; ``processes`` tells of each of them what the host
    knows.  ECC counts are since the last reset of the driver; ``xid`` is the last critical error;
    ``throttle_reasons`` are NVML's words in lower case.
    """

    uuid: str
    temperature_c: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    utilisation_percent: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    ecc_corrected: int | None = None
    ecc_uncorrected: int | None = None
    xid: int | None = None
    throttle_reasons: tuple[str, ...] = ()
    process_pids: tuple[int, ...] = ()
    processes: tuple[GpuProcess, ...] = ()


class HostReading(Message):
    """A measurement of the host itself; the disk is the one that holds the agent's folder."""

    disk_free_mib: float | None = None
    disk_total_mib: float | None = None
    memory_available_mib: float | None = None
    memory_total_mib: float | None = None


class ProcessStopped(Message):
    """What came of a `ProcessToStop`; ``outcome`` is a `bot.domain.processes.StopOutcome`."""

    process_id: int
    outcome: str = Field(max_length=32)


class Report(Message):
    """Sent every heartbeat and at once when something changes."""

    host_id: int
    sent_at: Instant
    observations: tuple[AttemptObservation, ...] = ()
    gpus: tuple[GpuReading, ...] = ()
    host: HostReading | None = None
    stopped: tuple[ProcessStopped, ...] = ()


class UploadState(Message):
    """How much of a file has arrived; ``complete`` once it is whole, checked and recorded."""

    received_bytes: int = Field(ge=0)
    complete: bool = False


class AttemptReceipt(Message):
    """What the control plane has stored of one attempt.

    ``forget`` tells the agent that the end is recorded and its files may go; ``stale`` that the
    fence is old, so that whatever still runs under it must stop.
    """

    attempt_id: int
    acknowledged_epoch: int = 0
    forget: bool = False
    stale: bool = False


class ReportResponse(Message):
    """The answer to a report."""

    revision: int
    receipts: tuple[AttemptReceipt, ...] = ()
