"""What is told about runs that go on, are tried again or start late; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class ContinuationPlanned(Notice):
    """The run of this reservation goes on in ``to_reservation_id`` once it has stopped here.

    ``reason`` is a `ContinuationReason`; ``approved`` is False while somebody has to approve it.
    """

    kind: ClassVar[str] = "continuation_planned"
    to_reservation_id: int
    reason: str
    starts_at: datetime
    ends_at: datetime
    gpu_names: tuple[str, ...]
    approved: bool = True
    by_slack_id: str = ""


@dataclass(frozen=True, slots=True)
class ContinuationDropped(Notice):
    """The run does not go on in ``to_reservation_id`` after all; ``why`` is half a sentence.

    ``run_over`` tells that the run itself has ended; otherwise it now ends where it is.
    """

    kind: ClassVar[str] = "continuation_dropped"
    to_reservation_id: int
    why: str
    run_over: bool
    holder_slack_id: str = ""


@dataclass(frozen=True, slots=True)
class RunHandedOn(Notice):
    """The run has stopped in ``from_reservation_id`` and goes on in this reservation."""

    kind: ClassVar[str] = "run_handed_on"
    from_reservation_id: int
    reason: str
    starts_at: datetime
    gpu_names: tuple[str, ...]
    epochs_done: int
    epochs: int


@dataclass(frozen=True, slots=True)
class RunRetries(Notice):
    """A run failed in a way that may pass, and is tried again at ``at``.

    It is retry ``number`` of ``most``; ``cause`` is an `EndCause`.
    """

    kind: ClassVar[str] = "run_retries"
    cause: str
    detail: str
    number: int
    most: int
    at: datetime
    host_name: str
    epochs_done: int
    epochs: int
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRetried(Notice):
    """Somebody lets a run be tried again, with another ``batch`` if one is given."""

    kind: ClassVar[str] = "run_retried"
    by_slack_id: str
    starts_at: datetime
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class StartUnconfirmed(Notice):
    """The host has not confirmed a start that was due at ``due_at``; Berth keeps trying."""

    kind: ClassVar[str] = "start_unconfirmed"
    holder_slack_id: str
    host_name: str
    host_online: bool
    last_seen_at: datetime
    due_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class HandoverWaits(Notice):
    """A reservation cannot start: a process of the one before is still on its GPUs.

    ``incident`` tells that it has been so for longer than may be.
    """

    kind: ClassVar[str] = "handover_waits"
    holder_slack_id: str
    before_id: int
    before_holder_slack_id: str
    gpu_names: tuple[str, ...]
    host_name: str
    host_online: bool
    due_at: datetime
    incident: bool


RUN_NOTICES: tuple[type[Notice], ...] = (
    ContinuationPlanned,
    ContinuationDropped,
    RunHandedOn,
    RunRetries,
    RunRetried,
    StartUnconfirmed,
    HandoverWaits,
)
