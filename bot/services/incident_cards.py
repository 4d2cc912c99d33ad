"""Messages about incidents: one for each place, edited in place, brought up to date by lease.

Apart from the outbox, whose messages belong to a reservation.  The promises are the same: at least
once, and looked for before it is posted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from bot.domain.incidents import IncidentView
from bot.domain.people import Role
from bot.ports.messenger import CardAddress
from bot.services import incident_views
from bot.services.transaction import Tx, reads_only
from bot.services.undelivered import tell_admins
from bot.store import wakeups
from bot.store.incident_tables import IncidentCardRow, IncidentRow
from bot.store.tables import MemberRow

LEASE = timedelta(seconds=30)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(minutes=5)
CARDS_AT_ONCE = 8
REFUSALS_BEFORE_GIVING_UP = 3


@dataclass(frozen=True, slots=True)
class IncidentParcel:
    """One message to be brought up to date; ``address`` is None before it was posted."""

    card_id: int
    lane: str
    view: IncidentView
    address: CardAddress | None
    uncertain: bool

    @property
    def delivery_key(self) -> str:
        """The name by which a message that may have gone out is found again."""
        return f"incident:{self.view.incident_id}:{self.card_id}"


def place(tx: Tx, row: IncidentRow, lanes: Sequence[str]) -> None:
    """Let an incident be told of in those places, besides those where it is told already."""
    known = set(
        tx.session.scalars(
            select(IncidentCardRow.lane).where(IncidentCardRow.incident_id == row.id)
        )
    )
    for lane in lanes:
        if lane and lane not in known:
            tx.session.add(
                IncidentCardRow(
                    incident_id=row.id,
                    lane=lane,
                    channel_id="",
                    ts="",
                    shown_version=0,
                    due_at=tx.now,
                    tries=0,
                    last_error="",
                )
            )
    tx.session.flush()


def refresh(tx: Tx, row: IncidentRow) -> None:
    """Bring all messages about an incident up to date at once."""
    for card in _cards(tx, row):
        card.due_at = tx.now
    wakeups.mark(tx.session)


def _cards(tx: Tx, row: IncidentRow) -> Sequence[IncidentCardRow]:
    return tx.session.scalars(
        select(IncidentCardRow)
        .where(IncidentCardRow.incident_id == row.id)
        .order_by(IncidentCardRow.id)
    ).all()


def claim(tx: Tx, owner: str) -> tuple[IncidentParcel, ...]:
    """Take what is due, and read what is to be shown; no two holders take the same."""
    free = or_(IncidentCardRow.lease_until.is_(None), IncidentCardRow.lease_until <= tx.now)
    rows = tx.session.scalars(
        select(IncidentCardRow)
        .where(IncidentCardRow.due_at <= tx.now, free)
        .order_by(IncidentCardRow.due_at, IncidentCardRow.id)
        .limit(CARDS_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return tuple(_take(tx, card, owner) for card in rows)


def _take(tx: Tx, card: IncidentCardRow, owner: str) -> IncidentParcel:
    card.lease_owner, card.lease_until = owner, tx.now + LEASE
    card.tries += 1
    return IncidentParcel(
        card_id=card.id,
        lane=card.lane,
        view=incident_views.view_of(tx, card.incident),
        address=CardAddress(card.channel_id, card.ts) if card.ts else None,
        uncertain=card.tries > 1,
    )


def record_sent(tx: Tx, parcel: IncidentParcel, owner: str, address: CardAddress) -> None:
    """Record where a message stands and what it shows; what has changed since is due again."""
    card = _held(tx, parcel, owner)
    if card is None:
        return
    card.channel_id, card.ts = address.channel_id, address.ts
    card.shown_version, card.tries, card.last_error = parcel.view.version, 0, ""
    card.due_at = None if card.incident.version <= parcel.view.version else tx.now


def record_retry(
    tx: Tx, parcel: IncidentParcel, owner: str, reason: str, retry_after: timedelta | None
) -> None:
    """Let a message that failed for now be tried again, later each time."""
    card = _held(tx, parcel, owner)
    if card is None:
        return
    growing = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(card.tries - 1, 16))
    card.due_at = tx.now + (retry_after if retry_after is not None else growing)
    card.last_error = reason


def record_refusal(tx: Tx, parcel: IncidentParcel, owner: str, reason: str) -> None:
    """Give a place up that takes no message; a message that is gone is posted anew.

    The admins hear of the place once.  What the channel cannot be told, they get themselves: nobody
    else might know that a GPU without a holder is in trouble.
    """
    card = _held(tx, parcel, owner)
    if card is None:
        return
    card.last_error = reason
    if card.ts and card.tries < REFUSALS_BEFORE_GIVING_UP:
        card.ts, card.due_at = "", tx.now
        return
    card.due_at = None
    in_channel = card.lane == tx.defaults.channel_id
    tell_admins(tx, card.lane if in_channel else f"dm:{card.lane}", reason)
    if in_channel:
        place(tx, card.incident, _admins(tx))
        wakeups.mark(tx.session)


def _admins(tx: Tx) -> Sequence[str]:
    return tx.session.scalars(
        select(MemberRow.slack_user_id).where(MemberRow.role == Role.ADMIN).order_by(MemberRow.id)
    ).all()


def _held(tx: Tx, parcel: IncidentParcel, owner: str) -> IncidentCardRow | None:
    """Return the card if ``owner`` still holds it, no longer leased."""
    card = tx.session.get(IncidentCardRow, parcel.card_id, with_for_update=True)
    if card is None or card.lease_owner != owner:
        return None
    card.lease_owner, card.lease_until = None, None
    return card


@reads_only
def next_due(tx: Tx) -> datetime | None:
    """Return the instant at which a message can be taken next, or None."""
    rows = tx.session.execute(
        select(IncidentCardRow.due_at, IncidentCardRow.lease_until).where(
            IncidentCardRow.due_at.is_not(None)
        )
    ).all()
    return min((max(at, until or at) for at, until in rows if at is not None), default=None)
