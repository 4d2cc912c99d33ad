"""What is shown of a request for approval: on the card, in the approval channel, in its form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, tzinfo

from bot.domain.limits import Rule, rules_from_texts
from bot.domain.notices import ApprovalAsked, ApprovalDecided
from bot.domain.offers import OfferState
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.rule_words import rule_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    context,
    count_text,
    person,
    plain,
    safe,
    section,
    slack_date,
    window_text,
)

APPROVE_ACTION = "approval.approve"
"""The ``action_id`` of every Approve button; its value is the number of the request."""

DECLINE_ACTION = "approval.decline"
"""The ``action_id`` of every Decline button, which opens a form for the reason."""

DECLINE_CALLBACK = "approval_decline"
REASON_BLOCK = "reason"
REASON_CHARS = 300
FALLBACK_CHARS = 1000
_SHOWN_APPROVERS = 5
_IN_NOTICE = " notice"
_TITLE_CHARS = 24


def value_of(approval_id: int, *, in_notice: bool) -> str:
    """Return what a button brings back: the request, and whether its message is only about it."""
    return f"{approval_id}{_IN_NOTICE if in_notice else ''}"


def read_value(value: str) -> tuple[int, bool]:
    """Return what `value_of` wrote; 0 for what it did not write."""
    number = value.removesuffix(_IN_NOTICE)
    return (int(number) if number.isdecimal() else 0), number != value


def why_words(rules: Iterable[Rule], team_name: str) -> str:
    """Return the rules in words; where the world has changed so that none is broken, say so."""
    team = safe(team_name, 60)
    broken = "; ".join(rule_words(rule, team, slack_date) for rule in rules)
    return broken or "it is within all limits by now"


def approval_line(view: ReservationView) -> str:
    """Return one line of the card about its approval, or nothing if it never needed one."""
    approval = view.approval
    if approval is None:
        return ""
    by = person(approval.decided_by_slack_id or "") if approval.decided_by_slack_id else ""
    if approval.state is OfferState.OPEN:
        return (
            f"Waits for a lead or an admin until {slack_date(approval.expires_at)}:"
            f" {why_words(approval.rules, view.team_name)}."
        )
    if approval.state is OfferState.ACCEPTED:
        if approval.decided_by_slack_id == view.holder_slack_id:
            return ""
        return f"Approved by {by}: {why_words(approval.rules, view.team_name)}."
    return f"Declined by {by}." if approval.state is OfferState.DECLINED else ""


def approval_buttons(view: ReservationView) -> list[Block]:
    """Return the buttons of a card that waits for approval, or none."""
    approval = view.approval
    if approval is None or view.state is not ReservationState.PENDING:
        return []
    if approval.state is not OfferState.OPEN:
        return []
    value = value_of(approval.approval_id, in_notice=False)
    return _buttons(value, view.reservation_id, view.gpu_count, approval.occurrences)


def _buttons(value: str, reservation_id: int, gpu_count: int, occurrences: int) -> list[Block]:
    title, effect = f"Approve R{reservation_id}?", count_text(gpu_count, "GPU")
    if occurrences > 1:
        title = f"Approve {occurrences} reservations?"
        effect += " for each of them, and for those of the series to come,"
    dialog = confirm_dialog(title, f"Books {effect} as asked for.", "Approve", "Not yet")
    return [
        button("Approve", APPROVE_ACTION, value, style="primary", confirm=dialog),
        button("Decline…", DECLINE_ACTION, value),
    ]


def asked_card(notice: ApprovalAsked) -> Card:
    """Return the message that asks for approval, with buttons where it is decided there."""
    holder, team = person(notice.holder_slack_id), safe(notice.team_name, 60)
    head = f":raised_hand: {holder} ({team}) asks for approval of {_asked_for(notice)}."
    lines = [head, f"Why: {why_words(rules_from_texts(notice.rules), notice.team_name)}."]
    if notice.note.strip():
        lines.append(f"“{safe(notice.note, 300)}”")
    who = ", ".join(person(one) for one in notice.approver_slack_ids[:_SHOWN_APPROVERS])
    asked = f"{who}: please decide" if who else "A lead or an admin decides"
    where = "" if notice.with_buttons else " on the card"
    lines.append(f"{asked}{where} by {slack_date(notice.expires_at)}; the GPUs are held meanwhile.")
    blocks = [section("\n".join(lines))]
    if notice.with_buttons:
        value = value_of(notice.approval_id, in_notice=True)
        buttons = _buttons(value, notice.reservation_id, notice.gpu_count, notice.occurrences)
        blocks.append(actions(buttons))
    return Card(clip(head, FALLBACK_CHARS), tuple(blocks))


def _asked_for(notice: ApprovalAsked) -> str:
    number, gpus = f"R{notice.reservation_id}", count_text(notice.gpu_count, "GPU")
    window = window_text(TimeWindow(notice.starts_at, notice.ends_at))
    if notice.occurrences == 1:
        return f"{number}: {gpus}, {window}"
    last = f", until {slack_date(notice.last_ends_at)}" if notice.last_ends_at else ""
    return (
        f"a series: {notice.occurrences} reservations of {gpus} each,"
        f" {notice.gpu_hours:g} GPU-hours in all{last}; the first is {number}, {window}"
    )


def decided_card(notice: ApprovalDecided, reserve: Block) -> Card:
    """Return the message that tells what came of a request, with what to do next.

    ``reserve`` is the button that opens the booking form.
    """
    number = f"R{notice.reservation_id}"
    window = window_text(TimeWindow(notice.starts_at, notice.ends_at))
    what = f"{count_text(notice.gpu_count, 'GPU')}, {window}"
    if notice.occurrences > 1:
        what += f", and {notice.occurrences - 1} more of the series"
    holder = person(notice.holder_slack_id)
    if notice.state == OfferState.ACCEPTED:
        by = person(notice.by_slack_id)
        head = f":white_check_mark: {holder}, {by} approved {number}: {what} are booked for you."
        return Card(clip(head, FALLBACK_CHARS), (section(head),))
    if notice.state == OfferState.DECLINED:
        reason = f" Reason: {safe(notice.reason, 400)}" if notice.reason.strip() else ""
        head = f":x: {holder}, {person(notice.by_slack_id)} declined {number} ({what}).{reason}"
    else:
        head = f":hourglass: {holder}, nobody approved {number} ({what}) in time; it is cancelled."
    then = "Its GPUs are free again. Ask for fewer GPUs, less time or a lower priority:"
    return Card(clip(head, FALLBACK_CHARS), (section(f"{head}\n{then}"), actions([reserve])))


def outcome_card(view: ReservationView) -> Card:
    """Return what the one who has decided is told."""
    number, holder = f"R{view.reservation_id}", person(view.holder_slack_id)
    approval = view.approval
    if approval is not None and approval.occurrences > 1:
        number += f", with {approval.occurrences - 1} more of its series,"
    if approval is not None and approval.state is OfferState.DECLINED:
        text = f":x: *{number} is declined.* {holder} is told why; the GPUs are free again."
        return Card(text, (section(text),))
    text = f":white_check_mark: *{number} is approved and booked.* {holder} is told."
    if approval is not None and approval.rules:
        text += f"\nYou agreed to this: {why_words(approval.rules, view.team_name)}."
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def pending_words(view: ReservationView, tz: tzinfo = UTC) -> str:
    """Return what the one who asked is told while it waits, or nothing."""
    approval = view.approval
    if view.state is not ReservationState.PENDING or approval is None:
        return ""
    return (
        f"The GPUs are held for you until a lead or an admin decides, at the latest"
        f" {slack_date(approval.expires_at, tz)}. Why: {why_words(approval.rules, view.team_name)}."
    )


def decline_modal(view: ReservationView, private_metadata: str) -> Block:
    """Return the form that asks why a request is declined."""
    head = (
        f"{person(view.holder_slack_id)} asked for {count_text(view.gpu_count, 'GPU')},"
        f" {window_text(view.window)}."
    )
    return {
        "type": "modal",
        "callback_id": DECLINE_CALLBACK,
        "private_metadata": private_metadata,
        "title": plain(f"Decline R{view.reservation_id}", _TITLE_CHARS),
        "submit": plain("Decline", _TITLE_CHARS),
        "close": plain("Back", _TITLE_CHARS),
        "blocks": [
            section(head),
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "label": plain("Why?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON_BLOCK,
                    "multiline": True,
                    "max_length": REASON_CHARS,
                    "placeholder": plain("What would help them to ask again?", 150),
                },
            },
            context("The reason goes to the one who asked, and stands on the card."),
        ],
    }


def metadata_of(channel_id: str | None, approval_id: int, notice_ts: str | None) -> str:
    """Return the private_metadata of the form; ``notice_ts`` names a message to be replaced."""
    carried = {"v": 1, "channel": channel_id, "approval": approval_id, "ts": notice_ts}
    return json.dumps(carried, separators=(",", ":"))


def carried_approval(private_metadata: str) -> tuple[int, str | None]:
    """Return the request, and the message to be replaced, that `metadata_of` wrote; 0 if none."""
    try:
        carried = json.loads(private_metadata or "{}")
        return int(carried.get("approval") or 0), carried.get("ts")
    except (ValueError, TypeError, AttributeError):
        return 0, None
