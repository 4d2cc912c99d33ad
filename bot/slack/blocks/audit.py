"""``/gpu audit``: who did what, when and why."""

from __future__ import annotations

from bot.domain.audit_views import AuditLine, AuditPage
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    context,
    count_text,
    header,
    person,
    safe,
    section,
    slack_date,
)

OLDER_ACTION = "audit.older"
"""The ``action_id`` of "Older"; its value is what was asked for, and where to go on."""

LINES_SHOWN = 12
REASON_CHARS = 120
LINES_IN_A_SECTION = 6


def audit_card(page: AuditPage, older: str, web_url: str) -> Card:
    """Return a page of events; ``older`` is the value of the button for those before them."""
    if not page.lines:
        text = ":mag: Nothing was done that fits, or nothing that you may see."
        hint = "Members see what they did and what is theirs, leads their team's, admins all."
        return Card(text, (section(text), context(hint)))
    text = f"{count_text(len(page.lines), 'event')}, the newest first"
    lines = [_line(line) for line in page.lines]
    blocks: list[Block] = [header("Who did what")]
    blocks += [
        section("\n".join(lines[at : at + LINES_IN_A_SECTION]))
        for at in range(0, len(lines), LINES_IN_A_SECTION)
    ]
    if page.cursor is not None:
        blocks.append(actions([button("Older", OLDER_ACTION, older)]))
    blocks.append(context(f"Search and export: {web_url}/audit · only you see this"))
    return Card(text, tuple(blocks))


def _line(line: AuditLine) -> str:
    who = person(line.actor) if line.actor_kind == "member" else safe(line.actor_name, 60)
    why = f": {safe(line.reason, REASON_CHARS)}" if line.reason else ""
    at = slack_date(line.at, form="{date_short} {time_secs}")
    return f"{at} · {who} · `{safe(line.action, 60)}` · {subject_words(line)}{why}"


def subject_words(line: AuditLine) -> str:
    """Return what an event was about, as people call it."""
    if line.subject_kind == "reservation":
        return f"R{line.subject_id}"
    return f"{safe(line.subject_kind, 30)} {line.subject_id}"
