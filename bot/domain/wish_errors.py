"""Errors of wishes as they are written; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.error_branches import InvalidRequest


class UnknownCommand(InvalidRequest):
    """There is no such sub-command."""

    code = "unknown_command"

    def __init__(self, word: str, nearest: str | None) -> None:
        super().__init__(word=word, nearest=nearest)
        self.word = word
        self.nearest = nearest


class UnreadableTime(InvalidRequest):
    """A text that should be a time or a duration is neither."""

    code = "unreadable_time"

    def __init__(self, text: str) -> None:
        super().__init__(text=text)
        self.text = text


class UnreadableRequest(InvalidRequest):
    """A word of a one-line request fits nowhere, or something needed is missing."""

    code = "unreadable_request"

    def __init__(self, text: str, wanted: str) -> None:
        super().__init__(text=text, wanted=wanted)
        self.text = text
        self.wanted = wanted


class InvalidGpuCount(InvalidRequest):
    """The number of GPUs is not between 1 and what Berth knows of, of that type if one is given."""

    code = "invalid_gpu_count"

    def __init__(self, wanted: int, available: int, gpu_type: str | None = None) -> None:
        super().__init__(wanted=wanted, available=available, gpu_type=gpu_type)
        self.wanted = wanted
        self.available = available
        self.gpu_type = gpu_type


class UnknownGpu(InvalidRequest):
    """A GPU was named that does not exist."""

    code = "unknown_gpu"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name=name, known=tuple(known))
        self.name = name
        self.known = tuple(known)


class UnknownGpuType(InvalidRequest):
    """A type of GPU was named of which there is none; ``known`` are the types that there are."""

    code = "unknown_gpu_type"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name=name, known=tuple(known))
        self.name = name
        self.known = tuple(known)


class TextTooLong(InvalidRequest):
    """A text is longer than what can be kept; ``what`` names it, such as ``name``."""

    code = "text_too_long"

    def __init__(self, what: str, length_chars: int, most_chars: int) -> None:
        super().__init__(what=what, length_chars=length_chars, most_chars=most_chars)
        self.what = what
        self.length_chars = length_chars
        self.most_chars = most_chars
