"""Who and what exists in the stand-in's workspace: people, channels, user groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bot.ports.clock import Clock
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import APP_ID, BOT_ID, BOT_USER_ID, TEAM_DOMAIN, TEAM_ID

TEAM: Json = {"id": TEAM_ID, "name": "Berth", "domain": TEAM_DOMAIN}


@dataclass
class Person:
    """A member of the workspace."""

    id: str
    name: str
    tz: str
    is_admin: bool = False
    is_bot: bool = False
    deleted: bool = False

    @property
    def real_name(self) -> str:
        """The name people read."""
        return self.name.title()


@dataclass
class Channel:
    """A channel, or the direct messages between one person and the bot."""

    id: str
    name: str
    members: set[str]
    user: str | None = None
    is_archived: bool = False

    @property
    def is_im(self) -> bool:
        """Whether this is a direct message conversation."""
        return self.user is not None

    @property
    def payload_name(self) -> str:
        """The name that commands and actions carry."""
        return "directmessage" if self.is_im else self.name


@dataclass(frozen=True)
class UserGroup:
    """A user group such as @vision-team."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = field(default_factory=tuple)


def _default_people() -> list[Person]:
    return [
        Person("U0ALICE", "alice", "Europe/Paris", is_admin=True),
        Person("U0BOB", "bob", "America/New_York"),
        Person("U0CAROL", "carol", "Asia/Tokyo"),
        Person("U0DAVE", "dave", "Europe/London"),
        Person(BOT_USER_ID, "berth", "UTC", is_bot=True),
    ]


def _default_channels() -> list[Channel]:
    humans = {"U0ALICE", "U0BOB", "U0CAROL", "U0DAVE"}
    return [
        Channel("C0GPU", "gpu", humans | {BOT_USER_ID}),
        Channel("C0VISION", "vision", {"U0ALICE", "U0BOB", BOT_USER_ID}),
        Channel("C0RANDOM", "random", set(humans)),
    ]


class Workspace:
    """People, channels and user groups, and their JSON as the Web API shows it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.people = {person.id: person for person in _default_people()}
        self.channels = {channel.id: channel for channel in _default_channels()}
        self.groups = (
            UserGroup("S0VISION", "vision-team", "Vision team", ("U0ALICE", "U0BOB")),
            UserGroup("S0NLP", "nlp-team", "NLP team", ("U0CAROL", "U0DAVE")),
        )
        for person in list(self.people.values()):
            if not person.is_bot:
                self.direct_channel(person.id)

    def person(self, user: str) -> Person:
        """Return a person.

        Raises:
            SlackError: `user_not_found`.
        """
        if user not in self.people:
            raise SlackError("user_not_found")
        return self.people[user]

    def direct_channel(self, user: str) -> Channel:
        """Return the direct messages between a person and the bot, opened if need be.

        Raises:
            SlackError: `user_not_found`, `cannot_dm_bot`.
        """
        if self.person(user).is_bot:
            raise SlackError("cannot_dm_bot")
        channel_id = f"D{user[1:]}"
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(channel_id, "", {user, BOT_USER_ID}, user=user)
        return self.channels[channel_id]

    def channel(self, channel_id: str) -> Channel:
        """Return a channel by its id.

        Raises:
            SlackError: `channel_not_found`.
        """
        if channel_id not in self.channels:
            raise SlackError("channel_not_found")
        return self.channels[channel_id]

    def destination(self, reference: str) -> Channel:
        """Return the channel that a message is to go to, and that the bot may write in.

        Args:
            reference: a channel id, a channel name with or without `#`, or a user id.

        Raises:
            SlackError: `channel_not_found`, `is_archived`, `not_in_channel`, `account_inactive`,
                `cannot_dm_bot`.
        """
        channel = self._resolve(reference)
        if channel.user is not None and self.people[channel.user].deleted:
            raise SlackError("account_inactive")
        if channel.is_archived:
            raise SlackError("is_archived")
        return self.readable(channel.id)

    def readable(self, channel_id: str) -> Channel:
        """Return a channel that the bot is a member of.

        Raises:
            SlackError: `channel_not_found`, `not_in_channel`.
        """
        channel = self.channel(channel_id)
        if BOT_USER_ID not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _resolve(self, reference: str) -> Channel:
        if reference in self.channels:
            return self.channels[reference]
        if reference in self.people:
            return self.direct_channel(reference)
        name = reference.removeprefix("#")
        for channel in self.channels.values():
            if name and channel.name == name:
                return channel
        raise SlackError("channel_not_found")

    def person_json(self, user: str) -> Json:
        """Return a user object. `tz_offset` is in seconds, for the present instant."""
        person = self.person(user)
        local = self._clock.now().astimezone(ZoneInfo(person.tz))
        offset = local.utcoffset()
        return {
            "id": person.id,
            "team_id": TEAM_ID,
            "name": person.name,
            "real_name": person.real_name,
            "deleted": person.deleted,
            "tz": person.tz,
            "tz_label": local.tzname(),
            "tz_offset": int(offset.total_seconds()) if offset is not None else 0,
            "is_admin": person.is_admin,
            "is_owner": False,
            "is_bot": person.is_bot,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "profile": self._profile(person),
        }

    def _profile(self, person: Person) -> Json:
        profile: Json = {"real_name": person.real_name, "display_name": person.name}
        if person.is_bot:
            return {**profile, "bot_id": BOT_ID, "api_app_id": APP_ID}
        return {**profile, "email": f"{person.name}@example.com"}

    def channel_json(self, channel: Channel) -> Json:
        """Return a conversation object as the bot sees it."""
        common: Json = {
            "id": channel.id,
            "is_archived": channel.is_archived,
            "is_im": channel.is_im,
            "is_mpim": False,
            "is_private": channel.is_im,
            "context_team_id": TEAM_ID,
        }
        if channel.is_im:
            return {**common, "user": channel.user, "is_channel": False}
        return {
            **common,
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": True,
            "is_member": BOT_USER_ID in channel.members,
            "num_members": len(channel.members),
        }

    def group_json(self, group: UserGroup, *, include_users: bool) -> Json:
        """Return a user group object."""
        body: Json = {
            "id": group.id,
            "team_id": TEAM_ID,
            "is_usergroup": True,
            "handle": group.handle,
            "name": group.name,
            "user_count": len(group.users),
            "date_delete": 0,
        }
        return {**body, "users": list(group.users)} if include_users else body
