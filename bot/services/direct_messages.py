"""What is to be told to one person although it belongs to no reservation.

Such a message is written in the same transaction as what it tells of, and goes out in the same lane
as all else that is told to that person: at least once, in order, and never read twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.notices import Notice, notice_from_json, notice_to_json
from bot.services.outbox import (
    FIRST_RETRY,
    LANES_AT_ONCE,
    LEASE,
    LONGEST_RETRY,
    TRIES_BEFORE_GIVING_UP,
)
from bot.services.transaction import Tx
from bot.services.undelivered import tell_admins
from bot.store import direct_messages
from bot.store.direct_messages import Claimed
from bot.store.outbox import DEAD, SENT

NO_RESERVATION = 0
"""The ``reservation_id`` of a notice that is about none."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is to be sent while the lease is held, and to whom."""

    message_id: int
    to: str
    notice: Notice
    tries: int

    @property
    def delivery_key(self) -> str:
        """The name by which a message that may have gone out is found again."""
        return f"direct:{self.message_id}"

    @property
    def uncertain(self) -> bool:
        """Tell whether an earlier try may have gone out."""
        return self.tries > 1


def tell(tx: Tx, slack_user_id: str, notice: Notice) -> None:
    """Tell ``notice`` to one person alone."""
    direct_messages.add(
        tx.session, lane=f"dm:{slack_user_id}", payload=notice_to_json(notice), now=tx.now
    )


def claim_letters(tx: Tx, owner: str) -> tuple[Letter, ...]:
    """Take what is due, at most one message of each lane."""
    taken = direct_messages.claim_due(tx.session, tx.now, owner, LEASE, LANES_AT_ONCE)
    tx.session.flush()
    letters = (_letter(tx, one, owner) for one in taken)
    return tuple(letter for letter in letters if letter is not None)


def _letter(tx: Tx, claimed: Claimed, owner: str) -> Letter | None:
    """Return a message; one that this release does not know is given up, not kept in the way."""
    try:
        notice = notice_from_json(claimed.payload)
    except ValueError as error:
        direct_messages.close(tx.session, claimed.message_id, owner, DEAD, tx.now, str(error))
        return None
    return Letter(claimed.message_id, claimed.lane.removeprefix("dm:"), notice, claimed.tries)


def record_sent(tx: Tx, letter: Letter, owner: str) -> None:
    """Record that a message went out. A holder whose lease has passed on changes nothing."""
    direct_messages.close(tx.session, letter.message_id, owner, SENT, tx.now)


def record_retry(
    tx: Tx, letter: Letter, owner: str, reason: str, retry_after: timedelta | None
) -> None:
    """Let a message that failed for now be tried again, later each time, however long it takes."""
    growing = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(letter.tries - 1, 16))
    wait = retry_after if retry_after is not None else growing
    direct_messages.put_back(tx.session, letter.message_id, owner, tx.now + wait, reason)


def record_mishap(tx: Tx, letter: Letter, owner: str, error: str) -> None:
    """Record that sending failed in a way that nobody foresaw; that is not tried for ever."""
    if letter.tries >= TRIES_BEFORE_GIVING_UP:
        record_refusal(tx, letter, owner, f"gave up: {error}")
    else:
        record_retry(tx, letter, owner, error, None)


def record_refusal(tx: Tx, letter: Letter, owner: str, reason: str) -> None:
    """Record that a message can never go out: what was meant for one is told to nobody else.

    The admins hear once that this person cannot be reached.
    """
    if direct_messages.close(tx.session, letter.message_id, owner, DEAD, tx.now, reason):
        tell_admins(tx, f"dm:{letter.to}", reason)
