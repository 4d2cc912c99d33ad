"""Incidents: what goes wrong with hosts and GPUs, when it is told, and when it is over.

Pure rules with hysteresis: something has to be bad for a while before anybody hears of it, and
fine for a while before it counts as over; each time it comes back it has to be fine for twice as
long.  What swings around a threshold is therefore told of a few times a day, not all day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class IncidentKind(StrEnum):
    """What can go wrong; those of a GPU and those of a host."""

    TOO_HOT = "too_hot"
    GPU_MEMORY_NEARLY_FULL = "gpu_memory_nearly_full"
    XID = "xid"
    ECC = "ecc"
    GPU_LOST = "gpu_lost"
    HOST_LOST = "host_lost"
    HOST_MEMORY_NEARLY_FULL = "host_memory_nearly_full"
    DISK_NEARLY_FULL = "disk_nearly_full"


class IncidentState(StrEnum):
    """Where an incident is; only what is open was told."""

    SUSPECTED = "suspected"
    """Bad, but not yet for long enough."""
    OPEN = "open"
    CLEARING = "clearing"
    """Open, and fine for now."""
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Tell whether people are told that it goes on."""
        return self in (IncidentState.OPEN, IncidentState.CLEARING)


class Signal(StrEnum):
    """What one reading says: bad, fine, between the two thresholds, or nothing."""

    BAD = "bad"
    BETWEEN = "between"
    FINE = "fine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From ``bad`` on it is bad, and fine again only from ``fine`` on.

    Which side is the bad one follows from their order: 90 and 85 warn of what is high, 5 and 10 of
    what is low.
    """

    bad: float
    fine: float

    def moved_to(self, bad: float) -> Threshold:
        """Return the same distance between bad and fine, elsewhere."""
        return Threshold(bad, bad + self.fine - self.bad)

    def judge(self, value: float | None) -> Signal:
        """Return what a value says; None says nothing."""
        if value is None:
            return Signal.UNKNOWN
        sign = 1 if self.bad > self.fine else -1
        if sign * value >= sign * self.bad:
            return Signal.BAD
        return Signal.FINE if sign * value <= sign * self.fine else Signal.BETWEEN


@dataclass(frozen=True, slots=True)
class IncidentPolicy:
    """The numbers of incidents.

    Something opens after ``opens_after`` of being bad, and resolves after ``resolves_after`` of
    being fine; twice as long each time that it comes back within ``same_within``, up to
    ``longest_calm``.  An error that happens once (Xid, ECC) opens at once and resolves when
    ``quiet_for`` has passed without another.  A pause in the readings of more than ``gap`` counts
    for neither.
    """

    hot_c: Threshold = Threshold(88.0, 82.0)
    gpu_memory_percent: Threshold = Threshold(98.0, 95.0)
    host_memory_available_percent: Threshold = Threshold(4.0, 8.0)
    disk_free_percent: Threshold = Threshold(5.0, 8.0)
    opens_after: timedelta = timedelta(seconds=30)
    resolves_after: timedelta = timedelta(minutes=2)
    quiet_for: timedelta = timedelta(hours=1)
    same_within: timedelta = timedelta(hours=12)
    longest_calm: timedelta = timedelta(hours=4)
    gap: timedelta = timedelta(minutes=1)

    def opens(self, kind: IncidentKind) -> timedelta:
        """Return how long something must be bad before it is told."""
        return timedelta(0) if kind in AT_ONCE else self.opens_after

    def resolves(self, kind: IncidentKind, times: int) -> timedelta:
        """Return how long it must be fine before it is over, opened for the ``times``-th time."""
        calm = self.quiet_for if kind in EVENTS else self.resolves_after
        doubled = calm * (1 << min(max(times - 1, 0), 16))
        return min(doubled, max(calm, self.longest_calm))


DEFAULT_INCIDENT_POLICY = IncidentPolicy()


def incident_policy(
    hot_c: float,
    gpu_memory_percent: float,
    host_memory_free_percent: float,
    disk_free_percent: float,
) -> IncidentPolicy:
    """Return the policy with other thresholds; each is fine again as far from it as by default."""
    default = DEFAULT_INCIDENT_POLICY
    return replace(
        default,
        hot_c=default.hot_c.moved_to(hot_c),
        gpu_memory_percent=default.gpu_memory_percent.moved_to(gpu_memory_percent),
        host_memory_available_percent=default.host_memory_available_percent.moved_to(
            host_memory_free_percent
        ),
        disk_free_percent=default.disk_free_percent.moved_to(disk_free_percent),
    )


EVENTS = frozenset({IncidentKind.XID, IncidentKind.ECC})
"""Errors that happen at an instant; all others are conditions that last."""

AT_ONCE = EVENTS | {IncidentKind.GPU_LOST, IncidentKind.HOST_LOST}
"""What is told at once: it happened, or somebody has waited before saying so."""

OF_HOSTS = frozenset(
    {
        IncidentKind.HOST_LOST,
        IncidentKind.HOST_MEMORY_NEARLY_FULL,
        IncidentKind.DISK_NEARLY_FULL,
    }
)


@dataclass(frozen=True, slots=True)
class Watch:
    """How things stand with one kind of trouble of one GPU or host.

    ``since`` is when the state, or the calm in it, began; ``seen_at`` the last reading that said
    anything; ``times`` how often it has opened.
    """

    state: IncidentState
    since: datetime
    seen_at: datetime
    times: int = 0


def step(
    watch: Watch | None, kind: IncidentKind, signal: Signal, now: datetime, policy: IncidentPolicy
) -> Watch | None:
    """Return how things stand after one more reading; None where there is nothing to watch.

    The reading must not be older than the one before it.
    """
    if signal is Signal.UNKNOWN:
        return watch
    if watch is None or (watch.state is IncidentState.RESOLVED and signal is Signal.BAD):
        return _begin(watch, kind, signal, now, policy)
    if watch.state is IncidentState.RESOLVED:
        return watch
    if now - watch.seen_at > policy.gap:
        watch = replace(watch, since=now)
    watch = replace(watch, seen_at=now)
    if watch.state is IncidentState.SUSPECTED:
        return _suspected(watch, kind, signal, now, policy)
    return _open(watch, kind, signal, now, policy)


def _begin(
    before: Watch | None, kind: IncidentKind, signal: Signal, now: datetime, policy: IncidentPolicy
) -> Watch | None:
    if signal is not Signal.BAD:
        return None
    times = before.times if before and now - before.since <= policy.same_within else 0
    return _suspected(Watch(IncidentState.SUSPECTED, now, now, times), kind, signal, now, policy)


def _suspected(
    watch: Watch, kind: IncidentKind, signal: Signal, now: datetime, policy: IncidentPolicy
) -> Watch | None:
    if signal is not Signal.BAD:
        # What was told of before stays known, so that it is the same when it comes back.
        return replace(watch, state=IncidentState.RESOLVED, since=now) if watch.times else None
    if now - watch.since >= policy.opens(kind):
        return Watch(IncidentState.OPEN, now, now, watch.times + 1)
    return watch


def _open(
    watch: Watch, kind: IncidentKind, signal: Signal, now: datetime, policy: IncidentPolicy
) -> Watch:
    if signal is not Signal.FINE:
        state = IncidentState.OPEN
        return watch if watch.state is state else replace(watch, state=state, since=now)
    if watch.state is IncidentState.OPEN:
        return replace(watch, state=IncidentState.CLEARING, since=now)
    if now - watch.since >= policy.resolves(kind, watch.times):
        return replace(watch, state=IncidentState.RESOLVED, since=now)
    return watch


def new_event(kind: IncidentKind, value: int | None, mark: int | None) -> Signal:
    """Tell whether a counter or a code shows an error that has not been taken in yet.

    Args:
        kind: Xid codes are news when they differ, ECC counts when they grow.
        value: what the device says now; None where it says nothing.
        mark: what it said when it was taken in last.
    """
    if value is None or (kind is IncidentKind.ECC and value == 0):
        return Signal.FINE
    if kind is IncidentKind.ECC:
        return Signal.BAD if value > (mark or 0) else Signal.FINE
    return Signal.BAD if value != mark else Signal.FINE


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the GPU now, and by which reservation."""

    slack_id: str
    reservation_id: int


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as it is shown.

    ``value`` is what was measured last and ``worst`` the worst of it, in the unit of its kind:
    degrees Celsius, per cent, a count of errors, or an Xid code.
    """

    incident_id: int
    version: int
    kind: IncidentKind
    state: IncidentState
    host_name: str
    gpu_name: str
    gpu_uuid: str
    value: float | None
    worst: float | None
    times: int
    opened_at: datetime
    resolved_at: datetime | None = None
    last_seen_at: datetime | None = None
    holders: Sequence[Holder] = ()
    acknowledged_by_slack_id: str = ""
    acknowledged_at: datetime | None = None

    @property
    def place(self) -> str:
        """What it is about: the GPU by name, or the host."""
        return self.gpu_name or self.host_name


def worst_of(kind: IncidentKind, before: float | None, value: float | None) -> float | None:
    """Return the worse of two values of a kind: the larger, and the smaller where little is bad."""
    if before is None or value is None:
        return value if before is None else before
    if kind is IncidentKind.XID:
        return value
    low = kind in (IncidentKind.DISK_NEARLY_FULL, IncidentKind.HOST_MEMORY_NEARLY_FULL)
    return min(before, value) if low else max(before, value)
