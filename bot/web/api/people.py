"""People and teams: who one is, what each team may have and has had, and administration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field, field_validator

from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.shares import Shares, TeamShare
from bot.domain.teams import PALETTE, USUAL_PRIORITIES, TeamChange, TeamView, colour_of
from bot.ports.use_cases import UseCaseRunner
from bot.services import roles, shares, teams
from bot.web.api.wishes import SlackUserId, Wish

TEAM_NAME = r"^[^\W_][\w .+\-]{0,39}$"
TeamName = Annotated[str, Path(min_length=1, max_length=60, description="case does not matter")]
PersonId = Annotated[str, Path(pattern=r"^[UW][A-Z0-9]{1,30}$", description="such as U0ALICE")]
ChannelId = Annotated[str, Field(pattern=r"^[CDG][A-Z0-9]{1,30}$", description="such as C0GPU")]
GroupId = Annotated[str, Field(pattern=r"^(S[A-Z0-9]{1,30})?$", description="empty: none")]


def _colour(text: str) -> str:
    """Return a colour of the palette.

    Raises:
        ValueError: it is none.
    """
    colour = colour_of(text)
    if colour is None:
        raise ValueError(f"must be one of {', '.join(PALETTE)}")
    return colour


Colour = Annotated[str, Field(max_length=16), AfterValidator(_colour)]


class TeamSettings(Wish):
    """What is to be different about a team; what is left out stays as it is."""

    channel_id: ChannelId | None = None
    approval_channel_id: ChannelId | None = None
    usergroup_id: GroupId | None = None
    colour: Colour | None = None
    gpus_at_once: int | None = Field(None, ge=0, le=100_000, description="0: no limit")
    gpu_hours_per_week: float | None = Field(
        None, ge=0, le=10_000_000, allow_inf_nan=False, description="0: no limit"
    )

    priority: Priority | None = Field(None, description="of bookings that name none: p1 or p2")
    preemptible: bool | None = Field(None, description="the mark of bookings that name no priority")

    @field_validator("priority")
    @classmethod
    def _usual(cls, priority: Priority | None) -> Priority | None:
        if priority is not None and priority not in USUAL_PRIORITIES:
            raise ValueError("must be p1 or p2: p0 is asked for by name")
        return priority

    def change(self) -> TeamChange:
        """Return the change for the services."""
        return TeamChange(
            channel_id=self.channel_id,
            approval_channel_id=self.approval_channel_id,
            colour=self.colour,
            usergroup_id=self.usergroup_id,
            gpus_at_once=self.gpus_at_once,
            gpu_hours_per_week=self.gpu_hours_per_week,
            priority=self.priority,
            preemptible=self.preemptible,
        )


class TeamWish(TeamSettings):
    """A new team."""

    name: str = Field(pattern=TEAM_NAME)


class RoleWish(Wish):
    """A role."""

    role: Role


class MembershipWish(Wish):
    """A team, by name."""

    team: str = Field(pattern=TEAM_NAME)


class PersonAnswer(BaseModel):
    """A member, with team and role."""

    slack_user_id: SlackUserId
    name: str
    role: Role
    team_name: str
    time_zone: str

    @classmethod
    def of(cls, member: Member) -> PersonAnswer:
        """Return the answer for a value."""
        return cls(
            slack_user_id=member.slack_user_id,
            name=member.name,
            role=member.role,
            team_name=member.team_name,
            time_zone=member.time_zone,
        )


class TeamMemberAnswer(BaseModel):
    """A person of a team."""

    slack_user_id: str
    name: str
    role: Role


class TeamAnswer(BaseModel):
    """A team; a quota of null is that of all teams."""

    name: str
    channel_id: str
    approval_channel_id: str
    usergroup_id: str
    colour: str
    gpus_at_once: int | None
    gpu_hours_per_week: float | None
    priority: Priority
    preemptible: bool
    members: list[TeamMemberAnswer]

    @classmethod
    def of(cls, view: TeamView) -> TeamAnswer:
        """Return the answer for a value."""
        return cls(
            name=view.name,
            channel_id=view.channel_id,
            approval_channel_id=view.approval_channel_id,
            usergroup_id=view.usergroup_id,
            colour=view.colour,
            gpus_at_once=view.gpus_at_once,
            gpu_hours_per_week=view.gpu_hours_per_week,
            priority=view.defaults.priority,
            preemptible=view.defaults.preemptible,
            members=[
                TeamMemberAnswer(slack_user_id=one.slack_user_id, name=one.name, role=one.role)
                for one in view.members
            ],
        )


class TeamList(BaseModel):
    """All teams, by name."""

    teams: list[TeamAnswer]


class ShareAnswer(BaseModel):
    """What a team has had and may have; `place` is where it would be served, from 1 on."""

    team_name: str
    gpus_at_once: int | None
    gpu_hours_per_week: float | None
    week_gpu_hours: float
    most_at_once: int
    recent_hours: float
    share: float
    place: int

    @classmethod
    def of(cls, share: TeamShare) -> ShareAnswer:
        """Return the answer for a value."""
        return cls(
            team_name=share.team_name,
            gpus_at_once=share.quota.gpus_at_once,
            gpu_hours_per_week=share.quota.gpu_hours_per_week,
            week_gpu_hours=share.week_gpu_hours,
            most_at_once=share.most_at_once,
            recent_hours=share.recent_hours,
            share=share.share,
            place=share.place,
        )


class SharesAnswer(BaseModel):
    """All teams, those who would be served first in front, and the one who asks."""

    week_starts_at: datetime
    teams: list[ShareAnswer]
    own_team_name: str
    own_week_gpu_hours: float
    own_recent_hours: float

    @classmethod
    def of(cls, told: Shares) -> SharesAnswer:
        """Return the answer for a value."""
        return cls(
            week_starts_at=told.week.start,
            teams=[ShareAnswer.of(team) for team in told.teams],
            own_team_name=told.own_team_name,
            own_week_gpu_hours=told.own_week_gpu_hours,
            own_recent_hours=told.own_recent_hours,
        )


def people_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes about people and what their teams have."""
    router = APIRouter(tags=["people"])

    @router.get("/me", summary="Who the token acts as")
    async def me(member: Member = door) -> PersonAnswer:
        return PersonAnswer.of(member)

    @router.get("/shares", summary="What each team has had and may have, and who goes first")
    async def all_shares(member: Member = door) -> SharesAnswer:
        return SharesAnswer.of(await run(shares.shares, member))

    @router.put("/members/{person}/role", summary="Give a person a role")
    async def set_role(person: PersonId, wish: RoleWish, member: Member = door) -> PersonAnswer:
        return PersonAnswer.of(await run(roles.set_role, member, person, wish.role))

    @router.put("/members/{person}/team", summary="Bring a person into a team")
    async def move(person: PersonId, wish: MembershipWish, member: Member = door) -> PersonAnswer:
        return PersonAnswer.of(await run(roles.move, member, person, wish.team))

    return router


def team_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of teams."""
    router = APIRouter(prefix="/teams", tags=["people"])

    @router.get("", dependencies=[door], summary="All teams: people, channels, limits")
    async def listed() -> TeamList:
        return TeamList(teams=[TeamAnswer.of(one) for one in await run(teams.list_teams)])

    @router.post("", status_code=201, summary="Make a team")
    async def create(wish: TeamWish, member: Member = door) -> TeamAnswer:
        return TeamAnswer.of(await run(teams.create, member, wish.name, wish.change()))

    @router.patch("/{name}", summary="Change a team")
    async def change(name: TeamName, wish: TeamSettings, member: Member = door) -> TeamAnswer:
        return TeamAnswer.of(await run(teams.change, member, name, wish.change()))

    return router
