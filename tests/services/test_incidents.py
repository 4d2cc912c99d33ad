"""Incidents: told once, in one message for each place, which says by itself when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest

from bot.clockwork.incident_round import IncidentRound
from bot.domain.errors import AdminsOnly, UnknownIncident
from bot.domain.incident_notices import IncidentTold
from bot.domain.incidents import IncidentKind, IncidentState, IncidentView
from bot.domain.notices import notice_from_json
from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.ports.messenger import DeliveryFailed
from bot.protocol.messages import GpuInventory, GpuReading, HostReading, RegisterRequest, Report
from bot.services import booking, hosts, incident_views, incidents
from bot.services.transaction import Tx, UseCases
from bot.store.tables import OutboxRow
from tests.fakes.messenger import FakeMessenger
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.teams import a_member_of
from tests.support.world import a_host, a_member

P = ParamSpec("P")
T = TypeVar("T")
CHANNEL = "C0GPU"


class Site:
    """A host that reports what a test says, and the messages that come of it."""

    def __init__(self, berth: UseCases, clock: SetClock) -> None:
        self.berth, self.clock = berth, clock
        self.host_id = a_host(berth, gpus=2)
        self.slack = FakeMessenger()

    def report(self, host: HostReading | None = None, **of_gpu_0: Any) -> None:
        calm = {"temperature_c": 50.0, "memory_used_mib": 10.0, "memory_total_mib": 1000.0}
        readings = (
            GpuReading(uuid="GPU-host1-0", **{**calm, **of_gpu_0}),
            GpuReading(uuid="GPU-host1-1", **calm),
        )
        self.berth.write(
            hosts.take_report,
            Report(host_id=self.host_id, sent_at=self.clock.now(), gpus=readings, host=host),
        )

    def for_a_while(self, seconds: int, host: HostReading | None = None, **of_gpu_0: Any) -> None:
        for _ in range(seconds // 5):
            self.clock.advance(seconds=5)
            self.report(host, **of_gpu_0)

    def later(self, **span: float) -> None:
        self.clock.advance(**span)
        fire_all(self.berth)

    def open(self) -> tuple[IncidentView, ...]:
        return self.berth.read(incident_views.open_ones)

    def deliver(self) -> dict[str, IncidentView]:
        """Send what is due, and return what each place shows."""
        one_round = IncidentRound(_Run(self.berth), self.slack, "test")
        while asyncio.run(one_round.show_due()):
            pass
        return {card.lane: card.views[-1] for card in self.slack.incident_cards}

    def told_in_threads(self) -> list[IncidentTold]:
        def read(tx: Tx) -> list[IncidentTold]:
            rows = tx.session.query(OutboxRow).order_by(OutboxRow.id)
            notices = [notice_from_json(r.payload) for r in rows if r.payload.get("kind")]
            return [notice for notice in notices if isinstance(notice, IncidentTold)]

        return self.berth.read(read)

    def book(self) -> int:
        wish = ReserveRequest(timedelta(hours=2), gpu_count=2)
        made = self.berth.write(booking.reserve, a_member(self.berth), wish)
        fire_all(self.berth)
        return made.reservation_id


class _Run:
    """Use cases at once, for the asynchronous edge."""

    def __init__(self, berth: UseCases) -> None:
        self._berth = berth

    async def __call__(
        self, use_case: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return self._berth.run(use_case, *args, **kwargs)


@pytest.fixture
def site(berth: UseCases, clock: SetClock) -> Site:
    return Site(berth, clock)


def test_a_hot_gpu_is_told_to_its_holder_and_the_channel_once_and_says_when_it_is_over(
    site: Site,
) -> None:
    reservation_id = site.book()
    site.report(temperature_c=91.0)
    site.for_a_while(20, temperature_c=91.0)
    assert site.open() == (), "half a minute is not yet a trouble"
    with audited(site.berth) as trail:
        site.for_a_while(15, temperature_c=93.0)
    assert trail.only().action == "incident.opened"
    (view,) = site.open()
    assert (view.kind, view.place, view.value) == (IncidentKind.TOO_HOT, "gpu0@host1", 93.0)
    assert [one.reservation_id for one in view.holders] == [reservation_id]
    shown = site.deliver()
    assert set(shown) == {CHANNEL, "U0ALICE"}
    assert all(one.state is IncidentState.OPEN for one in shown.values())
    site.for_a_while(60, temperature_c=86.0)
    assert site.open(), "between the thresholds it goes on"
    site.for_a_while(130, temperature_c=60.0)
    assert site.open() == ()
    shown = site.deliver()
    assert {one.state for one in shown.values()} == {IncidentState.RESOLVED}
    assert {one.worst for one in shown.values()} == {93.0}
    assert len(site.slack.incident_cards) == 2, "edited, not posted again"
    assert [notice.is_open for notice in site.told_in_threads()] == [True, False]


def test_the_same_trouble_comes_back_into_the_same_message(site: Site) -> None:
    for _ in range(2):
        site.for_a_while(40, temperature_c=95.0)
        site.for_a_while(150, temperature_c=50.0)
        site.deliver()
    (card,) = site.slack.incident_cards
    assert card.views[-1].times == 2
    assert len(site.berth.read(incident_views.history, 30)) == 1


def test_what_was_only_suspected_leaves_no_trace(site: Site) -> None:
    site.for_a_while(10, temperature_c=95.0)
    site.for_a_while(5)
    assert site.berth.read(incident_views.history, 30) == ()
    assert site.deliver() == {}


def test_an_xid_is_told_at_once_and_each_new_one_again_in_the_same_message(site: Site) -> None:
    site.report(xid=31)
    site.deliver()
    site.for_a_while(60, xid=31)
    site.report(xid=79)
    assert [one.value for one in site.open()] == [79.0]
    assert site.deliver()[CHANNEL].value == 79.0
    assert len(site.slack.incident_cards) == 1
    site.for_a_while(3605, xid=79)
    assert site.open() == ()
    site.for_a_while(60, xid=79)
    assert site.open() == (), "the driver goes on naming the last one; that is no news"
    site.report(xid=None)
    site.report(xid=79)
    assert [one.times for one in site.open()] == [2], "after a restart of the agent it is one more"


def test_memory_errors_count_from_where_they_stood(site: Site) -> None:
    site.report(ecc_uncorrected=0)
    assert site.open() == ()
    site.report(ecc_uncorrected=2)
    site.report(ecc_uncorrected=None)
    site.report(ecc_uncorrected=2)
    assert [one.value for one in site.open()] == [2.0]
    site.for_a_while(3605, ecc_uncorrected=2)
    assert site.open() == ()
    site.report(ecc_uncorrected=0)  # the driver was loaded anew
    site.report(ecc_uncorrected=1)
    assert [one.value for one in site.open()] == [1.0]


def test_a_full_disk_and_full_memories_are_told(site: Site) -> None:
    full = HostReading(
        disk_free_mib=40, disk_total_mib=1000, memory_available_mib=30, memory_total_mib=1000
    )
    site.for_a_while(40, full, memory_used_mib=990.0)
    assert {one.kind for one in site.open()} == {
        IncidentKind.DISK_NEARLY_FULL,
        IncidentKind.HOST_MEMORY_NEARLY_FULL,
        IncidentKind.GPU_MEMORY_NEARLY_FULL,
    }
    assert {one.place for one in site.open()} == {"host1", "gpu0@host1"}


def test_a_silent_host_is_one_incident_until_it_is_back_for_a_while(site: Site) -> None:
    site.report()
    site.later(seconds=61)
    assert [one.kind for one in site.open()] == [IncidentKind.HOST_LOST]
    assert set(site.deliver()) == {CHANNEL}
    site.for_a_while(5)
    assert [one.state for one in site.open()] == [IncidentState.CLEARING]
    site.for_a_while(125)
    assert site.open() == ()
    assert site.told_in_threads() == [], "threads hear of it by the notice about their host"


def test_a_gpu_that_has_gone_is_told_in_the_channel_and_is_over_when_it_is_back(
    site: Site,
) -> None:
    def inventory(*indices: int) -> None:
        gpus = tuple(
            GpuInventory(uuid=f"GPU-host1-{i}", model="A100", memory_mib=81920, index=i)
            for i in indices
        )
        site.berth.write(
            hosts.register,
            RegisterRequest(protocol_version=1, agent_version="t", host_name="host1", gpus=gpus),
        )

    site.book()
    inventory(0)
    for _ in range(14):
        site.clock.advance(seconds=5)
        site.report()
    fire_all(site.berth)
    assert [(one.kind, one.place) for one in site.open()] == [(IncidentKind.GPU_LOST, "gpu1@host1")]
    assert set(site.deliver()) == {CHANNEL}, "the holder hears what becomes of the booking"
    inventory(0, 1)
    site.for_a_while(130)
    assert site.open() == ()


def test_an_admin_looks_after_it_and_every_message_says_so(site: Site) -> None:
    site.report(xid=79)
    site.deliver()
    (view,) = site.open()
    with pytest.raises(AdminsOnly):
        site.berth.write(incidents.acknowledge, a_member(site.berth), view.incident_id)
    channel_team = a_member(site.berth).team_id
    admin = a_member_of(site.berth, channel_team, "U0ADMIN", role=Role.ADMIN)
    with audited(site.berth) as trail:
        for _ in range(2):
            site.berth.write(incidents.acknowledge, admin, view.incident_id)
    assert trail.only().action == "incident.acknowledged"
    assert site.deliver()[CHANNEL].acknowledged_by_slack_id == "U0ADMIN"
    with pytest.raises(UnknownIncident):
        site.berth.write(incidents.acknowledge, admin, 999)


def test_a_message_that_fails_is_tried_again_and_never_doubled(site: Site) -> None:
    site.slack.lose_next_answer()
    site.report(xid=79)
    site.deliver()
    site.later(seconds=10)
    site.deliver()
    assert len(site.slack.incident_cards) == 1
    site.slack.fail_next(DeliveryFailed("internal_error"))
    site.report(xid=48)
    site.deliver()
    site.later(seconds=10)
    assert site.deliver()[CHANNEL].value == 48.0


def test_where_the_channel_is_archived_the_admins_get_it_instead(site: Site) -> None:
    team_id = a_member(site.berth).team_id
    a_member_of(site.berth, team_id, "U0ADMIN", role=Role.ADMIN)
    site.slack.archive(CHANNEL)
    site.report(xid=79)
    shown = site.deliver()
    assert "U0ADMIN" in shown
    assert CHANNEL not in shown
    with audited(site.berth) as trail:
        site.report(xid=48)
        shown = site.deliver()
    assert shown["U0ADMIN"].value == 48.0
    assert "delivery.refused" not in [event.action for event in trail.events], "told once"
