"""Maintenance and other times at which hosts and GPUs are out of service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.views import ReservationView


@dataclass(frozen=True, slots=True)
class MaintenanceWish:
    """A wish to keep everybody off some GPUs, exactly as long as said.

    ``targets`` are names of hosts (all of their GPUs) and of GPUs.  ``start`` None means now.
    """

    targets: tuple[str, ...]
    length: timedelta
    start: datetime | None = None
    reason: str = ""
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What an outage did to reservations, by their numbers.

    ``moved`` went to other GPUs, ``asked`` need another window, ``shortened`` run until it begins,
    ``warned`` run on what is broken.
    """

    moved: tuple[int, ...] = ()
    asked: tuple[int, ...] = ()
    shortened: tuple[int, ...] = ()
    warned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    """Maintenance as it was planned, and what that did."""

    view: ReservationView
    effects: Effects


@dataclass(frozen=True, slots=True)
class Outages:
    """All that is out of service now or later: windows, drained hosts, broken and absent GPUs."""

    windows: tuple[ReservationView, ...]
    drained_hosts: tuple[str, ...]
    broken_gpus: tuple[str, ...]
    absent_gpus: tuple[str, ...]
