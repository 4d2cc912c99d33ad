"""People, channels and links as Slack writes them into a command's text.

With ``should_escape`` Slack turns ``@bob`` into ``<@U123|bob>``, ``#gpu`` into ``<#C123|gpu>`` and
addresses into ``<https://…>``.
https://docs.slack.dev/interactivity/implementing-slash-commands#escaping
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.domain.errors import UnreadableRequest

_PERSON = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|([^<>]*))?>")
_BARE_NAME = re.compile(r"@([^\s@<>]{1,80})")
_CHANNEL = re.compile(r"<#C[A-Z0-9]{1,30}(?:\|([^<>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^<>|\s]*)(?:\|([^<>]*))?>")
_WORD_CHARS = 60


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A person: by id where Slack has told it, else by the name that was written."""

    slack_user_id: str = ""
    name: str = ""


def leading_person(text: str) -> tuple[Mentioned, str]:
    """Return the person whom ``text`` begins with, and what follows.

    Raises:
        UnreadableRequest: it begins with something else.
    """
    found = _PERSON.match(text)
    if found is not None:
        return Mentioned(found[1], found[2] or ""), text[found.end() :].strip()
    bare = _BARE_NAME.match(text)
    if bare is not None:
        return Mentioned(name=bare[1].rstrip(",.:;")), text[bare.end() :].strip()
    raise UnreadableRequest(text.split(maxsplit=1)[0][:_WORD_CHARS], "a person, such as `@bob`")


def without_markup(text: str) -> str:
    """Return a text as its writer saw it: names instead of ids, links without brackets."""
    text = _PERSON.sub(lambda found: f"@{found[2] or found[1]}", text)
    text = _CHANNEL.sub(lambda found: f"#{found[1] or 'channel'}", text)
    return _LINK.sub(lambda found: found[2] or found[1], text)
