"""Members, teams and what their roles allow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """From reading only to everything."""

    VIEWER = "viewer"
    MEMBER = "member"
    LEAD = "lead"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Member:
    """Who acts. ``time_zone`` is an IANA name, as Slack tells it."""

    member_id: int
    slack_user_id: str
    name: str
    team_id: int
    team_name: str
    role: Role
    time_zone: str

    def may_change(self, *, holder_member_id: int, team_id: int) -> bool:
        """Tell whether this member may change a reservation of that holder and team."""
        if self.role is Role.ADMIN or self.member_id == holder_member_id:
            return True
        return self.role is Role.LEAD and self.team_id == team_id
