"""The question about use, maintenance and broken hardware, as rules of the machine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.maintenance import MaintenanceWish
from bot.domain.offers import OfferState
from bot.domain.states import ReservationKind, ReservationState
from bot.services import booking, hardware, maintenance, usage
from tests.support.machine_booking import GPU_NAMES, starts
from tests.support.machine_world import HOSTS, HOUR, World, mostly, people, picks

things = st.lists(
    st.sampled_from([*HOSTS, *GPU_NAMES, *GPU_NAMES]), min_size=1, max_size=2, unique=True
).map(tuple)
admins = st.sampled_from(["U0ADA"] * 8 + ["U0LEA"])


class UsageRules(World):
    """Keep, release, release at another end; silence is what the clock does."""

    @precondition(lambda self: self.every("usage_checks"))
    @rule(
        name=people,
        which=picks,
        rightly=mostly,
        answer=st.sampled_from(["keep", "release", "release at"]),
        slots=st.sampled_from([1, 1, 2, 0]),
    )
    def answer_about_use(
        self, name: str, which: int, rightly: bool, answer: str, slots: int
    ) -> None:
        asked = self.rows.of_state("usage_checks", OfferState.OPEN)
        check = self.pick(asked or self.every("usage_checks"), which)
        holder = self.rows.one("reservations", check.reservation_id).member_id
        member = self.someone(name, holder, rightly)
        if answer == "keep":
            self.act(usage.keep, member, check.id, again=True)
        elif answer == "release":
            self.act(usage.release, member, check.id, again=True)
        else:
            end = self.berth.policy.grid.floor(self.now) + slots * 2 * HOUR
            self.act(usage.release_at, member, check.id, end, again=True)


class OutageRules(World):
    """Maintenance planned and called off, hosts drained, GPUs broken and repaired."""

    @rule(name=admins, what=things, start=starts, minutes=st.sampled_from([30, 90, 300, 0]))
    def plan_maintenance(
        self, name: str, what: tuple[str, ...], start: int | None, minutes: int
    ) -> None:
        wish = MaintenanceWish(
            what,
            timedelta(minutes=minutes),
            start=self.hours_ahead(start),
            reason="new fans",
            request_key=self.a_key(),
        )
        self.act(maintenance.plan, self.members[name], wish, again=True)

    def planned(self) -> list[Any]:
        """Return the maintenance that is planned or goes on."""
        rows = self.rows.of_state("reservations", ReservationState.BOOKED, ReservationState.ACTIVE)
        return [row for row in rows if row.kind == ReservationKind.MAINTENANCE]

    @precondition(lambda self: self.planned())
    @rule(name=admins, which=picks)
    def call_maintenance_off(self, name: str, which: int) -> None:
        row = self.pick(self.planned(), which)
        self.act(booking.cancel, self.members[name], row.id, "not needed", again=True)

    @precondition(lambda self: not self._is_out_of_service())
    @rule(name=admins, what=things, whole=st.booleans())
    def take_out_of_service(self, name: str, what: tuple[str, ...], whole: bool) -> None:
        if whole:
            host = what[0].rpartition("@")[2]
            self.act(hardware.drain, self.members[name], host, "fans", again=True)
        else:
            self.act(hardware.mark_broken, self.members[name], what, "ECC", again=True)

    def _is_out_of_service(self) -> bool:
        broken = any(gpu.broken_at is not None for gpu in self.every("gpus"))
        return broken or any(host.drained_at is not None for host in self.every("hosts"))

    @precondition(lambda self: self._is_out_of_service())
    @rule(name=admins)
    def take_back_into_service(self, name: str) -> None:
        self.act(hardware.mark_repaired, self.members[name], tuple(HOSTS), again=True)
        for host in HOSTS:
            self.act(hardware.undrain, self.members[name], host, again=True)
        self.act(hardware.out_of_service)
