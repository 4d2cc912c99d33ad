"""No-shows and idle GPUs: the holder is asked, and silence releases them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import usage
from bot.domain.errors import NotTheHolder, OfferOver, ReservationOver, UnknownOffer
from bot.domain.notices import ReservationReleased
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.domain.usage import Evidence, GpuUse, UsageQuestion
from bot.domain.usage_notices import UsageAsked, UsageReleased, UsageSeen
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import audit, changing, due, outbox, stopping
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store import reservations, timers, usage_checks
from bot.store.claims import gpu_on_host
from bot.store.offer_tables import UsageCheckRow
from bot.store.tables import ReservationRow

OFFER = "usage"
ENDS_OFFERED = 6
NO_USE = "its GPUs were not in use"


def watch(tx: Tx, row: ReservationRow) -> None:
    """Look at a reservation that starts once somebody should have come. Idempotent."""
    if row.kind == ReservationKind.WORK:
        timers.arm(
            tx.session, TimerKind.USAGE_LOOKS, row.id, row.starts_at + tx.policy.no_show_after
        )


def look(tx: Tx, row: ReservationRow) -> None:
    """Ask the holder if the GPUs do nothing, or look again later. The caller has locked it."""
    active = ReservationState(row.state) is ReservationState.ACTIVE
    if not active or row.kind != ReservationKind.WORK:
        return
    if usage_checks.open_check(tx.session, row.id) is not None:
        return
    seen = usage.look(_evidence(tx, row), tx.now, tx.policy)
    if seen.question is None or seen.since is None:
        timers.arm(tx.session, TimerKind.USAGE_LOOKS, row.id, seen.again_at)
        return
    _ask(tx, row, seen.question, seen.since)


def _evidence(tx: Tx, row: ReservationRow) -> Evidence:
    kept = usage_checks.last_kept(tx.session, row.id)
    kept_until = None
    if kept is not None and kept.decided_at is not None:
        kept_until = kept.decided_at + tx.policy.usage_kept_for
    return Evidence(
        window=TimeWindow(row.starts_at, row.ends_at),
        gpus=tuple(
            GpuUse(claim.gpu.read_at, claim.gpu.process_at, claim.gpu.busy_at)
            for claim in row.claims
        ),
        hosts_online=all(claim.gpu.host.online for claim in row.claims),
        run_unfinished=row.run is not None and not RunState(row.run.state).is_over,
        kept_until=kept_until,
    )


def _ask(tx: Tx, row: ReservationRow, question: UsageQuestion, since: datetime) -> None:
    check = UsageCheckRow(
        reservation_id=row.id,
        kind=question,
        state=OfferState.OPEN,
        created_at=tx.now,
        expires_at=tx.now + tx.policy.usage_answer_within,
    )
    tx.session.add(check)
    row.version += 1
    tx.session.flush()
    timers.arm(tx.session, TimerKind.USAGE_CHECK_EXPIRES, row.id, check.expires_at)
    ends = tuple(end.isoformat() for end in ends_to_choose(row.ends_at, tx))
    outbox.tell_holder(
        tx,
        row,
        UsageAsked(
            row.id,
            check.id,
            row.member.slack_user_id,
            question.value,
            since,
            check.expires_at,
            _gpu_names(row),
            tx.policy.usage_kept_for.total_seconds(),
            ends,
            row.member.time_zone,
        ),
    )
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "usage.asked",
        ("reservation", row.id),
        reason=question.value,
        check=check.id,
        since=since,
        expires_at=check.expires_at,
    )


def ends_to_choose(ends_at: datetime, tx: Tx) -> tuple[datetime, ...]:
    """Return the next slot boundaries before the end at which GPUs could be released instead."""
    grid = tx.policy.grid
    end = grid.floor(tx.now) + grid.slot
    found: list[datetime] = []
    while end < ends_at and len(found) < ENDS_OFFERED:
        found.append(end)
        end += grid.slot
    return tuple(found)


def expire(tx: Tx, row: ReservationRow) -> None:
    """Release what nobody has answered for, unless it is used by now. The caller has locked it.

    Without fresh readings nothing is released: the question stays open a little longer.
    """
    check = usage_checks.open_check(tx.session, row.id)
    if check is None or ReservationState(row.state) is not ReservationState.ACTIVE:
        return
    evidence = _evidence(tx, row)
    last = usage.last_use(evidence)
    used = _used_since(check, evidence)
    if tx.now < check.expires_at or (
        not used and not usage.is_evident(evidence, tx.now, tx.policy)
    ):
        again = max(check.expires_at, tx.now + timedelta(seconds=15))
        timers.arm(tx.session, TimerKind.USAGE_CHECK_EXPIRES, row.id, again)
        return
    if used:
        _close(tx, row, check, OfferState.WITHDRAWN, audit.CLOCKWORK)
        outbox.tell_holder(tx, row, UsageSeen(row.id, row.member.slack_user_id))
        outbox.show(tx, row)
        timers.arm(tx.session, TimerKind.USAGE_LOOKS, row.id, tx.now + tx.policy.idle_after)
        return
    _close(tx, row, check, OfferState.EXPIRED, audit.CLOCKWORK)
    _release(tx, row, f"{NO_USE}, and nobody answered")
    notice = UsageReleased(
        row.id,
        row.member.slack_user_id,
        check.kind,
        last or row.starts_at,
        _gpu_names(row),
    )
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.released",
        ("reservation", row.id),
        reason=check.kind,
        check=check.id,
    )


def _used_since(check: UsageCheckRow, evidence: Evidence) -> bool:
    """Tell whether what was missing has been seen since the question: a process, or real use."""
    for gpu in evidence.gpus:
        seen = [gpu.busy_at]
        if check.kind == UsageQuestion.NO_SHOW:
            seen.append(gpu.process_at)
        if any(instant is not None and instant > check.created_at for instant in seen):
            return True
    return evidence.run_unfinished


@dataclass(frozen=True, slots=True)
class Kept:
    """A reservation that its holder keeps, and how long nobody asks again."""

    view: ReservationView
    kept_for: timedelta


def keep(tx: Tx, member: Member, check_id: int) -> Kept:
    """Keep the GPUs; nobody is asked again for a while. Answering so again changes nothing.

    Raises:
        UnknownOffer: there is no such question.
        NotTheHolder: only the holder, a lead of the team or an admin may answer.
        OfferOver: it was answered otherwise, or too late.
        ReservationOver: the reservation is over, or is being released.
    """
    check, row = _lock(tx, member, check_id)
    if check.state == OfferState.DECLINED:
        return Kept(reservation_view(row), tx.policy.usage_kept_for)
    _require_open(check, row)
    _close(tx, row, check, OfferState.DECLINED, audit.by_member(member))
    outbox.show(tx, row)
    timers.arm(tx.session, TimerKind.USAGE_LOOKS, row.id, tx.now + tx.policy.usage_kept_for)
    return Kept(reservation_view(row), tx.policy.usage_kept_for)


def release(tx: Tx, member: Member, check_id: int) -> ReservationView:
    """Release the GPUs now. Answering so again changes nothing.

    Raises:
        UnknownOffer, NotTheHolder, OfferOver, ReservationOver: as `keep` does.
    """
    check, row = _lock(tx, member, check_id)
    over = ReservationState(row.state) in (ReservationState.ENDED, ReservationState.RELEASING)
    if check.state == OfferState.ACCEPTED and over:
        return reservation_view(row)
    _require_open(check, row)
    _close(tx, row, check, OfferState.ACCEPTED, audit.by_member(member))
    _release(tx, row, NO_USE)
    outbox.tell_thread(
        tx,
        row,
        ReservationReleased(row.id, member.slack_user_id, NO_USE, was_running=True),
    )
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.released",
        ("reservation", row.id),
        reason=NO_USE,
        check=check.id,
    )
    return reservation_view(row)


def release_at(tx: Tx, member: Member, check_id: int, end: datetime) -> ReservationView:
    """Let the reservation end at a sooner slot boundary. Answering so again changes nothing.

    Raises:
        UnknownOffer, NotTheHolder, OfferOver, ReservationOver: as `keep` does.
        EndNotEarlier, NothingLeft: the end is not between now and the end that it has.
    """
    check, row = _lock(tx, member, check_id)
    if check.state == OfferState.ACCEPTED and row.ends_at == end:
        return reservation_view(row)
    _require_open(check, row)
    _close(tx, row, check, OfferState.ACCEPTED, audit.by_member(member))
    return changing.shorten(tx, member, row.id, end)


def _lock(tx: Tx, member: Member, check_id: int) -> tuple[UsageCheckRow, ReservationRow]:
    found = tx.session.get(UsageCheckRow, check_id)
    if found is None:
        raise UnknownOffer(OFFER, check_id)
    row = reservations.lock(tx.session, found.reservation_id)
    check = tx.session.get(UsageCheckRow, check_id, populate_existing=True)
    if row is None or check is None:
        raise UnknownOffer(OFFER, check_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(row.id, row.member.slack_user_id)
    return check, row


def _require_open(check: UsageCheckRow, row: ReservationRow) -> None:
    if check.state not in (OfferState.OPEN, OfferState.WITHDRAWN):
        raise OfferOver(OFFER, check.state)
    # It is withdrawn when the reservation is over, and that is what people want to hear then.
    if ReservationState(row.state) is not ReservationState.ACTIVE:
        raise ReservationOver(row.id, row.state)
    if check.state != OfferState.OPEN:
        raise OfferOver(OFFER, check.state)


def _close(
    tx: Tx, row: ReservationRow, check: UsageCheckRow, state: OfferState, actor: audit.Actor
) -> None:
    check.state, check.decided_at = state, tx.now
    row.version += 1
    tx.session.flush()
    timers.disarm(tx.session, row.id, (TimerKind.USAGE_CHECK_EXPIRES,), tx.now)
    audit.record(
        tx, actor, f"usage.{state}", ("reservation", row.id), check=check.id, reason=check.kind
    )


def _release(tx: Tx, row: ReservationRow, reason: str) -> None:
    row.end_reason = reason
    stopping.release(tx, row, StopReason.REQUESTED)
    outbox.show(tx, row)
    due.arm_serve_waiting(tx)


def _gpu_names(row: ReservationRow) -> tuple[str, ...]:
    return tuple(gpu_on_host(claim.gpu).name for claim in row.claims)
