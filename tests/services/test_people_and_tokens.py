"""Who is who, what is a good token, and that looking changes nothing."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.errors import TokenRefused, UnknownReservation
from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import booking, hosts, outbox, people, queries, roles, tokens, upkeep
from bot.services.tokens import Scope
from bot.services.transaction import UseCases, is_read_only
from bot.store.tables import Base, GpuRow, TokenRow
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member


def test_a_newcomer_joins_the_default_team(berth: UseCases) -> None:
    with audited(berth) as trail:
        alice = a_member(berth)
    assert (alice.team_name, alice.role) == ("everyone", Role.MEMBER)
    assert [(event.action, event.actor) for event in trail.events] == [
        ("team.created", "operator"),
        ("member.joined", "U0ALICE"),
    ]
    with audited(berth) as trail:
        assert a_member(berth) == alice
    assert trail.actions == []
    with audited(berth) as trail:
        assert a_member(berth, "U0ROOT", admin=True).role is Role.ADMIN
    assert trail.only().action == "member.joined"


def test_name_and_time_zone_follow_slack(berth: UseCases) -> None:
    alice = a_member(berth)
    with audited(berth) as trail:
        moved = berth.write(
            people.identify,
            "U0ALICE",
            name="Alice B.",
            time_zone="Asia/Tokyo",
            is_workspace_admin=False,
        )
    assert (moved.member_id, moved.name, moved.time_zone) == (
        alice.member_id,
        "Alice B.",
        "Asia/Tokyo",
    )
    event = trail.only()
    assert (event.action, event.subject_id) == ("member.updated", alice.member_id)


def test_who_comes_to_run_the_workspace_later_becomes_an_admin(berth: UseCases) -> None:
    assert a_member(berth).role is Role.MEMBER
    with audited(berth) as trail:
        assert a_member(berth, admin=True).role is Role.ADMIN
    event = trail.only()
    assert (event.action, event.actor, event.data["role"]) == (
        "member.role_changed",
        "clockwork",
        "admin",
    )
    with audited(berth) as trail:
        a_member(berth, admin=True)
        assert a_member(berth, admin=False).role is Role.ADMIN, "nobody is demoted by Slack"
    assert trail.actions == []


def test_the_word_of_an_admin_of_berth_wins_over_that_of_slack(berth: UseCases) -> None:
    ada, bob = a_member(berth, "U0ADA", admin=True), a_member(berth, "U0BOB")
    berth.write(roles.set_role, ada, bob.slack_user_id, Role.ADMIN)
    assert a_member(berth, "U0BOB", admin=False).role is Role.ADMIN
    berth.write(roles.set_role, ada, bob.slack_user_id, Role.VIEWER)
    assert a_member(berth, "U0BOB", admin=True).role is Role.VIEWER


def test_a_team_posts_where_the_configuration_says(berth: UseCases) -> None:
    with audited(berth) as trail:
        first = berth.write(people.ensure_team, "vision", "C1")
        assert berth.write(people.ensure_team, "vision", "C1") == first
        assert berth.write(people.ensure_team, "vision", "C2") == first
    assert trail.actions == ["team.created", "team.moved"]


def test_a_token_is_kept_as_its_digest_and_shown_once(berth: UseCases) -> None:
    with audited(berth) as trail:
        token = berth.write(tokens.create_token, "host1", Scope.AGENT)
    assert token.startswith(tokens.PREFIX)
    row = berth.database.read(lambda s: s.scalars(select(TokenRow)).one())
    assert row.sha256 == hashlib.sha256(token.encode()).hexdigest()
    event = trail.only()
    assert event.action == "token.created"
    assert token not in repr([event.data, event.reason, vars(row)])
    berth.run(tokens.check_token, token, Scope.AGENT)
    assert berth.write(tokens.create_token, "host1", Scope.AGENT) != token


def test_a_token_that_is_given_is_accepted_once(berth: UseCases) -> None:
    with audited(berth) as trail:
        for _ in range(2):
            berth.write(tokens.add_token, "host1", Scope.AGENT, "berth_given")
    assert trail.actions == ["token.created"]
    berth.run(tokens.check_token, "berth_given", Scope.AGENT)


@pytest.mark.parametrize("token", ["", "berth_", "berth_unknown", "é", "x" * 10_000])
def test_an_unknown_token_is_refused(berth: UseCases, token: str) -> None:
    berth.write(tokens.create_token, "host1", Scope.AGENT)
    with pytest.raises(TokenRefused):
        berth.run(tokens.check_token, token, Scope.AGENT)


def test_a_revoked_token_is_refused_from_then_on(berth: UseCases) -> None:
    token = berth.write(tokens.create_token, "host1", Scope.AGENT)
    other = berth.write(tokens.create_token, "host2", Scope.AGENT)
    with audited(berth) as trail:
        assert berth.write(tokens.revoke_token, "host1") == 1
        assert berth.write(tokens.revoke_token, "host1") == 0
    assert trail.actions == ["token.revoked"]
    with pytest.raises(TokenRefused):
        berth.run(tokens.check_token, token, Scope.AGENT)
    berth.run(tokens.check_token, other, Scope.AGENT)


def register(berth: UseCases, name: str, *uuids: str) -> int:
    gpus = tuple(
        GpuInventory(uuid=uuid, model="A100", memory_mib=81920, index=index)
        for index, uuid in enumerate(uuids)
    )
    request = RegisterRequest(protocol_version=1, agent_version="t", host_name=name, gpus=gpus)
    return berth.write(hosts.register, request).host_id


def present(berth: UseCases) -> dict[str, tuple[int, bool]]:
    return berth.database.read(
        lambda s: {row.uuid: (row.host_id, row.present) for row in s.scalars(select(GpuRow))}
    )


def test_a_host_registers_once_and_its_inventory_follows(berth: UseCases) -> None:
    with audited(berth) as trail:
        one = register(berth, "host1", "GPU-a", "GPU-b")
    event = trail.only()
    assert (event.action, event.actor) == ("host.registered", "host1")
    with audited(berth) as trail:
        assert register(berth, "host1", "GPU-a", "GPU-b") == one
    assert trail.actions == [], "announcing the same again is no change"
    with audited(berth) as trail:
        assert register(berth, "host1", "GPU-a") == one
    assert trail.only().action == "host.inventory_changed"
    assert present(berth) == {"GPU-a": (one, True), "GPU-b": (one, False)}


def test_a_gpu_moves_with_its_card(berth: UseCases) -> None:
    one = register(berth, "host1", "GPU-a", "GPU-b")
    two = register(berth, "host2", "GPU-b")
    assert present(berth) == {"GPU-a": (one, True), "GPU-b": (two, True)}
    register(berth, "host1", "GPU-a")
    assert present(berth)["GPU-b"] == (two, True), "its old host cannot take it away"
    assert [gpu.host_name for gpu in gpus_of(berth)] == ["host1", "host2"]


def gpus_of(berth: UseCases) -> list[Any]:
    return [gpu.gpu for host in berth.run(queries.status).hosts for gpu in host.gpus]


def test_looking_changes_nothing(berth: UseCases, clock: SetClock) -> None:
    host_id = a_host(berth, gpus=2)
    alice = a_member(berth)
    request = ReserveRequest(timedelta(hours=2), run=TINY_RUN)
    berth.run(booking.reserve, alice, request)
    token = berth.write(tokens.create_token, "host1", Scope.AGENT)
    looks: dict[Callable[..., Any], tuple[Any, ...]] = {
        queries.status: (),
        queries.mine: (alice,),
        queries.reservation: (1,),
        queries.booking_form: (),
        hosts.desired_state: (host_id,),
        hosts.desired_revisions: (),
        tokens.check_token: (token, Scope.AGENT),
        upkeep.next_timer_at: (),
        outbox.next_delivery_at: (),
    }
    before = everything(berth)
    for look, arguments in looks.items():
        assert is_read_only(look), f"{look.__name__} runs beside the writers"
        first = berth.run(look, *arguments)
        assert berth.run(look, *arguments) == first
    assert everything(berth) == before
    with pytest.raises(UnknownReservation):
        berth.run(queries.reservation, 99)


def everything(berth: UseCases) -> dict[str, list[Any]]:
    with berth.database.engine.connect() as connection:
        return {
            table.name: list(connection.execute(select(table).order_by(*table.primary_key)))
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.parametrize(
    "change",
    [
        booking.reserve,
        booking.cancel,
        booking.extend,
        hosts.register,
        hosts.take_report,
        upkeep.fire,
    ],
)
def test_what_changes_is_never_marked_as_looking(change: Callable[..., Any]) -> None:
    assert not is_read_only(change)


def test_the_booking_form_knows_what_can_be_asked_for(berth: UseCases) -> None:
    a_host(berth, "host1", 4)
    a_host(berth, "host2", 2)
    form = berth.run(queries.booking_form)
    assert (form.gpu_count, form.largest_host_gpus) == (6, 4)
    assert (form.slot, form.longest) == (timedelta(hours=2), timedelta(days=7))
    assert form.run_defaults == berth.defaults.run


def test_my_reservations_by_start_and_only_open_ones(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=4)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    for who, hours in ((alice, 6), (alice, 2), (bob, 2), (alice, 4)):
        start = clock.now() + timedelta(hours=hours)
        berth.run(booking.reserve, who, ReserveRequest(timedelta(hours=2), start=start))
    berth.run(booking.cancel, alice, 4, "no")
    assert [view.reservation_id for view in berth.run(queries.mine, alice)] == [2, 1]
