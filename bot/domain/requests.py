"""What people ask for, once it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.priority import Priority
from bot.domain.run_spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A wish for GPUs.

    ``gpu_names`` (``gpu3`` or ``gpu3@host2``) wins over ``gpu_count`` when given.  ``start`` None
    means now.  ``preemptible`` None takes the priority's default.  ``request_key`` names the
    asking itself (a modal, a click): the same key books only once, whatever is delivered twice.
    """

    length: timedelta
    gpu_count: int = 1
    gpu_names: tuple[str, ...] = ()
    start: datetime | None = None
    priority: Priority = Priority.P2
    preemptible: bool | None = None
    run: TrainingSpec | None = None
    note: str = ""
    request_key: str | None = None
