"""What is to be said, written in the same transaction as what it tells of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.notices import Notice, notice_from_json, notice_to_json
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.ports.messenger import CardAddress
from bot.services import standing_notices
from bot.services.transaction import Tx, reads_only
from bot.services.undelivered import tell_admins
from bot.services.views import reservation_view
from bot.store import continuations, direct_messages, outbox
from bot.store.outbox import Delivery, DeliveryKind
from bot.store.tables import ArtifactRow, CardRow, ReservationRow

LEASE = timedelta(seconds=30)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(minutes=5)
TRIES_BEFORE_GIVING_UP = 40
LANES_AT_ONCE = 16
OCCURRENCE_CARD_AHEAD = timedelta(days=1)
"""The card of an occurrence of a series is posted so long before its start, not a month ahead."""
_SAYS_SOMETHING = (DeliveryKind.THREAD, DeliveryKind.DIRECT)


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that is needed to send one delivery, read at the moment of sending.

    ``shown_version`` is a digest of what the card will show; ``already_shown`` tells that it
    shows just that.  ``notice`` is set for threads and direct messages, ``artifact_key``
    for a plot and a log, ``standing`` where the message stands that a notice edits.
    """

    delivery: Delivery
    view: ReservationView
    channel_id: str
    address: CardAddress | None
    shown_version: str
    already_shown: bool
    notice: Notice | None
    artifact_key: str | None
    standing: CardAddress | None = None

    @property
    def delivery_key(self) -> str:
        """The name by which a message that may have gone out is found again."""
        if self.delivery.kind is DeliveryKind.CARD:
            return f"card:{self.delivery.reservation_id}"
        return f"outbox:{self.delivery.delivery_id}"


def show(tx: Tx, reservation: ReservationRow) -> None:
    """Bring the reservation's card up to date at once.

    An occurrence of a series that has no card yet gets it only a day before it starts; one that
    is cancelled before that never has one.  Where a run goes on has no card of its own: the card
    of the run is brought up to date instead.
    """
    reservation = card_owner(tx, reservation)
    if _waits_for_its_day(tx, reservation):
        if reservation.state == ReservationState.CANCELLED:
            outbox.drop_card_refresh(tx.session, reservation.id, tx.now)
        return
    outbox.add_card_refresh(
        tx.session,
        lane=_lane(tx, reservation),
        reservation_id=reservation.id,
        now=tx.now,
        not_before=tx.now,
    )


def show_progress(tx: Tx, reservation: ReservationRow) -> None:
    """Bring the card up to date, but not sooner than policy allows after its last edit."""
    reservation = card_owner(tx, reservation)
    card = outbox.card_of(tx.session, reservation.id)
    earliest = card.edited_at + tx.policy.progress_edit_interval if card else tx.now
    outbox.add_card_refresh(
        tx.session,
        lane=_lane(tx, reservation),
        reservation_id=reservation.id,
        now=tx.now,
        not_before=max(tx.now, earliest),
    )


def show_near_its_start(tx: Tx, reservation: ReservationRow) -> None:
    """Let the card that is about to be posted wait until a day before the start.

    For an occurrence of a series that was booked in this transaction.  One that waits for
    approval is shown at once: somebody has to see it.
    """
    earliest = reservation.starts_at - OCCURRENCE_CARD_AHEAD
    if reservation.state != ReservationState.PENDING and earliest > tx.now:
        outbox.put_off_card(tx.session, reservation.id, earliest)


def _waits_for_its_day(tx: Tx, reservation: ReservationRow) -> bool:
    return (
        reservation.series_id is not None
        and tx.now < reservation.starts_at - OCCURRENCE_CARD_AHEAD
        and reservation.state != ReservationState.PENDING
        and outbox.card_of(tx.session, reservation.id) is None
        and not outbox.needs_its_card(tx.session, reservation.id)
    )


def tell_thread(tx: Tx, reservation: ReservationRow, notice: Notice) -> None:
    """Tell ``notice`` in the thread of the reservation's card; nothing where it has none yet."""
    reservation = card_owner(tx, reservation)
    if _waits_for_its_day(tx, reservation):
        return
    outbox.add(
        tx.session,
        DeliveryKind.THREAD,
        lane=_lane(tx, reservation),
        reservation_id=reservation.id,
        payload=notice_to_json(notice),
        now=tx.now,
    )


def tell_holder(tx: Tx, reservation: ReservationRow, notice: Notice) -> None:
    """Tell ``notice`` to the holder alone."""
    tell_member(tx, reservation.member.slack_user_id, reservation, notice)


def tell_member(tx: Tx, slack_user_id: str, reservation: ReservationRow, notice: Notice) -> None:
    """Tell ``notice`` about a reservation to one person alone, who need not be its holder."""
    outbox.add(
        tx.session,
        DeliveryKind.DIRECT,
        lane=f"dm:{slack_user_id}",
        reservation_id=reservation.id,
        payload=notice_to_json(notice),
        now=tx.now,
    )


def tell_channel(tx: Tx, channel_id: str, reservation: ReservationRow, notice: Notice) -> None:
    """Tell ``notice`` about a reservation in a channel where its card does not stand."""
    outbox.add(
        tx.session,
        DeliveryKind.DIRECT,
        lane=channel_id,
        reservation_id=reservation.id,
        payload=notice_to_json(notice),
        now=tx.now,
    )


def show_plot(tx: Tx, reservation: ReservationRow, artifact: ArtifactRow) -> None:
    """Put a picture of a run into the thread and onto the card."""
    reservation = card_owner(tx, reservation)
    outbox.add(
        tx.session,
        DeliveryKind.PLOT,
        lane=_lane(tx, reservation),
        reservation_id=reservation.id,
        payload={"v": 1, "artifact_id": artifact.id},
        now=tx.now,
    )


def show_log(tx: Tx, reservation: ReservationRow, artifact: ArtifactRow) -> None:
    """Put the whole log of an attempt into the thread."""
    outbox.add(
        tx.session,
        DeliveryKind.LOG,
        lane=_lane(tx, reservation),
        reservation_id=reservation.id,
        payload={"v": 1, "artifact_id": artifact.id, "attempt_id": artifact.attempt_id},
        now=tx.now,
    )


def _lane(tx: Tx, reservation: ReservationRow) -> str:
    """Return the lane of a card: its team's channel, or where it stood before it was handed over.

    A card does not move to the channel of another team, nor does one that was not posted yet.
    That of a run stays in the lane of the reservation in which the run was first.
    """
    for earlier in (*continuations.sources_of(tx.session, reservation.id), reservation.id):
        first = outbox.lane_before_transfer(tx.session, earlier)
        if first is not None:
            return first
    return reservation.team.channel_id


def card_owner(tx: Tx, reservation: ReservationRow) -> ReservationRow:
    """Return the reservation that has the card: one run has one card, wherever it is by now.

    Of a reservation that the run has left it is the one in which it is; of one that it is to come
    to, the one in which it is still.
    """
    planned = continuations.planned_to(tx.session, reservation.id)
    start = reservation.id if planned is None else planned.from_reservation_id
    home = continuations.home_of(tx.session, start)
    return reservation if home == reservation.id else tx.session.get_one(ReservationRow, home)


def move_card(tx: Tx, old: ReservationRow, new: ReservationRow) -> None:
    """Let the card of a run stand for the reservation to which the run has gone."""
    card = outbox.card_of(tx.session, old.id)
    if card is not None:
        card.reservation_id = new.id
        tx.session.flush()


def claim_deliveries(tx: Tx, owner: str) -> tuple[Parcel, ...]:
    """Take what is due, at most one message of each channel, and read what is to be said."""
    taken = outbox.claim_due(tx.session, tx.now, owner, LEASE, LANES_AT_ONCE)
    return tuple(_parcel(tx, delivery) for delivery in taken if _is_readable(tx, delivery, owner))


def _is_readable(tx: Tx, delivery: Delivery, owner: str) -> bool:
    """Give up a notice that this release does not know; it must not keep the others back."""
    if delivery.kind not in _SAYS_SOMETHING:
        return True
    try:
        notice_from_json(delivery.payload)
    except ValueError as error:
        outbox.close(tx.session, delivery.delivery_id, owner, outbox.DEAD, tx.now, str(error))
        return False
    return True


def _parcel(tx: Tx, delivery: Delivery) -> Parcel:
    row = tx.session.get_one(ReservationRow, delivery.reservation_id)
    if delivery.kind is not DeliveryKind.DIRECT:
        # The run may have gone on since this was written, and the card with it.
        row = card_owner(tx, row)
    card = outbox.card_of(tx.session, row.id)
    view = reservation_view(row, card)
    shown = _digest(view)
    artifact = None
    if delivery.kind in (DeliveryKind.PLOT, DeliveryKind.LOG):
        artifact = tx.session.get_one(ArtifactRow, delivery.payload["artifact_id"])
    says_something = delivery.kind in _SAYS_SOMETHING
    notice = notice_from_json(delivery.payload) if says_something else None
    standing = None
    if notice is not None and delivery.kind is DeliveryKind.DIRECT:
        standing = standing_notices.where(tx, delivery.lane, notice)
    return Parcel(
        delivery=delivery,
        view=view,
        channel_id=delivery.lane.removeprefix("dm:"),
        address=CardAddress(card.channel_id, card.ts) if card else None,
        shown_version=shown,
        already_shown=card is not None and card.shown_version == shown,
        notice=notice,
        artifact_key=artifact.key if artifact else None,
        standing=standing,
    )


def _digest(view: ReservationView) -> str:
    return hashlib.sha256(repr(view).encode()).hexdigest()


def record_card(tx: Tx, parcel: Parcel, owner: str, address: CardAddress) -> None:
    """Record that the card stands at ``address`` and shows the parcel's version."""
    if not _close(tx, parcel, owner, outbox.SENT):
        return
    owner_row = _owner_of(tx, parcel)
    card = outbox.card_of(tx.session, owner_row.id)
    if card is None:
        tx.session.add(
            CardRow(
                reservation_id=owner_row.id,
                channel_id=address.channel_id,
                ts=address.ts,
                shown_version=parcel.shown_version,
                edited_at=tx.now,
            )
        )
        return
    card.channel_id, card.ts = address.channel_id, address.ts
    card.shown_version, card.edited_at = parcel.shown_version, tx.now


def record_sent(tx: Tx, parcel: Parcel, owner: str, address: CardAddress | None = None) -> None:
    """Record that a message went out, and where a direct one stands, for what edits it.

    A holder whose lease has passed on changes nothing.
    """
    if _close(tx, parcel, owner, outbox.SENT) and parcel.notice and address:
        standing_notices.keep(tx, parcel.delivery.lane, parcel.notice, address)


def record_plot(tx: Tx, parcel: Parcel, owner: str, file_id: str) -> None:
    """Record that the plot is in Slack, and let the card show it."""
    if not _close(tx, parcel, owner, outbox.SENT):
        return
    owner_row = _owner_of(tx, parcel)
    card = outbox.card_of(tx.session, owner_row.id)
    if card is not None:
        card.plot_file_id = file_id
        show(tx, owner_row)


def _owner_of(tx: Tx, parcel: Parcel) -> ReservationRow:
    """Return whose card it is now: the run may have gone on while its message was on its way."""
    row = tx.session.get_one(ReservationRow, parcel.view.reservation_id)
    return row if parcel.delivery.kind is DeliveryKind.DIRECT else card_owner(tx, row)


def record_retry(
    tx: Tx, parcel: Parcel, owner: str, reason: str, retry_after: timedelta | None
) -> None:
    """Let a message that failed for now be tried again, later each time.

    For as long as it takes: Slack may be out of reach for a day, and nothing is lost for that.
    """
    growing = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(parcel.delivery.tries - 1, 16))
    wait = retry_after if retry_after is not None else growing
    outbox.put_back(tx.session, parcel.delivery.delivery_id, owner, tx.now + wait, reason)


def record_mishap(tx: Tx, parcel: Parcel, owner: str, error: str) -> None:
    """Record that sending failed in a way that nobody foresaw.

    It is tried again, but not for ever: a message that trips Berth itself must not hold up all
    that is to be said in its channel after it.
    """
    if parcel.delivery.tries >= TRIES_BEFORE_GIVING_UP:
        _close(tx, parcel, owner, outbox.DEAD, f"gave up: {error}")
    else:
        record_retry(tx, parcel, owner, error, None)


def record_refusal(tx: Tx, parcel: Parcel, owner: str, reason: str) -> None:
    """Record that a message can never go out where it was meant to.

    A card that is gone from Slack is posted anew; what cannot be said in the channel is said to
    the holder alone, and only what even the holder cannot be told is given up.  What was meant
    for one other person is not told to the holder instead.  The admins hear of the place once.
    """
    if not _close(tx, parcel, owner, outbox.DEAD, reason):
        return
    reservation = _owner_of(tx, parcel)
    holder = reservation.member.slack_user_id
    holders_lane = f"dm:{holder}"
    tell_admins(
        tx,
        parcel.delivery.lane,
        reason,
        reservation_id=reservation.id,
        holder_slack_id=holder,
    )
    if parcel.delivery.lane == holders_lane:
        return
    card = outbox.card_of(tx.session, reservation.id)
    if parcel.delivery.kind is DeliveryKind.CARD:
        lane = parcel.delivery.lane if card is not None else holders_lane
        if card is not None:
            tx.session.delete(card)
        outbox.add_card_refresh(
            tx.session, lane=lane, reservation_id=reservation.id, now=tx.now, not_before=tx.now
        )
    elif parcel.notice is not None and parcel.delivery.kind is DeliveryKind.THREAD:
        tell_holder(tx, reservation, parcel.notice)


def _close(tx: Tx, parcel: Parcel, owner: str, state: str, error: str = "") -> bool:
    return outbox.close(tx.session, parcel.delivery.delivery_id, owner, state, tx.now, error)


@reads_only
def next_delivery_at(tx: Tx) -> datetime | None:
    """Return the instant at which something may be sent next, or None."""
    instants = (
        outbox.next_due(tx.session, tx.now),
        direct_messages.next_due(tx.session, tx.now),
    )
    return min((instant for instant in instants if instant is not None), default=None)
