"""What the agent and its child, the trainer, say to each other.

The agent writes a `TrainerJob` as JSON into the attempt's directory and starts
``python -m bot.agent.trainer JOB.json --events-file EVENTS.jsonl`` in a session of its own.
The trainer appends one `TrainerEvent` as a JSON line per event to that file, each with a single
``write``, through a descriptor of its own; its stdout and stderr are the log and are never parsed.
A file and not a pipe: a pipe would die with the agent, and an agent that comes back adopts the
trainer by reading the file from where it had stopped.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.protocol.messages import EndCause, EpochProgress, Instant, Message, RunSpec


class TrainerJob(Message):
    """Everything the trainer needs. Paths are absolute; the agent has checked them.

    ``gpu_count`` is 0 for training on the CPU, then in ``cpu_ranks`` processes: more than one is
    for trying out how several train as one.  ``run_dir`` is the Ultralytics ``save_dir``.
    ``resume_from`` is a verified checkpoint or None.  ``threads`` bounds the CPU threads of torch.
    """

    attempt_id: int
    run_id: int
    run_dir: str
    spec: RunSpec
    model_path: str
    data_path: str
    gpu_count: int = Field(ge=0)
    cpu_ranks: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    resume_from: str | None = None

    @property
    def processes(self) -> int:
        """How many processes train as one."""
        return self.gpu_count or self.cpu_ranks


class Starting(Message):
    """First event, before anything slow is imported."""

    event: Literal["starting"] = "starting"
    at: Instant
    pid: int


class TrainStarted(Message):
    """The model and data are loaded; the first epoch begins."""

    event: Literal["train_started"] = "train_started"
    at: Instant
    epochs: int
    batches_per_epoch: int
    train_images: int
    device: str
    resumed_at_epoch: int | None = None


class EpochFinished(Message):
    """One epoch with its validation is over."""

    event: Literal["epoch_finished"] = "epoch_finished"
    progress: EpochProgress


class CheckpointSaved(Message):
    """A resumable checkpoint is safely on disk (written beside, synced, replaced)."""

    event: Literal["checkpoint_saved"] = "checkpoint_saved"
    at: Instant
    epoch: int
    path: str


class Warned(Message):
    """Something worth a line in the run's thread, such as a halved batch."""

    event: Literal["warned"] = "warned"
    at: Instant
    text: str = Field(max_length=500)


class StopRequested(Message):
    """The trainer has taken note of SIGTERM."""

    event: Literal["stop_requested"] = "stop_requested"
    at: Instant


class Ended(Message):
    """Last event. ``artifacts`` are file names below ``run_dir`` (``results.png`` and so on).

    ``batch_that_fits`` comes after an out-of-memory, in images, where one could be told.
    """

    event: Literal["ended"] = "ended"
    at: Instant
    cause: EndCause
    detail: str = Field(default="", max_length=2000)
    epochs_done: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    batch_that_fits: int | None = None


TrainerEvent = Annotated[
    Starting | TrainStarted | EpochFinished | CheckpointSaved | Warned | StopRequested | Ended,
    Field(discriminator="event"),
]

TRAINER_EVENT: TypeAdapter[TrainerEvent] = TypeAdapter(TrainerEvent)
