"""Who comes first."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """P0 urgent production, P1 production, P2 research (default, preemptible)."""

    P0 = "p0"
    P1 = "p1"
    P2 = "p2"

    @property
    def preemptible_by_default(self) -> bool:
        """Tell whether such a reservation may be taken back unless its holder says otherwise."""
        return self is Priority.P2
