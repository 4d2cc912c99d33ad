"""Errors of taking hosts and GPUs out of service; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.error_branches import NotAllowed, NotFound


class UnknownHostName(NotFound):
    """There is no host of that name; ``known`` are the names that there are."""

    code = "unknown_host_name"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name=name, known=tuple(known))
        self.name = name
        self.known = tuple(known)


class AdminsOnly(NotAllowed):
    """Only an admin of Berth may do this; ``what`` names it."""

    code = "admins_only"

    def __init__(self, what: str) -> None:
        super().__init__(what=what)
        self.what = what
