"""What admins read about messages that Slack does not take."""

from __future__ import annotations

from bot.domain.delivery_notices import DeliveryRefused
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import person, safe, section

_WHY = {
    "is_archived": "it is archived",
    "channel_not_found": "it is gone, or private and I am not in it",
    "not_in_channel": "I am not in it",
    "restricted_action": "only some people may post there",
    "restricted_action_read_only_channel": "only some people may post there",
    "restricted_action_thread_locked": "the thread is locked",
    "user_disabled": "the account is deactivated",
    "account_inactive": "the account is deactivated",
    "is_inactive": "the account is deactivated",
    "user_not_found": "Slack knows no such account",
    "users_not_found": "Slack knows no such account",
    "user_not_visible": "I may not see that account",
    "cannot_dm_bot": "it is a bot",
}
_INVITE = frozenset({"channel_not_found", "not_in_channel"})


def delivery_message(notice: DeliveryRefused) -> Card:
    """Return what an admin is told: where, why, what goes on all the same, and what helps."""
    is_channel = notice.place.startswith(("C", "G"))
    where = f"<#{notice.place}>" if is_channel else person(notice.place)
    why = _WHY.get(notice.reason, f"Slack says `{safe(notice.reason, 60)}`")
    verb = "post in" if is_channel else "write to"
    text = f":mailbox_with_no_mail: I cannot {verb} {where}: {why}."
    goes_on = "Bookings, starts and ends do not depend on it."
    instead = _instead(notice, is_channel)
    lines = [text, f"{goes_on} {instead}".strip(), _next(notice, is_channel)]
    return Card(f"{text} {instead}".strip(), (section("\n".join(line for line in lines if line)),))


def _instead(notice: DeliveryRefused, is_channel: bool) -> str:
    if not notice.reservation_id:
        return ""
    number = f"R{notice.reservation_id}"
    if is_channel and notice.holder_slack_id:
        holder = person(notice.holder_slack_id)
        return f"What belongs there goes to the holder by direct message: {number} to {holder}."
    return f"It began with {number}."


def _next(notice: DeliveryRefused, is_channel: bool) -> str:
    if not is_channel:
        if not notice.reservation_id:
            return ""
        number = f"R{notice.reservation_id}"
        return f"Nobody needs the GPUs any more? `/gpu cancel {number}` gives them back."
    helps = "Invite me there" if notice.reason in _INVITE else "Open it for me again"
    return f"{helps}, or give the team another channel: `/gpu team set TEAM channel=#other`."
