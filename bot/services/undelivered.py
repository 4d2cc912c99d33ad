"""What could not be said where it was meant to be said: the admins hear of it, once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.domain.delivery_notices import DeliveryRefused
from bot.domain.notices import notice_to_json
from bot.domain.people import Role
from bot.services import audit
from bot.services.transaction import Tx
from bot.store import direct_messages, refusals
from bot.store.tables import MemberRow

SILENCE = timedelta(days=7)
"""How long the admins are not told again that the same place refuses for the same reason."""

_HEALS_BY_ITSELF = frozenset(
    {
        "message_not_found",  # the card is posted anew
        "cant_update_message",
        "edit_window_closed",
        "thread_not_found",
        "no_card",  # the card was refused before, and that was told
        "no_artifact",
        "artifact_gone",
    }
)


def tell_admins(
    tx: Tx, lane: str, reason: str, *, reservation_id: int = 0, holder_slack_id: str = ""
) -> None:
    """Tell the admins that a place refuses messages, unless they know or it heals by itself.

    Who is the one that cannot be reached is not told.  Nothing is told about messages of this
    kind, so that it comes to an end.

    Args:
        tx: the transaction in which the refusal is recorded.
        lane: a channel's id, or ``dm:`` and a person's.
        reason: Slack's own code.
        reservation_id: what it happened to, 0 for nothing.
        holder_slack_id: who is told instead of the channel.
    """
    if reason in _HEALS_BY_ITSELF:
        return
    place = lane.removeprefix("dm:")
    if not refusals.note_anew(tx.session, lane, reason, now=tx.now, since=tx.now - SILENCE):
        return
    subject = ("reservation", reservation_id)
    audit.record(tx, audit.CLOCKWORK, "delivery.refused", subject, place=place, why=reason)
    notice = DeliveryRefused(reservation_id, place, reason, holder_slack_id)
    admins = tx.session.scalars(
        select(MemberRow.slack_user_id).where(MemberRow.role == Role.ADMIN).order_by(MemberRow.id)
    )
    for admin in admins:
        if admin != place:
            direct_messages.add(
                tx.session, lane=f"dm:{admin}", payload=notice_to_json(notice), now=tx.now
            )
