"""How far a run is, and how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.forecast import EPOCHS_TO_JUDGE, RECENT_EPOCHS, Span, forecast_left

__all__ = ["RECENT_EPOCHS", "Progress", "estimate_progress", "progress_of_attempts"]


@dataclass(frozen=True, slots=True)
class Progress:
    """``epoch`` of ``epochs`` are done; ``left`` is None until there is something to go by.

    ``left_low`` and ``left_high`` are the ends of its range (see `bot.domain.forecast`), and
    ``judged_by`` how many epochs it goes by.
    """

    epoch: int
    epochs: int
    left: timedelta | None
    left_low: timedelta | None = None
    left_high: timedelta | None = None
    judged_by: int = 0

    @property
    def fraction(self) -> float:
        """Part of the epochs done, 0 to 1."""
        return self.epoch / self.epochs if self.epochs else 0.0

    @property
    def range_left(self) -> Span | None:
        """What is left with its range; None until there is something to go by."""
        if self.left is None:
            return None
        low = self.left if self.left_low is None else self.left_low
        high = self.left if self.left_high is None else self.left_high
        return Span(low, self.left, high)


def estimate_progress(epochs: int, epoch_seconds: Sequence[float]) -> Progress:
    """Estimate from the duration of each epoch of one attempt, in seconds, oldest first."""
    return progress_of_attempts(epochs, [epoch_seconds], len(epoch_seconds))


def progress_of_attempts(epochs: int, attempts: Sequence[Sequence[float]], done: int) -> Progress:
    """Estimate from the durations of the finished epochs of each attempt, in seconds.

    The first epoch of every attempt is left out as soon as there is another: it pays for warm-up
    and caching.  ``done`` is the number of the last finished epoch, which a run that resumed from
    an older checkpoint reaches with more epochs than that.
    """
    newest = list(attempts[-1][1:]) if attempts else []
    everything = [each for attempt in attempts for each in attempt[1:]]
    # Another attempt may run on other GPUs: it is judged by itself as soon as that can be.
    usable = newest if len(newest) >= EPOCHS_TO_JUDGE else everything
    judged_by = usable or [each for attempt in attempts for each in attempt[:1]]
    if not judged_by:
        return Progress(done, epochs, None)
    left = forecast_left(epochs - done, judged_by, epochs)
    return Progress(done, epochs, left.likely, left.low, left.high, len(judged_by))
