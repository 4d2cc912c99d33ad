"""Faults on demand: the next calls of a method go wrong."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal["429", "500", "503", "slow", "reset_before", "reset_after"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call.

    Attributes:
        kind: a status code; `slow` (answers rightly after `delay_s`); or the connection is reset
            before the call is carried out, or after it was and before the answer.
        retry_after_s: the Retry-After header of a 429.
        delay_s: how late a slow answer is.
    """

    kind: FaultKind
    retry_after_s: int = 1
    delay_s: float = 1.0


class Faults:
    """Ordered faults per method. `response_url` and `upload` count as methods."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int) -> None:
        """Make the next `times` calls of a method go wrong.

        Raises:
            ValueError: for an unknown kind or a negative number of times.
        """
        if fault.kind not in get_args(FaultKind) or times < 0:
            raise ValueError(f"no such fault: {fault.kind} times {times}")
        self._waiting[method].extend([fault] * times)

    def waiting(self) -> dict[str, int]:
        """Return how many faults of each method no call has met yet."""
        return {method: len(faults) for method, faults in self._waiting.items() if faults}

    def take(self, method: str) -> Fault | None:
        """Return the fault of this call, if one is due."""
        waiting = self._waiting[method]
        return waiting.popleft() if waiting else None
