"""What Berth tells in the thread of a card, or to one person: data, not yet sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, get_type_hints

from bot.domain.delivery_notices import DELIVERY_NOTICES
from bot.domain.forecast_notices import FORECAST_NOTICES
from bot.domain.incident_notices import INCIDENT_NOTICES
from bot.domain.notice_base import Notice
from bot.domain.outage_notices import OUTAGE_NOTICES
from bot.domain.overrun_notices import OVERRUN_NOTICES
from bot.domain.preemption_notices import PREEMPTION_NOTICES
from bot.domain.run_notices import RUN_NOTICES
from bot.domain.series_notices import OccurrenceMissed
from bot.domain.usage_notices import USAGE_NOTICES

__all__ = ["Notice"]


@dataclass(frozen=True, slots=True)
class RunStarted(Notice):
    """The trainer is running on its GPUs."""

    kind: ClassVar[str] = "run_started"
    broadcast: ClassVar[bool] = True
    run_id: int
    host_name: str
    gpu_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnded(Notice):
    """A run is over; ``state`` is a `RunState`, ``cause`` an `EndCause`.

    ``not_retried`` says why a failed one is not tried again by itself: a `NotRetried`, after
    ``tries`` failures in a row.  ``batch_that_fits`` is what would have fitted into the memory.
    """

    kind: ClassVar[str] = "run_ended"
    broadcast: ClassVar[bool] = True
    run_id: int
    state: str
    cause: str
    detail: str = ""
    log_tail: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs_done: int = 0
    epochs: int = 0
    duration_s: float | None = None
    not_retried: str = ""
    tries: int = 0
    batch: int = 0
    batch_that_fits: int | None = None
    reservation_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReservationReleased(Notice):
    """Given back before its end, or cancelled before its start."""

    kind: ClassVar[str] = "reservation_released"
    by_slack_id: str
    reason: str
    was_running: bool


@dataclass(frozen=True, slots=True)
class ReservationChanged(Notice):
    """The window is another one; ``change`` is ``extended``, ``shortened`` or ``moved``."""

    kind: ClassVar[str] = "reservation_changed"
    by_slack_id: str
    change: str
    starts_at: datetime
    ends_at: datetime
    old_starts_at: datetime
    old_ends_at: datetime


@dataclass(frozen=True, slots=True)
class EndsSoon(Notice):
    """The reservation ends in ``minutes``."""

    kind: ClassVar[str] = "ends_soon"
    holder_slack_id: str
    minutes: int
    ends_at: datetime
    run_finishes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HostSilent(Notice):
    """The host of a running run has stopped reporting; the run may well go on."""

    kind: ClassVar[str] = "host_silent"
    host_name: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class HostBack(Notice):
    """The host reports again."""

    kind: ClassVar[str] = "host_back"
    host_name: str


@dataclass(frozen=True, slots=True)
class ApprovalAsked(Notice):
    """A reservation waits for a lead or an admin until ``expires_at``.

    ``rules`` are those that it breaks, as `bot.domain.limits.rules_to_texts` writes them;
    ``with_buttons`` tells that it is decided here, and not on the card.  For a series it stands for
    all its ``occurrences`` that break a rule, of ``gpu_hours`` in all, until ``last_ends_at``; the
    reservation is the first of them.
    """

    kind: ClassVar[str] = "approval_asked"
    approval_id: int
    holder_slack_id: str
    team_name: str
    gpu_count: int
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime
    rules: tuple[str, ...]
    approver_slack_ids: tuple[str, ...] = ()
    note: str = ""
    with_buttons: bool = False
    occurrences: int = 1
    gpu_hours: float = 0.0
    last_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApprovalDecided(Notice):
    """A request was approved or declined, or nobody has answered it; ``state`` an `OfferState`."""

    kind: ClassVar[str] = "approval_decided"
    holder_slack_id: str
    state: str
    by_slack_id: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    gpu_count: int
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class WindowOffered(Notice):
    """A window that the member waited for is free, and held for them until ``answer_by``."""

    kind: ClassVar[str] = "window_offered"
    wait_id: int
    gpu_names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    answer_by: datetime
    trains: bool = False


@dataclass(frozen=True, slots=True)
class WaitEnded(Notice):
    """A place on the waitlist or in the queue is over.

    ``why``: ``silence`` after an offer, the window has ``begun``, it waited too ``long`` for a time
    that is not set, or a job was ``queued`` for too long.  ``reservation_id`` is what has the GPUs,
    0 where nobody holds anything; ``waited_s`` how long it waited, in seconds.
    """

    kind: ClassVar[str] = "wait_ended"
    wait_id: int
    why: str
    gpu_count: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JobDispatched(Notice):
    """A job of the queue starts now, and is stopped at ``stops_at`` if it is not done by then."""

    kind: ClassVar[str] = "job_dispatched"
    wait_id: int
    gpu_names: tuple[str, ...]
    stops_at: datetime


@dataclass(frozen=True, slots=True)
class TransferOffered(Notice):
    """Somebody wants to hand the reservation to the reader, who decides."""

    kind: ClassVar[str] = "transfer_offered"
    transfer_id: int
    from_slack_id: str
    gpu_names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class TransferDecided(Notice):
    """What came of an offer; ``state`` is an `OfferState`."""

    kind: ClassVar[str] = "transfer_decided"
    transfer_id: int
    from_slack_id: str
    to_slack_id: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapProposed(Notice):
    """Somebody wants to exchange windows and GPUs with the reader, who decides.

    ``their_…`` is what the reader would get, ``your_…`` what they would give; the versions are
    those of the two reservations as they are told of here.
    """

    kind: ClassVar[str] = "swap_proposed"
    swap_id: int
    from_slack_id: str
    their_reservation_id: int
    their_version: int
    your_version: int
    their_gpu_names: tuple[str, ...]
    their_starts_at: datetime
    their_ends_at: datetime
    your_gpu_names: tuple[str, ...]
    your_starts_at: datetime
    your_ends_at: datetime
    expires_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapDecided(Notice):
    """What came of a proposal, told at one of the two reservations; ``state`` an `OfferState`."""

    kind: ClassVar[str] = "swap_decided"
    swap_id: int
    other_reservation_id: int
    other_slack_id: str
    state: str
    reason: str = ""
    by_slack_id: str = ""


ALL_NOTICES: tuple[type[Notice], ...] = (
    RunStarted,
    RunEnded,
    ReservationReleased,
    ReservationChanged,
    EndsSoon,
    HostSilent,
    HostBack,
    ApprovalAsked,
    ApprovalDecided,
    WindowOffered,
    WaitEnded,
    JobDispatched,
    TransferOffered,
    TransferDecided,
    SwapProposed,
    SwapDecided,
    OccurrenceMissed,
    *DELIVERY_NOTICES,
    *FORECAST_NOTICES,
    *INCIDENT_NOTICES,
    *OUTAGE_NOTICES,
    *OVERRUN_NOTICES,
    *PREEMPTION_NOTICES,
    *RUN_NOTICES,
    *USAGE_NOTICES,
)
_KINDS: Mapping[str, type[Notice]] = {kind.kind: kind for kind in ALL_NOTICES}


def notice_to_json(notice: Notice) -> dict[str, object]:
    """Return a notice as plain JSON values, with its kind and the version of the form."""
    values = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(notice).items()
    }
    return {"v": 1, "kind": notice.kind, **values}


def notice_from_json(payload: Mapping[str, object]) -> Notice:
    """Return the notice that `notice_to_json` wrote; fields of a newer release are ignored.

    Raises:
        ValueError: the kind is unknown, or something is missing that it cannot do without.
    """
    kind = _KINDS.get(str(payload.get("kind")))
    if kind is None:
        raise ValueError(f"unknown notice: {payload.get('kind')!r}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {
        known.name: _restore(payload[known.name], str(hints[known.name]))
        for known in fields(kind)
        if known.name in payload
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"incomplete notice: {error}") from error


def _restore(value: object, hint: str) -> object:
    if isinstance(value, list) and "tuple" in hint:
        return tuple(value)
    if isinstance(value, str) and "datetime" in hint:
        return datetime.fromisoformat(value)
    return value
