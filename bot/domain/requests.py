"""What people ask for, once it has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.priority import Priority
from bot.domain.run_spec import TrainingSpec
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A wish for GPUs.

    ``gpu_names`` (``gpu3`` or ``gpu3@host2``) wins over ``gpu_count`` and ``gpu_type`` when given.
    ``gpu_type`` is a word such as ``a100`` (`bot.domain.gpu_types`), None for any.  ``start`` None
    means now.  ``priority`` None takes the team's usual one with the team's mark; ``preemptible``
    None with a priority takes the priority's default.  ``request_key`` names the
    asking itself (a modal, a click): the same key books only once, whatever is delivered twice.
    With ``second`` the run is booked in two parts: it stops at the end of the first window and
    goes on in that one.
    """

    length: timedelta
    gpu_count: int = 1
    gpu_names: tuple[str, ...] = ()
    start: datetime | None = None
    priority: Priority | None = None
    preemptible: bool | None = None
    run: TrainingSpec | None = None
    note: str = ""
    request_key: str | None = None
    gpu_type: str | None = None
    second: TimeWindow | None = None

    @property
    def rank(self) -> Priority:
        """The priority; research as long as none is named and the team was not asked."""
        return self.priority or Priority.P2

    @property
    def in_one(self) -> ReserveRequest:
        """The same wish for a single window, as long as both parts together."""
        if self.second is None:
            return self
        return replace(self, length=self.length + self.second.length, second=None)


def request_to_json(request: ReserveRequest) -> dict[str, Any]:
    """Return a request as it is kept; what it was asked by (``request_key``) is left out."""
    return {
        "v": 1,
        "length_s": request.length.total_seconds(),
        "gpu_count": request.gpu_count,
        "gpu_names": list(request.gpu_names),
        "gpu_type": request.gpu_type,
        "start": request.start.isoformat() if request.start else None,
        "priority": request.priority.value if request.priority else None,
        "preemptible": request.preemptible,
        "run": asdict(request.run) if request.run else None,
        "note": request.note,
    }


def request_from_json(kept: Mapping[str, Any]) -> ReserveRequest:
    """Return the request that `request_to_json` kept."""
    return ReserveRequest(
        length=timedelta(seconds=kept["length_s"]),
        gpu_count=kept["gpu_count"],
        gpu_names=tuple(kept["gpu_names"]),
        gpu_type=kept.get("gpu_type"),
        start=datetime.fromisoformat(kept["start"]) if kept["start"] else None,
        priority=Priority(kept["priority"]) if kept["priority"] else None,
        preemptible=kept["preemptible"],
        run=TrainingSpec(**kept["run"]) if kept["run"] else None,
        note=kept["note"],
    )
