"""What administrators write: ``/gpu team …``, ``/gpu role …``, ``/gpu member …``; pure reading.

People, channels and user groups come as Slack writes them (``<@U…>``, ``<#C…|name>``,
``<!subteam^S…>``), as bare ids, or as typed (``@bob``, ``#vision``); a typed name has to be
looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from bot.domain.errors import UnknownPerson, UnreadableRequest
from bot.domain.people import Role
from bot.domain.priority import Priority
from bot.domain.teams import PALETTE, USUAL_PRIORITIES, TeamChange, colour_of
from bot.slack.tokens import clip_word, tokens_of

_PERSON = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^>]*)?>\Z|([UW][A-Z0-9]{2,30})\Z")
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]{1,30})(?:\|[^>]*)?>\Z|([CG][A-Z0-9]{2,30})\Z")
_GROUP = re.compile(r"<!subteam\^(S[A-Z0-9]{1,30})(?:\|[^>]*)?>\Z|(S[A-Z0-9]{2,30})\Z")
_TEAM_NAME = re.compile(r"[^\W_][\w .+-]{0,39}\Z")
_MOST_GPUS, _MOST_HOURS = 100_000, 10_000_000.0
_YES_OR_NO = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_VERBS = ("create", "set", "sync")
_SETTINGS = (
    "`gpus=8`, `hours=400`, `channel=#vision`, `approvals=#leads`, `colour=blue`, `group=@x`,"
    " `priority=p1`, `preemptible=no`"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A person, channel or user group: by id, or by a name that has to be looked up."""

    slack_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class TeamWish:
    """What ``/gpu team`` asks for; mentions by setting: ``channel``, ``approvals``, ``group``."""

    verb: str
    name: str
    change: TeamChange = field(default_factory=TeamChange)
    mentions: dict[str, Mention] = field(default_factory=dict)


def read_mention(text: str, kind: str) -> Mention:
    """Read a ``person``, ``channel`` or ``group``.

    Raises:
        UnknownPerson: a person is wanted and nobody is named.
        UnreadableRequest: the same for a channel or a group.
    """
    pattern = {"person": _PERSON, "channel": _CHANNEL, "group": _GROUP}[kind]
    word = text.strip().rstrip(",")
    if match := pattern.match(word):
        return Mention(slack_id=match[1] or match[2])
    name = word.lstrip("@#")
    if not name or not re.fullmatch(r"[\w.\- ]{1,80}", name):
        if kind == "person":
            raise UnknownPerson(clip_word(text))
        raise UnreadableRequest(clip_word(text), f"a {kind}, chosen from Slack's list")
    return Mention(name=name.lower())


def parse_team(text: str) -> TeamWish:
    """Read ``create vision channel=#vision``, ``set vision gpus=8 hours=400``, ``sync vision``.

    Raises:
        UnreadableRequest: a word fits nowhere, or something is missing.
    """
    words = [token.text for token in tokens_of(text)]
    verb = words[0].lower() if words else ""
    if verb not in _VERBS:
        raise UnreadableRequest(clip_word(verb), "`create`, `set` or `sync` and a team")
    if len(words) < 2 or not _TEAM_NAME.match(words[1]) or "=" in words[1]:
        raise UnreadableRequest(clip_word(" ".join(words[1:2])), "the name of a team")
    wish = TeamWish(verb, words[1])
    for word in words[2:]:
        if verb == "sync":
            raise UnreadableRequest(clip_word(word), "nothing after the name of the team")
        wish = _with_setting(wish, word)
    if verb == "set" and wish.change == TeamChange() and not wish.mentions:
        raise UnreadableRequest("", f"what to change: {_SETTINGS}")
    return wish


def _with_setting(wish: TeamWish, word: str) -> TeamWish:
    name, sign, value = word.partition("=")
    key = name.lower().replace("color", "colour")
    if not sign or not value:
        raise UnreadableRequest(clip_word(word), f"settings such as {_SETTINGS}")
    change = wish.change
    if key in ("channel", "approvals", "group"):
        kind = "group" if key == "group" else "channel"
        return replace(wish, mentions={**wish.mentions, key: read_mention(value, kind)})
    if key == "gpus":
        change = replace(change, gpus_at_once=int(_number(word, value, _MOST_GPUS)))
    elif key == "hours":
        change = replace(change, gpu_hours_per_week=_number(word, value, _MOST_HOURS))
    elif key in ("priority", "preemptible"):
        change = _with_default(change, word, key, value.lower())
    elif key == "colour":
        colour = colour_of(value)
        if colour is None:
            raise UnreadableRequest(clip_word(value), f"one of the colours {', '.join(PALETTE)}")
        change = replace(change, colour=colour)
    else:
        raise UnreadableRequest(clip_word(word), f"settings such as {_SETTINGS}")
    return replace(wish, change=change)


def _with_default(change: TeamChange, word: str, key: str, value: str) -> TeamChange:
    """Read what bookings of the team get that name no priority."""
    if key == "preemptible":
        if value not in _YES_OR_NO:
            raise UnreadableRequest(clip_word(word), "`preemptible=yes` or `preemptible=no`")
        return replace(change, preemptible=_YES_OR_NO[value])
    if value not in USUAL_PRIORITIES:
        raise UnreadableRequest(clip_word(word), "`p1` or `p2`: P0 is asked for by name")
    return replace(change, priority=Priority(value))


def _number(word: str, value: str, most: float) -> float:
    """Read a quota; ``none`` is 0, which takes it away."""
    if value.lower() in ("none", "off", "unlimited"):
        return 0
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most or (word.lower().startswith("gpus") and not number.is_integer()):
        raise UnreadableRequest(clip_word(word), "a number, or `none` for no limit")
    return number


def parse_role(text: str) -> tuple[Mention, Role]:
    """Read ``@bob lead``.

    Raises:
        UnknownPerson: nobody is named.
        UnreadableRequest: there is no such role.
    """
    who, _, role = text.strip().rpartition(" ")
    mention = read_mention(who or role, "person")
    if not who or role.lower() not in tuple(Role):
        roles = ", ".join(f"`{one.value}`" for one in Role)
        raise UnreadableRequest(clip_word(role if who else ""), f"a person and a role: {roles}")
    return mention, Role(role.lower())


def parse_member(text: str) -> tuple[Mention, str]:
    """Read ``@bob vision``.

    Raises:
        UnknownPerson: nobody is named.
        UnreadableRequest: no team is named.
    """
    words = [token.text for token in tokens_of(text)]
    if len(words) != 2:
        raise UnreadableRequest(clip_word(text.strip()), "a person and a team: `@bob vision`")
    return read_mention(words[0], "person"), words[1]
