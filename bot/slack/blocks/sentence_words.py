"""How the pieces of a sentence are written: plain in the fields of a modal, mrkdwn in messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.domain.time_window import TimeWindow
from bot.slack.blocks.text import clip, person, safe, slack_date, window_text

WORD_CHARS = 60


@dataclass(frozen=True, slots=True)
class Sentence:
    """``says`` what is wrong and why, ``next_step`` what can be done now; complete sentences."""

    says: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.says} {self.next_step}"


class Words(ABC):
    """How the pieces of a sentence are written in one kind of place."""

    @abstractmethod
    def foreign(self, text: str) -> str:
        """Return what somebody wrote."""

    @abstractmethod
    def literal(self, text: str) -> str:
        """Return what is to be typed; it comes with backticks."""

    @abstractmethod
    def instant(self, instant: datetime) -> str:
        """Return a time in the reader's zone."""

    @abstractmethod
    def window(self, window: TimeWindow) -> str:
        """Return a window in the reader's zone."""

    @abstractmethod
    def person(self, slack_id: str, name: str) -> str:
        """Return a person."""


@dataclass(frozen=True, slots=True)
class PlainWords(Words):
    """For fields of a modal, in the reader's zone ``tz``."""

    tz: tzinfo

    def foreign(self, text: str) -> str:
        """Return what somebody wrote, on one short line."""
        return clip(" ".join(text.split()), WORD_CHARS)

    def literal(self, text: str) -> str:
        """Return what is to be typed."""
        return text.replace("`", "“", 1).replace("`", "”", 1) if text.count("`") == 2 else text

    def instant(self, instant: datetime) -> str:
        """Return a time in the reader's zone."""
        return instant.astimezone(self.tz).strftime("%a %d %b %H:%M")

    def window(self, window: TimeWindow) -> str:
        """Return a window in the reader's zone."""
        return f"{self.instant(window.start)} to {self.instant(window.end)}"

    def person(self, slack_id: str, name: str) -> str:
        """Return a person."""
        return self.foreign(name or slack_id)


@dataclass(frozen=True, slots=True)
class MrkdwnWords(Words):
    """For messages; ``tz`` is only for clients that cannot show dates."""

    tz: tzinfo

    def foreign(self, text: str) -> str:
        """Return what somebody wrote, on one short line."""
        return safe(text, WORD_CHARS)

    def literal(self, text: str) -> str:
        """Return what is to be typed."""
        return text

    def instant(self, instant: datetime) -> str:
        """Return a time in the reader's zone."""
        return slack_date(instant, self.tz)

    def window(self, window: TimeWindow) -> str:
        """Return a window in the reader's zone."""
        return window_text(window, self.tz)

    def person(self, slack_id: str, name: str) -> str:
        """Return a person."""
        return person(slack_id) if slack_id else safe(name, WORD_CHARS)
