"""Notices that stand in one direct message: the next of the same name edits it in place.

A notice says by ``stands_as`` which message it stands in.  Where that message went is kept in the
transaction that records the delivery; the lane of a person keeps their order, so that an edit
never overtakes what it edits.
"""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.notices import Notice
from bot.ports.messenger import CardAddress
from bot.services.transaction import Tx
from bot.store.preemption_tables import StandingNoticeRow


def where(tx: Tx, lane: str, notice: Notice) -> CardAddress | None:
    """Return where the message stands that a notice is to edit; None where it is a new one."""
    if not notice.stands_as:
        return None
    row = _find(tx, lane, notice.stands_as)
    return None if row is None else CardAddress(row.channel_id, row.ts)


def keep(tx: Tx, lane: str, notice: Notice, address: CardAddress) -> None:
    """Keep where a notice stands by now; one that stands nowhere is passed over. Idempotent."""
    if not notice.stands_as:
        return
    row = _find(tx, lane, notice.stands_as)
    if row is None:
        row = StandingNoticeRow(lane=lane, name=notice.stands_as)
        tx.session.add(row)
    row.channel_id, row.ts = address.channel_id, address.ts


def _find(tx: Tx, lane: str, name: str) -> StandingNoticeRow | None:
    return tx.session.scalar(
        select(StandingNoticeRow).where(
            StandingNoticeRow.lane == lane, StandingNoticeRow.name == name
        )
    )
