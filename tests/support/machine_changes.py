"""What one transaction may change, and what it must leave beside it: an event and a message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.offers import OFFER_MOVES, OfferState
from bot.domain.states import (
    RESERVATION_MOVES,
    RUN_MOVES,
    ReservationKind,
    ReservationState,
)
from bot.services.outbox import OCCURRENCE_CARD_AHEAD
from bot.store import outbox
from bot.store.outbox import DeliveryKind
from tests.support.machine_rows import Snapshot

OFFERS = ("approvals", "transfers", "swaps", "waits", "usage_checks", "minutes_asks")
FIRST_STATES = {"pending", "offered", "booked"}
FIRST_RUN_STATES = {"waiting", "starting"}


def _reach(moves: Mapping[Any, frozenset[Any]]) -> dict[str, set[str]]:
    """Return what each state can become in one transaction, which may make several moves."""
    found = {str(state): {str(state), *map(str, after)} for state, after in moves.items()}
    for _ in found:
        for reached in found.values():
            reached |= {far for near in list(reached) for far in found[near]}
    return found


RESERVATION_REACH, RUN_REACH = _reach(RESERVATION_MOVES), _reach(RUN_MOVES)
OFFER_REACH = _reach(OFFER_MOVES)


def assert_lawful(now: datetime, before: Snapshot, after: Snapshot) -> None:
    """Check a transaction that went through: its moves, its audit events, its messages."""
    _nothing_is_forgotten(before, after)
    for old, new in before.changed_in(after, "reservations"):
        allowed = FIRST_STATES if old is None else RESERVATION_REACH[old.state]
        assert new.state in allowed, f"R{new.id}: {old and old.state} -> {new.state}"
    for old, new in before.changed_in(after, "runs"):
        allowed = FIRST_RUN_STATES if old is None else RUN_REACH[old.state]
        assert new.state in allowed, f"run {new.id}: {old and old.state} -> {new.state}"
    for table in OFFERS:
        for old, new in before.changed_in(after, table):
            assert old is None or new.state in OFFER_REACH[old.state], f"{table} {new.id}"
    events = [new for _, new in before.changed_in(after, "audit_events")]
    said = [new for _, new in before.changed_in(after, "outbox")]
    for number in _changed(before, after):
        row, old = after.one("reservations", number), before.rows["reservations"].get(number)
        assert old is None or row.version > old.version, f"R{number} changed, its version did not"
        assert any(_is_about(event, number) for event in events), f"no event tells of R{number}"
        if _needs_a_message(now, after, row):
            about = {number, *_sources_of(after, number)}
            shown = any(each.reservation_id in about for each in said)
            assert shown or _will_be_shown(after, number), f"nobody hears of R{number}"
    for event in events:
        assert event.at == now


def _sources_of(after: Snapshot, number: int) -> set[int]:
    """Return the reservations whose run goes on in this one: one card tells of all of them."""
    links = after.rows.get("continuations", {}).values()
    return {link.from_reservation_id for link in links if link.to_reservation_id == number}


def _nothing_is_forgotten(before: Snapshot, after: Snapshot) -> None:
    for table in ("reservations", "claims", "runs", "attempts", "audit_events", *OFFERS):
        assert set(before.rows.get(table, {})) <= set(after.rows[table]), f"{table}: a row is gone"
    changed = [new for old, new in before.changed_in(after, "audit_events") if old is not None]
    assert not changed, f"the past was written anew: {changed}"


def _changed(before: Snapshot, after: Snapshot) -> list[int]:
    """Return the reservations with another state, window, holder, team or GPUs than before."""
    touched = {new.id for _, new in before.changed_in(after, "reservations")}
    touched |= {new.reservation_id for _, new in before.changed_in(after, "claims")}
    return sorted(one for one in touched if _essence(before, one) != _essence(after, one))


def _essence(rows: Snapshot, number: int) -> object:
    row = rows.rows.get("reservations", {}).get(number)
    if row is None:
        return None
    gpus = {claim.gpu_id for claim in rows.claims_of[number]}
    return (row.state, row.starts_at, row.ends_at, row.member_id, row.team_id, gpus)


def _is_about(event: Any, number: int) -> bool:
    if event.subject_type == "reservation":
        return bool(event.subject_id == number)
    names = ("reservation_id", "from_reservation", "to_reservation")
    return number in [event.data.get(name) for name in names] or number in event.data.get(
        "reservations", ()
    )


def _needs_a_message(now: datetime, after: Snapshot, row: Any) -> bool:
    """Tell whether people hear of a change of this reservation at once.

    Not of an occurrence whose card is not due to be posted yet, nor of a window whose one reader
    has just said no to it.
    """
    far = row.series_id is not None and now < row.starts_at - OCCURRENCE_CARD_AHEAD
    refused = row.state == ReservationState.CANCELLED and any(
        wait.held_reservation_id == row.id
        and wait.state in (OfferState.DECLINED, OfferState.WITHDRAWN)
        for wait in after.all("waits")
    )
    return not far and not refused


def _will_be_shown(after: Snapshot, number: int) -> bool:
    return any(
        each.reservation_id == number
        and each.kind == DeliveryKind.CARD
        and each.state == outbox.PENDING
        for each in after.all("outbox")
    )


def dispatched_in(before: Snapshot, after: Snapshot) -> list[int]:
    """Return the jobs of the queue that started in this transaction."""
    return [
        new.id
        for old, new in before.changed_in(after, "reservations")
        if old is None and new.kind == ReservationKind.QUEUED
    ]
