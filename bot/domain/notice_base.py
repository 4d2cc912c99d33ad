"""The base of all notices, apart from them so that they can stand in modules of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Notice:
    """Base of all notices. ``kind`` is stable: it is stored.

    ``broadcast`` tells whether the channel sees it too (start, preemption, completion, failure).
    """

    kind: ClassVar[str] = "notice"
    broadcast: ClassVar[bool] = False
    reservation_id: int

    @property
    def stands_as(self) -> str:
        """The name of the direct message that it stands in: the next of that name edits it.

        Empty where each is a message of its own.
        """
        return ""
