"""What is booked in a simulation: on which GPUs, from when to when, and what happens next."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from bot.domain.holdings import GpuOnHost
from bot.domain.time_window import TimeWindow
from bot.simulation.jobs import MINUTE, Job, Scenario
from bot.simulation.slot_index import Site, SlotIndex


class Then(Enum):
    """What happens at a minute, to a booking; an offer is for all in line."""

    START = auto()
    FINISH = auto()
    LATE = auto()
    END = auto()
    RELEASE = auto()
    CANCEL = auto()
    OFFER = auto()


@dataclass(slots=True)
class Work:
    """How far a job is. ``left_min`` is what is still to do."""

    job: Job
    left_min: int
    attempts: int = 0


@dataclass(slots=True, eq=False)
class Booking:
    """One reservation. Minutes are of the period; slots are those of the index.

    ``booked`` is the window as it was booked, ``start_min`` and ``end_min`` as it is by now.
    ``slots`` are those that it has taken on all of its GPUs, ``bits`` its GPUs; ``more`` are
    single slots besides, with the bits that it has there.
    """

    number: int
    work: Work
    gpus: tuple[GpuOnHost, ...]
    start_min: int
    end_min: int
    booked: tuple[int, int]
    slots: tuple[int, int]
    bits: dict[int, int]
    more: list[tuple[int, int, int]] = field(default_factory=list)
    begun: bool = False
    done_min: int | None = None
    over: bool = False
    version: int = 0
    works_from_min: int = 0
    is_taken_back: bool = False

    @property
    def job(self) -> Job:
        """Whose it is."""
        return self.work.job


class Book:
    """All bookings of a site, what is free, and the virtual clock's agenda."""

    def __init__(self, scenario: Scenario) -> None:
        policy = scenario.policy
        self.scenario = scenario
        self.site = Site(scenario.host_sizes)
        self.slot_min = policy.slot // MINUTE
        reach = 2 * policy.longest_reservation + policy.horizon
        self.slots = scenario.period_min // self.slot_min + reach // policy.slot + 2
        self.index = SlotIndex(self.site, self.slots)
        self.kept_from_p0 = SlotIndex(self.site, self.slots)
        self.by_gpu: defaultdict[int, list[Booking]] = defaultdict(list)
        self._agenda: list[tuple[int, int, int, Then, Booking | None]] = []
        self._numbers = 0

    # ---- the agenda

    def plan(self, minute: int, then: Then, booking: Booking | None = None) -> None:
        """Put the next thing of a booking on the agenda; a change of its version voids it."""
        self._numbers += 1
        version = booking.version if booking else 0
        heapq.heappush(self._agenda, (minute, self._numbers, version, then, booking))

    def due(self, minute: int) -> Iterator[tuple[int, Then, Booking | None]]:
        """Yield what happens up to a minute, in order; what is added meanwhile, too."""
        while self._agenda and self._agenda[0][0] <= minute:
            at, _, version, then, booking = heapq.heappop(self._agenda)
            if booking is None or (version == booking.version and not booking.over):
                yield at, then, booking

    # ---- what is held

    def slots_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the slots that a window touches."""
        return start // self.slot_min, -(-end // self.slot_min)

    def add(self, work: Work, gpus: tuple[GpuOnHost, ...], start: int, end: int) -> Booking:
        """Book GPUs that are free."""
        self._numbers += 1
        slots = self.slots_of(start, end)
        bits = self.site.bits_of(gpus)
        booking = Booking(self._numbers, work, gpus, start, end, (start, end), slots, bits)
        self.index.take(bits, *slots)
        if not work.job.priority.preemptible_by_default:
            self.kept_from_p0.take(bits, *slots)
        for gpu in gpus:
            self.by_gpu[gpu.gpu_id].append(booking)
        self.plan(start, Then.START, booking)
        return booking

    def lift(self, booking: Booking) -> None:
        """Take a booking out of what is taken, to see what it could have instead."""
        self._free(booking, booking.bits, *booking.slots)

    def put_back(self, booking: Booking) -> None:
        """Undo `lift`."""
        self.index.take(booking.bits, *booking.slots)
        if not booking.job.priority.preemptible_by_default:
            self.kept_from_p0.take(booking.bits, *booking.slots)

    def close(self, booking: Booking, now: int) -> None:
        """End a booking: its GPUs are free from now on."""
        booking.over = True
        self._give(booking, now // self.slot_min)
        for gpu in booking.gpus:
            self.by_gpu[gpu.gpu_id].remove(booking)
        if not booking.begun:
            self._leave_to_the_late(booking)

    def _leave_to_the_late(self, booking: Booking) -> None:
        """Leave the first slot of a booking to who was still on its GPUs in it."""
        slot = booking.slots[0]
        for gpu in booking.gpus:
            bit = {gpu.host_id: 1 << gpu.index}
            for one in self.by_gpu[gpu.gpu_id]:
                if one.end_min % self.slot_min and one.end_min // self.slot_min == slot:
                    self._keep(one, bit, slot)

    def _give(self, booking: Booking, from_slot: int) -> None:
        first, end = booking.slots
        self._free(booking, booking.bits, max(first, from_slot), end)
        for slot, host, mask in booking.more:
            if slot >= from_slot:
                self._free(booking, {host: mask}, slot, slot + 1)
        booking.more = [one for one in booking.more if one[0] < from_slot]
        booking.slots = (first, max(first, min(end, from_slot)))

    def _free(self, booking: Booking, bits: dict[int, int], first: int, end: int) -> None:
        if first < end:
            self.index.give(bits, first, end)
            if not booking.job.priority.preemptible_by_default:
                self.kept_from_p0.give(bits, first, end)

    def _keep(self, booking: Booking, bits: dict[int, int], slot: int) -> None:
        self.index.take(bits, slot, slot + 1)
        if not booking.job.priority.preemptible_by_default:
            self.kept_from_p0.take(bits, slot, slot + 1)
        booking.more += [(slot, host, mask) for host, mask in bits.items()]

    def can_grow(self, booking: Booking, end: int) -> bool:
        """Tell whether a booking's GPUs are free until a later end."""
        first, stop = -(-booking.end_min // self.slot_min), -(-end // self.slot_min)
        return not any(
            self.index.taken_at(slot, host) & mask
            for slot in range(first, min(stop, self.slots))
            for host, mask in booking.bits.items()
        )

    def grow(self, booking: Booking, end: int) -> None:
        """Let a booking last longer; in slots that somebody has next, only what is not taken."""
        for slot in range(-(-booking.end_min // self.slot_min), -(-end // self.slot_min)):
            for host, mask in booking.bits.items():
                self._keep(booking, {host: mask & ~self.index.taken_at(slot, host)}, slot)
        booking.end_min = end

    def cut(self, booking: Booking, end: int, given: dict[int, int]) -> None:
        """Let a booking end earlier; ``given`` bits are somebody else's from that slot on."""
        slot = end // self.slot_min
        had = self._bits_in(booking, slot)
        self._give(booking, slot)
        if end % self.slot_min:
            for host, mask in had.items():
                self._keep(booking, {host: mask & ~given.get(host, 0)}, slot)
        booking.end_min = end
        booking.version += 1

    def _bits_in(self, booking: Booking, slot: int) -> dict[int, int]:
        first, end = booking.slots
        if first <= slot < end:
            return dict(booking.bits)
        bits: dict[int, int] = {}
        for at, host, mask in booking.more:
            if at == slot:
                bits[host] = bits.get(host, 0) | mask
        return bits

    def next_of(self, booking: Booking) -> list[Booking]:
        """Return who has each of its GPUs next, each booking once."""
        found: dict[int, Booking] = {}
        for gpu in booking.gpus:
            later = [
                one
                for one in self.by_gpu[gpu.gpu_id]
                if one is not booking and one.start_min >= booking.end_min
            ]
            if later:
                first = min(later, key=lambda one: one.start_min)
                found[first.number] = first
        return list(found.values())

    def window(self, start: int, end: int) -> TimeWindow:
        """Return minutes as the domain knows time."""
        return TimeWindow(self.scenario.instant(start), self.scenario.instant(end))
