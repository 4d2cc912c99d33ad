"""Errors of people, roles and teams; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.error_branches import Conflict, NotAllowed, NotFound


class UnknownTeam(NotFound):
    """There is no team of that name; carries the names that there are."""

    code = "unknown_team"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name=name, known=tuple(known))
        self.name = name
        self.known = tuple(known)


class UnknownPerson(NotFound):
    """No person, or more than one, goes by that name."""

    code = "unknown_person"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name


class NotPermitted(NotAllowed):
    """The role of the one who asks does not allow it.

    ``action`` is what was asked for (``book``, ``teams``, ``roles``, ``members``), ``role`` theirs.
    """

    code = "not_permitted"

    def __init__(self, action: str, role: str) -> None:
        super().__init__(action=action, role=role)
        self.action = action
        self.role = role


class TeamExists(Conflict):
    """There is a team of that name already."""

    code = "team_exists"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name


class LastAdmin(Conflict):
    """Without this admin there would be none left."""

    code = "last_admin"


class NoUserGroup(Conflict):
    """The team's members are not taken from a Slack user group, so there is nothing to bring in."""

    code = "no_user_group"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name
