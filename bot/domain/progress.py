"""How far a run is, and how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

RECENT_EPOCHS = 5
LONGEST_FORECAST_S = timedelta(days=3650).total_seconds()


@dataclass(frozen=True, slots=True)
class Progress:
    """``epoch`` of ``epochs`` are done; ``left`` is None until there is something to go by."""

    epoch: int
    epochs: int
    left: timedelta | None

    @property
    def fraction(self) -> float:
        """Part of the epochs done, 0 to 1."""
        return self.epoch / self.epochs if self.epochs else 0.0


def estimate_progress(epochs: int, epoch_seconds: Sequence[float]) -> Progress:
    """Estimate from the duration of each finished epoch, in seconds, oldest first.

    The median of the last few epochs is used, and the first is left out as soon as there is
    another: it pays for warm-up and caching.
    """
    done = len(epoch_seconds)
    if not done:
        return Progress(0, epochs, None)
    usable = epoch_seconds[1:] or epoch_seconds
    seconds = median(usable[-RECENT_EPOCHS:])
    left_s = min(seconds * max(0, epochs - done), LONGEST_FORECAST_S)
    return Progress(done, epochs, timedelta(seconds=left_s))
