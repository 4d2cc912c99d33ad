"""How long to wait before asking again."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Doubling waits with full jitter below a ceiling, so that a fleet does not return at once."""

    def __init__(
        self,
        first_s: float = 0.5,
        ceiling_s: float = 30.0,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._ceiling_s = ceiling_s
        self._draw = draw
        self._failures = 0

    def reset(self) -> None:
        """Begin again with short waits."""
        self._failures = 0

    def next_wait_s(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest_s = min(self._ceiling_s, self._first_s * 2 ** min(self._failures, 16))
        self._failures += 1
        return self._draw(longest_s / 2, longest_s)
