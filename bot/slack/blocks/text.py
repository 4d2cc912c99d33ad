"""Words and blocks: text made safe for mrkdwn, and plain constructors of Block Kit objects.

Whatever a person or a host has written goes through `escape` (or `code_block`) exactly once
before it is put into a mrkdwn object.  Limits are those of the Block Kit reference:
https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from bot.domain.holdings import GpuOnHost
from bot.domain.time_window import TimeWindow, require_aware

Block = dict[str, Any]
"""A Block Kit block, element or composition object, as JSON."""

Style = Literal["primary", "danger"]

SECTION_CHARS = 3000
HEADER_CHARS = 150
BUTTON_CHARS = 75
CONFIRM_TITLE_CHARS = 100
CONFIRM_TEXT_CHARS = 300
CONFIRM_LABEL_CHARS = 30
ALT_TEXT_CHARS = 2000
BLOCK_ID_CHARS = 255
CODE_LINE_CHARS = 400

_WORD_JOINER = "\u2060"
_GRAVE = "\u02cb"
_LOOKALIKES = str.maketrans({"*": "∗", "~": "∼", "`": _GRAVE})  # noqa: RUF001 - lookalikes on purpose
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_MENTION_START = re.compile(r"(?<!\w)@(?=\w)")
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CUT_ENTITY = re.compile(r"(?:&[a-z]{0,4}|<(?:[!@#]|https?:)[^<>]*|<)\Z")
_USER_ID = re.compile(r"[UW][A-Z0-9]{1,30}\Z")
# Format characters that emoji need; all others can reorder or hide text and are dropped.
_KEPT_FORMATS = frozenset("\u200d\u200c")


def escape(text: str) -> str:
    """Return foreign text as one mrkdwn-safe line that shows as it was written.

    ``&``, ``<`` and ``>`` become entities, so that no mention, link or date can be forged
    (https://docs.slack.dev/messaging/formatting-message-text#escaping).  ``@name`` is broken by an
    invisible joiner.  Slack knows no escape for ``*``, ``~`` and the backtick, so they become
    lookalikes, as does an underscore at the edge of a word (inside a word it formats nothing and
    stays, for the sake of file names).  White space is folded to single blanks, so that a ``>``
    cannot open a quotation; control and text-reordering characters are dropped.
    """
    line = " ".join(_printable(text).split())
    line = _EDGE_UNDERSCORE.sub("\u02cd", line.translate(_LOOKALIKES))
    line = _MENTION_START.sub("@" + _WORD_JOINER, line)
    return line.translate(_ENTITIES)


def safe(text: str, limit: int) -> str:
    """Return foreign text escaped and clipped to ``limit`` characters."""
    return clip(escape(text), limit)


def code_block(lines: Iterable[str], limit: int = 2500) -> str:
    """Return log lines as a mrkdwn code block of at most ``limit`` characters.

    The end of a log says why it ended, so that is the part which is kept.  Backticks become
    lookalikes: the block cannot be left early.  Without any text the result is empty.
    """
    fence = "```"
    shown = [_code_line(line) for line in lines]
    room = limit - 2 * len(fence) - 2
    kept: list[str] = []
    for line in reversed(shown):
        if room - len(line) - 1 < 0:
            break
        kept.append(line)
        room -= len(line) + 1
    if not kept and shown:
        kept = [clip(shown[-1], room)]
    body = "\n".join(reversed(kept))
    return f"{fence}\n{body}\n{fence}" if body.strip() else ""


def _code_line(line: str) -> str:
    # A progress bar rewrites its line after \r; a terminal shows what was written last.
    written_last = _TERMINAL_CODE.sub("", line).rstrip().rsplit("\r", 1)[-1]
    shown = _printable(written_last).expandtabs(4)
    return clip(shown.replace("`", _GRAVE).translate(_ENTITIES), CODE_LINE_CHARS)


def _printable(text: str) -> str:
    return "".join(
        char
        for char in text
        if char in "\n\t\r " or char in _KEPT_FORMATS or unicodedata.category(char)[0] != "C"
    )


def clip(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, ended by ``…`` when something was cut.

    Escaped text stays escaped: an entity, a date or a mention is never cut in the middle.
    """
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    return _CUT_ENTITY.sub("", text[: limit - 1]).rstrip() + "…"


def slack_date(
    instant: datetime,
    fallback_tz: tzinfo = UTC,
    form: str = "{date_short_pretty} {time}",
) -> str:
    """Return an instant that every reader sees in their own time zone.

    ``fallback_tz`` is the zone of the text for clients that cannot.
    https://docs.slack.dev/messaging/formatting-message-text#date-formatting

    Raises:
        ValueError: the instant is naive.
    """
    fallback = require_aware(instant).astimezone(fallback_tz).strftime("%Y-%m-%d %H:%M %Z")
    return f"<!date^{int(instant.timestamp())}^{form}|{escape(fallback)}>"


def slack_time(instant: datetime, fallback_tz: tzinfo = UTC) -> str:
    """Return only the time of day of an instant, in every reader's own time zone."""
    return slack_date(instant, fallback_tz, "{time}")


def window_text(window: TimeWindow, fallback_tz: tzinfo = UTC) -> str:
    """Return "today 18:00 - 02:00 (8 h)"; the end has a date of its own from 24 h on."""
    end = slack_time if window.length < timedelta(hours=24) else slack_date
    start = slack_date(window.start, fallback_tz)
    return f"{start} – {end(window.end, fallback_tz)} ({duration_text(window.length)})"  # noqa: RUF001 - an en dash


def duration_text(length: timedelta) -> str:
    """Return "40 s", "45 min", "2 h 30 min", "8 h" or, from two days on, "2 d 4 h"."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        parts = ((hours, "h"), (minutes, "min"))
    else:
        days, hours = divmod(hours + (minutes >= 30), 24)
        parts = ((days, "d"), (hours, "h"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def gpu_list(gpus: Sequence[GpuOnHost], limit: int = 400) -> str:
    """Return "gpu0, gpu1 on host1; gpu4-gpu7 on host2", escaped, runs of three or more joined."""
    by_host: dict[str, list[int]] = {}
    for gpu in gpus:
        by_host.setdefault(gpu.host_name, []).append(gpu.index)
    parts = [
        f"{', '.join(_index_runs(sorted(indices)))} on {escape(host)}"
        for host, indices in sorted(by_host.items())
    ]
    return clip("; ".join(parts), limit) or "no GPU"


def gpu_names_text(names: Sequence[str], limit: int = 400) -> str:
    """Return GPU names (``gpu3`` or ``gpu3@host2``) as people read them, escaped."""
    return clip(", ".join(escape(name) for name in names), limit) or "no GPU"


def _index_runs(indices: Sequence[int]) -> list[str]:
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    shown: list[str] = []
    for run in runs:
        if len(run) > 2:
            shown.append(f"gpu{run[0]}–gpu{run[-1]}")  # noqa: RUF001 - an en dash
        else:
            shown.extend(f"gpu{index}" for index in run)
    return shown


def count_text(number: int, noun: str) -> str:
    """Return "1 GPU", "4 GPUs"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def person(slack_id: str) -> str:
    """Return a mention of a person; what is not a user id is shown as text."""
    return f"<@{slack_id}>" if _USER_ID.match(slack_id) else clip(escape(slack_id), 100)


def plain(text: str, limit: int = SECTION_CHARS) -> Block:
    """Return a plain_text object. Empty text is not allowed by Slack and becomes a dash."""
    return {"type": "plain_text", "text": clip(text, limit) or "–", "emoji": True}  # noqa: RUF001 - an en dash


def mrkdwn(text: str, limit: int = SECTION_CHARS) -> Block:
    """Return a mrkdwn object of text that is already escaped; Slack turns nothing into links."""
    return {"type": "mrkdwn", "text": clip(text, limit) or "–", "verbatim": True}  # noqa: RUF001 - an en dash


def section(text: str, *, accessory: Block | None = None, block_id: str | None = None) -> Block:
    """Return a section of mrkdwn text, with an element at its right side if given."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if accessory is not None:
        block["accessory"] = accessory
    return _named(block, block_id)


def fields(texts: Sequence[str], *, block_id: str | None = None) -> Block:
    """Return a section of up to ten short mrkdwn texts in two columns."""
    shown = [mrkdwn(text, 2000) for text in texts[:10]]
    return _named({"type": "section", "fields": shown}, block_id)


def context(*texts: str, block_id: str | None = None) -> Block:
    """Return small grey mrkdwn texts, at most ten."""
    elements = [mrkdwn(text) for text in texts[:10]]
    return _named({"type": "context", "elements": elements}, block_id)


def header(text: str, *, block_id: str | None = None) -> Block:
    """Return a header; plain text, so nothing needs to be escaped."""
    return _named({"type": "header", "text": plain(text, HEADER_CHARS)}, block_id)


def divider() -> Block:
    """Return a line."""
    return {"type": "divider"}


def actions(elements: Sequence[Block], *, block_id: str | None = None) -> Block:
    """Return a row of buttons or other elements, at most 25."""
    return _named({"type": "actions", "elements": list(elements[:25])}, block_id)


def button(
    text: str,
    action_id: str,
    value: str = "",
    *,
    style: Style | None = None,
    confirm: Block | None = None,
    url: str | None = None,
) -> Block:
    """Return a button. ``value`` is what the click brings back, at most 2000 characters."""
    element: Block = {
        "type": "button",
        "text": plain(text, BUTTON_CHARS),
        "action_id": action_id,
    }
    optional = {"value": value, "style": style, "confirm": confirm, "url": url}
    return element | {key: given for key, given in optional.items() if given}


def confirm_dialog(title: str, text: str, yes: str, no: str, *, style: Style = "primary") -> Block:
    """Return a dialog before a click takes effect. All texts are plain; nothing is escaped."""
    return {
        "title": plain(title, CONFIRM_TITLE_CHARS),
        "text": plain(text, CONFIRM_TEXT_CHARS),
        "confirm": plain(yes, CONFIRM_LABEL_CHARS),
        "deny": plain(no, CONFIRM_LABEL_CHARS),
        "style": style,
    }


def file_image(file_id: str, alt_text: str) -> Block:
    """Return an image block of a file that was uploaded to Slack."""
    return {
        "type": "image",
        "slack_file": {"id": file_id},
        "alt_text": clip(alt_text, ALT_TEXT_CHARS) or "image",
    }


def _named(block: Block, block_id: str | None) -> Block:
    return block if block_id is None else {**block, "block_id": block_id[:BLOCK_ID_CHARS]}
