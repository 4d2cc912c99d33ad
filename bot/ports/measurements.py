"""What a process counts of itself while it works, told at its edges."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Measurements(ABC):
    """Takes note of what happened; never raises, and may be called from any thread."""

    @abstractmethod
    def use_case_done(self, name: str, duration_s: float, refusal: str | None = None) -> None:
        """A use case came to its end; ``refusal`` is the code of the error that it raised."""

    @abstractmethod
    def use_case_failed(self, name: str, duration_s: float) -> None:
        """A use case raised something that nobody has anticipated."""

    @abstractmethod
    def transaction_retried(self, reason: str) -> None:
        """A transaction lost a race in the database and is run again."""

    @abstractmethod
    def slack_acknowledged(self, listener: str, duration_s: float) -> None:
        """A listener acknowledged, so long after the request had come in."""

    @abstractmethod
    def http_answered(self, method: str, route: str, status: int, duration_s: float) -> None:
        """A request was answered; ``route`` is its template, not its address."""


class NoMeasurements(Measurements):
    """Counts nothing: for tests, and where nobody asks."""

    def use_case_done(self, name: str, duration_s: float, refusal: str | None = None) -> None:
        """Count nothing."""

    def use_case_failed(self, name: str, duration_s: float) -> None:
        """Count nothing."""

    def transaction_retried(self, reason: str) -> None:
        """Count nothing."""

    def slack_acknowledged(self, listener: str, duration_s: float) -> None:
        """Count nothing."""

    def http_answered(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count nothing."""


NO_MEASUREMENTS = NoMeasurements()
