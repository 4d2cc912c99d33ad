"""A reservation is offered, taken or not; what runs on it never notices."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    CannotHandOver,
    CannotReceive,
    NotAllowed,
    NotTheHolder,
    OfferOver,
    OverQuota,
    ReservationOver,
    UnknownOffer,
    UnknownReservation,
)
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.views import ReservationView
from bot.services import booking, people, queries, transfers, upkeep
from bot.services.transaction import Tx, UseCases
from bot.store.offer_tables import TransferRow
from bot.store.tables import (
    AttemptRow,
    AuditEventRow,
    ClaimRow,
    MemberRow,
    OutboxRow,
    ReservationRow,
    TeamRow,
)
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def alice(berth: UseCases) -> Member:
    a_host(berth, gpus=4)
    return a_member(berth)


@pytest.fixture
def bob(berth: UseCases) -> Member:
    return a_member(berth, "U0BOB")


def book(berth: UseCases, member: Member, *, hours_ahead: int = 0, **more: object) -> int:
    request = ReserveRequest(TWO_HOURS, **more)  # type: ignore[arg-type] # fields of a request
    if hours_ahead:
        request = ReserveRequest(
            TWO_HOURS,
            start=berth.clock.now() + timedelta(hours=hours_ahead),
            **more,  # type: ignore[arg-type] # fields of a request
        )
    return berth.run(booking.reserve, member, request).reservation_id


def fire_due(berth: UseCases) -> None:
    for timer in berth.write(upkeep.claim_timers, "test"):
        berth.write(upkeep.fire, timer, "test")


def test_what_is_over_but_not_yet_ended_is_not_offered(
    berth: UseCases, alice: Member, bob: Member, clock: SetClock
) -> None:
    number = book(berth, alice)
    ends_at = berth.run(queries.reservation, number).window.end
    clock.move_to(ends_at)  # its timer has not fired yet
    with pytest.raises(ReservationOver):
        berth.run(transfers.offer, alice, number, bob)


def join_team(berth: UseCases, member: Member, team: str, **quota: object) -> Member:
    """Move a member to a team of that name and return them as they are from now on."""

    def move(tx: Tx) -> Member:
        team_id = people.ensure_team(tx, team, "C0OTHER")
        row = tx.session.get_one(MemberRow, member.member_id)
        team_row = tx.session.get_one(TeamRow, team_id)
        for name, value in quota.items():
            setattr(team_row, name, value)
        row.team = team_row
        tx.session.flush()
        return people.member_of(row)

    return berth.write(move)


def view(berth: UseCases, reservation_id: int) -> ReservationView:
    return berth.run(queries.reservation, reservation_id)


def direct(berth: UseCases, user: str) -> list[str]:
    """The kinds of the notices meant for one person alone, with the state where they tell one."""
    rows = berth.database.read(
        lambda s: s.scalars(
            select(OutboxRow).where(OutboxRow.lane == f"dm:{user}").order_by(OutboxRow.id)
        ).all()
    )
    return [f"{row.payload['kind']} {row.payload.get('state', '')}".strip() for row in rows]


def test_who_is_offered_a_reservation_takes_it_and_it_counts_for_their_team(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    bob = join_team(berth, bob, "vision")
    number = book(berth, alice, gpu_count=2, run=TINY_RUN, hours_ahead=4)
    before = view(berth, number)
    offered = berth.run(transfers.offer, alice, number, bob, "on leave")
    assert offered.state is OfferState.OPEN
    assert offered.to_slack_id == "U0BOB"
    assert view(berth, number).holder_slack_id == "U0ALICE", "until it is accepted"
    taken = berth.run(transfers.accept, bob, offered.transfer_id)
    assert taken.state is OfferState.ACCEPTED
    after = view(berth, number)
    assert (after.holder_slack_id, after.team_name) == ("U0BOB", "vision")
    assert (after.gpus, after.window, after.run) == (before.gpus, before.window, before.run)
    assert berth.run(queries.mine, alice) == ()
    assert direct(berth, "U0BOB") == ["transfer_offered"]
    assert direct(berth, "U0ALICE") == ["transfer_decided accepted"]
    with pytest.raises(NotTheHolder):
        berth.run(booking.cancel, alice, number, "")


def test_a_card_stays_in_the_channel_where_it_stands(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    bob = join_team(berth, bob, "vision")
    number = book(berth, alice)
    berth.run(transfers.accept, bob, berth.run(transfers.offer, alice, number, bob).transfer_id)
    berth.run(booking.cancel, bob, number, "done")
    lanes = berth.database.read(
        lambda s: set(
            s.scalars(select(OutboxRow.lane).where(OutboxRow.kind.in_(["card", "thread"])))
        )
    )
    assert lanes == {"C0GPU"}
    assert berth.run(queries.status).free_count == 4


def test_a_run_goes_on_through_a_transfer(berth: UseCases, alice: Member, bob: Member) -> None:
    number = book(berth, alice, run=TINY_RUN)
    fire_due(berth)
    attempts = berth.database.read(lambda s: s.scalars(select(AttemptRow)).all())
    claims = berth.database.read(lambda s: s.scalars(select(ClaimRow)).all())
    assert len(attempts) == 1
    offered = berth.run(transfers.offer, alice, number, bob)
    assert offered.expires_at == view(berth, number).window.end
    berth.run(transfers.accept, bob, offered.transfer_id)
    after = berth.database.read(lambda s: s.scalars(select(AttemptRow)).all())
    assert [(a.id, a.fence, a.state, a.stop_reason) for a in after] == [
        (a.id, a.fence, a.state, a.stop_reason) for a in attempts
    ]
    kept = berth.database.read(lambda s: s.scalars(select(ClaimRow)).all())
    assert [(c.id, c.gpu_id, c.live, c.ends_at) for c in kept] == [
        (c.id, c.gpu_id, c.live, c.ends_at) for c in claims
    ]
    berth.run(booking.cancel, bob, number, "enough")


def test_declining_leaves_it_and_tells_the_holder_why(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    number = book(berth, alice)
    offered = berth.run(transfers.offer, alice, number, bob)
    berth.run(transfers.decline, bob, offered.transfer_id, "no time")
    again = berth.run(transfers.decline, bob, offered.transfer_id, "still none")
    assert again.state is OfferState.DECLINED
    assert view(berth, number).holder_slack_id == "U0ALICE"
    assert direct(berth, "U0ALICE") == ["transfer_decided declined"]
    with pytest.raises(OfferOver):
        berth.run(transfers.accept, bob, offered.transfer_id)
    reasons = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow.reason).where(AuditEventRow.action == "transfer.declined")
        ).all()
    )
    assert reasons == ["no time"]


def test_a_new_offer_withdraws_the_former(berth: UseCases, alice: Member, bob: Member) -> None:
    number, carol = book(berth, alice), a_member(berth, "U0CAROL")
    first = berth.run(transfers.offer, alice, number, bob)
    assert berth.run(transfers.offer, alice, number, bob) == first, "the same again changes nothing"
    second = berth.run(transfers.offer, alice, number, carol)
    assert direct(berth, "U0BOB") == ["transfer_offered", "transfer_decided withdrawn"]
    with pytest.raises(OfferOver) as over:
        berth.run(transfers.accept, bob, first.transfer_id)
    assert over.value.state == "withdrawn"
    berth.run(transfers.accept, carol, second.transfer_id)
    assert view(berth, number).holder_slack_id == "U0CAROL"


def test_an_offer_can_be_withdrawn_by_its_holder_alone(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    offered = berth.run(transfers.offer, alice, book(berth, alice), bob)
    with pytest.raises(NotTheHolder):
        berth.run(transfers.withdraw, bob, offered.transfer_id)
    for _ in range(2):
        assert (
            berth.run(transfers.withdraw, alice, offered.transfer_id).state is OfferState.WITHDRAWN
        )
    with pytest.raises(OfferOver):
        berth.run(transfers.decline, bob, offered.transfer_id)


def test_silence_ends_an_offer_after_four_hours(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    offered = berth.run(transfers.offer, alice, book(berth, alice, hours_ahead=24), bob)
    assert offered.expires_at == clock.now() + timedelta(hours=4)
    clock.advance(hours=4)
    with pytest.raises(OfferOver):
        berth.run(transfers.accept, bob, offered.transfer_id)
    fire_due(berth)
    assert berth.run(transfers.look_up, offered.transfer_id).state is OfferState.EXPIRED
    assert direct(berth, "U0ALICE") == ["transfer_decided expired"]
    assert direct(berth, "U0BOB") == ["transfer_offered", "transfer_decided expired"]


def test_the_start_ends_an_offer_of_what_is_booked(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    number = book(berth, alice, hours_ahead=2)
    offered = berth.run(transfers.offer, alice, number, bob)
    assert offered.expires_at == view(berth, number).window.start
    clock.move_to(offered.expires_at)
    fire_due(berth)
    assert berth.run(transfers.look_up, offered.transfer_id).state is OfferState.EXPIRED


def test_an_offer_of_what_was_cancelled_is_over_and_the_other_is_told(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    number = book(berth, alice, hours_ahead=4)
    offered = berth.run(transfers.offer, alice, number, bob)
    berth.run(booking.cancel, alice, number, "no need")
    assert direct(berth, "U0BOB")[-1] == "transfer_decided withdrawn"
    with pytest.raises(OfferOver):
        berth.run(transfers.accept, bob, offered.transfer_id)


def test_what_cannot_be_handed_over(berth: UseCases, alice: Member, bob: Member) -> None:
    number = book(berth, alice)
    with pytest.raises(UnknownReservation):
        berth.run(transfers.offer, alice, 99, bob)
    with pytest.raises(NotTheHolder):
        berth.run(transfers.offer, bob, number, bob)
    with pytest.raises(CannotHandOver) as theirs:
        berth.run(transfers.offer, alice, number, alice)
    assert theirs.value.why == "already_theirs"
    with pytest.raises(UnknownOffer):
        berth.run(transfers.accept, bob, 99)
    carol = a_member(berth, "U0CAROL")
    offered = berth.run(transfers.offer, alice, number, bob)
    for act in (transfers.accept, transfers.decline):
        with pytest.raises(NotAllowed):
            berth.run(act, carol, offered.transfer_id)

    def only_looks(tx: Tx) -> Member:
        row = tx.session.get_one(MemberRow, carol.member_id)
        row.role = "viewer"
        return people.member_of(row)

    with pytest.raises(CannotReceive):
        berth.run(transfers.offer, alice, number, berth.write(only_looks))
    berth.run(booking.cancel, alice, number, "")
    with pytest.raises(ReservationOver):
        berth.run(transfers.offer, alice, number, bob)


def test_the_receiving_teams_quota_counts_at_the_offer_and_at_the_answer(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    bob = join_team(berth, bob, "vision", quota_gpus_at_once=2)
    number = book(berth, alice, gpu_count=3, hours_ahead=4)
    with pytest.raises(OverQuota) as over:
        berth.run(transfers.offer, alice, number, bob)
    assert over.value.team_name == "vision"
    number = book(berth, alice, gpu_count=1, hours_ahead=4)
    offered = berth.run(transfers.offer, alice, number, bob)
    join_team(berth, bob, "vision", quota_gpus_at_once=0)
    with pytest.raises(OverQuota):
        berth.run(transfers.accept, bob, offered.transfer_id)
    assert view(berth, number).holder_slack_id == "U0ALICE"
    dora = a_member(berth, "U0DORA")
    berth.run(transfers.offer, alice, number, dora)


def test_an_asking_that_both_have_used_stays_with_the_new_holders_own(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    number = book(berth, alice, request_key="nightly")
    own = book(berth, bob, request_key="nightly")
    offered = berth.run(transfers.offer, alice, number, bob)
    berth.run(transfers.accept, bob, offered.transfer_id)
    assert book(berth, bob, request_key="nightly") == own
    assert berth.database.read(lambda s: s.get_one(ReservationRow, number).request_key) is None


def test_accepting_twice_changes_nothing(berth: UseCases, alice: Member, bob: Member) -> None:
    offered = berth.run(transfers.offer, alice, book(berth, alice), bob)
    first = berth.run(transfers.accept, bob, offered.transfer_id)
    assert berth.run(transfers.accept, bob, offered.transfer_id) == first
    assert direct(berth, "U0ALICE") == ["transfer_decided accepted"]
    count = berth.database.read(
        lambda s: len(s.scalars(select(TransferRow).where(TransferRow.state == "accepted")).all())
    )
    assert count == 1


def test_people_are_found_by_what_they_are_called(berth: UseCases, bob: Member) -> None:
    assert berth.run(transfers.people_named, "bOb") == (bob.slack_user_id,)
    assert berth.run(transfers.people_named, "zed") == ()
