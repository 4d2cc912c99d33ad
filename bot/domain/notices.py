"""What Berth tells in the thread of a card, or to one person: data, not yet sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, get_type_hints


@dataclass(frozen=True, slots=True)
class Notice:
    """Base of all notices. ``kind`` is stable: it is stored.

    ``broadcast`` tells whether the channel sees it too (start, preemption, completion, failure).
    """

    kind: ClassVar[str] = "notice"
    broadcast: ClassVar[bool] = False
    reservation_id: int


@dataclass(frozen=True, slots=True)
class RunStarted(Notice):
    """The trainer is running on its GPUs."""

    kind: ClassVar[str] = "run_started"
    run_id: int
    host_name: str
    gpu_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnded(Notice):
    """A run is over; ``state`` is a `RunState`, ``cause`` an `EndCause`."""

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


_KINDS: Mapping[str, type[Notice]] = {
    kind.kind: kind
    for kind in (
        RunStarted,
        RunEnded,
        ReservationReleased,
        ReservationChanged,
        EndsSoon,
        HostSilent,
        HostBack,
    )
}
ALL_NOTICES = tuple(_KINDS.values())


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
