"""Reservations with a virtual clock: jobs book, start, finish, come late, are taken back."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.continuations import first_window
from bot.domain.holdings import GpuOnHost
from bot.domain.priority import Priority
from bot.simulation.bookings import Book, Booking, Then, Work
from bot.simulation.jobs import MINUTE, Job, Scenario, Sharing
from bot.simulation.late_runs import go_over
from bot.simulation.ledger import Ledger, Loss
from bot.simulation.taking_back import Seizure, plan_seizure
from bot.simulation.waiting_line import RecentUse, WaitingLine

_AGAIN_MARGIN = 1.05
"""What is left is known well once a run has trained: so much is booked for it."""


class Reserving:
    """Berth's reservations, with or without preemption and overrun."""

    def __init__(self, scenario: Scenario, ledger: Ledger, sharing: Sharing) -> None:
        policy = scenario.policy
        self._scenario = scenario
        self._ledger = ledger
        self._sharing = sharing
        self.book = Book(scenario)
        self._line = WaitingLine(scenario)
        self._use = RecentUse(scenario)
        self._offer_min = policy.waitlist_offer // MINUTE
        self._offer_is_planned = False
        self._stop_lead_min = -(-policy.stop_lead // MINUTE)
        self._no_show_min = (policy.no_show_after + policy.usage_answer_within) // MINUTE
        self._idle_min = (policy.idle_after + policy.usage_answer_within) // MINUTE
        self._longest_min = policy.longest_reservation // MINUTE
        self._handlers: dict[Then, Callable[[Booking, int], None]] = {
            Then.START: self._start,
            Then.FINISH: self._finish,
            Then.LATE: self._late,
            Then.END: self._end,
            Then.RELEASE: self._release,
            Then.CANCEL: self._cancel,
        }

    def run(self) -> None:
        """Play the whole period."""
        for job in self._scenario.jobs:
            self._until(job.arrives_min)
            self._arrive(job)
        self._until(self._scenario.period_min - 1)
        self._stop_the_clock()

    def _until(self, minute: int) -> None:
        for at, then, booking in self.book.due(minute):
            if booking is None:
                self._serve_waiting(at)
            else:
                self._handlers[then](booking, at)

    # ---- booking

    def _arrive(self, job: Job) -> None:
        now = job.arrives_min
        work = Work(job, job.work_min)
        length = min(job.asked_min + self._stop_lead_min, self._longest_min)
        booking = self._book(work, length, now)
        if booking is None:
            self._ledger.counts["found no window"] += 1
            return
        gives_up = job.cancel_after_min
        if gives_up is not None and now + gives_up < booking.start_min:
            self.book.plan(now + gives_up, Then.CANCEL, booking)

    def _book(self, work: Work, length: int, now: int) -> Booking | None:
        found = self._nearest(work.job.gpu_count, length, now)
        if self._sharing.preempts and work.job.priority is Priority.P0:
            due = work.job.due_min
            if found is None or (due is not None and found[1] + work.left_min > due):
                seizure = plan_seizure(self.book, work.job.gpu_count, length, now)
                if seizure is not None and (found is None or seizure.start_min < found[1]):
                    return self._take_back(work, seizure, now)
        if found is None:
            return None
        booking = self.book.add(work, *found)
        if booking.start_min > now:
            self._line.join(booking)
        return booking

    def _nearest(
        self, count: int, length: int, now: int
    ) -> tuple[tuple[GpuOnHost, ...], int, int] | None:
        """Return GPUs with the first window that has them: now, or from a slot's beginning on."""
        book, scenario = self.book, self._scenario
        start, end = self._window_now(length, now)
        gpus = book.site.choose(book.index.free(*book.slots_of(start, end)), count)
        if gpus is not None:
            return gpus, start, end
        slots = -(-max(length, book.slot_min) // book.slot_min)
        last = (now + scenario.policy.horizon // MINUTE) // book.slot_min
        first = book.index.nearest(
            count, now // book.slot_min + 1, slots, min(last, book.slots - slots)
        )
        if first is None:
            return None
        gpus = book.site.choose(book.index.free(first, first + slots), count)
        if gpus is None:
            return None
        return gpus, first * book.slot_min, (first + slots) * book.slot_min

    def _window_now(self, length: int, now: int) -> tuple[int, int]:
        scenario = self._scenario
        instant = scenario.instant(now)
        window = first_window(instant, length * MINUTE, now=instant, grid=scenario.policy.grid)
        return scenario.minute(window.start), scenario.minute(window.end)

    # ---- what happens to a booking

    def _start(self, booking: Booking, now: int) -> None:
        job, work = booking.job, booking.work
        booking.begun = True
        self._line.leave(booking)
        self._use.change(job.team_id, job.gpu_count, now)
        if not job.shows_up:
            self._ledger.counts["no-shows"] += 1
            self.book.plan(min(now + self._no_show_min, booking.end_min), Then.RELEASE, booking)
            return
        self._ledger.started.setdefault(job.number, now)
        booking.works_from_min = now + (self._scenario.restart_min if work.attempts else 0)
        work.attempts += 1
        self._foresee(booking)

    def _foresee(self, booking: Booking) -> None:
        """Put on the agenda how a run that trains comes to its end."""
        done_at = booking.works_from_min + booking.work.left_min
        stop_at = max(booking.end_min - self._stop_lead_min, booking.start_min)
        if done_at <= stop_at:
            self.book.plan(done_at, Then.FINISH, booking)
        elif self._sharing.overruns and not booking.is_taken_back:
            self.book.plan(stop_at, Then.LATE, booking)
        else:
            self.book.plan(booking.end_min, Then.END, booking)

    def _finish(self, booking: Booking, now: int) -> None:
        job = booking.job
        self._ledger.use(job.gpu_count, booking.works_from_min, now)
        self._ledger.lose(Loss.RESTART, job.gpu_count, booking.start_min, booking.works_from_min)
        booking.work.left_min = 0
        booking.done_min = now
        self._ledger.done[job.number] = now
        gone_at = now if job.releases else min(booking.end_min, now + self._idle_min)
        self.book.plan(gone_at, Then.RELEASE, booking)

    def _late(self, booking: Booking, _now: int) -> None:
        if go_over(self.book, booking, self._ledger):
            self._foresee(booking)
        else:
            self.book.plan(booking.end_min, Then.END, booking)

    def _end(self, booking: Booking, now: int) -> None:
        """Stop a run that is not done, with a checkpoint, and book it again."""
        work = booking.work
        saved = self._account_for_a_stop(booking, now)
        work.left_min -= saved
        self._ledger.counts["preempted" if booking.is_taken_back else "stopped at the end"] += 1
        self._leave(booking, now)
        self._book_again(work, now)

    def _account_for_a_stop(self, booking: Booking, now: int) -> int:
        gpus, begun_at = booking.job.gpu_count, min(booking.works_from_min, now)
        stopped_at = max(begun_at, now - self._stop_lead_min)
        every = self._scenario.checkpoint_every_min
        saved = (stopped_at - begun_at) // every * every
        self._ledger.use(gpus, begun_at, begun_at + saved)
        self._ledger.lose(Loss.REDONE, gpus, begun_at + saved, stopped_at)
        self._ledger.lose(Loss.RESTART, gpus, booking.start_min, begun_at)
        self._ledger.lose(Loss.RESTART, gpus, stopped_at, now)
        return saved

    def _book_again(self, work: Work, now: int) -> None:
        if work.attempts:
            needed = round(work.left_min * _AGAIN_MARGIN) + self._scenario.restart_min
        else:
            needed = work.job.asked_min
        length = min(needed + self._stop_lead_min, self._longest_min)
        if self._book(work, length, now) is None:
            self._ledger.counts["found no window"] += 1

    def _release(self, booking: Booking, now: int) -> None:
        gpus = booking.job.gpu_count
        if booking.done_min is not None:
            self._ledger.lose(Loss.AFTER_DONE, gpus, booking.done_min, now)
        elif booking.begun:
            self._ledger.lose(Loss.NO_SHOW, gpus, booking.start_min, now)
        self._leave(booking, now)

    def _cancel(self, booking: Booking, now: int) -> None:
        if not booking.begun:
            self._ledger.counts["cancelled"] += 1
            self._ledger.dropped.add(booking.job.number)
            self._line.leave(booking)
            self.book.close(booking, now)
            self._offer_soon(now)

    def _leave(self, booking: Booking, now: int) -> None:
        self._ledger.hold([gpu.gpu_id for gpu in booking.gpus], booking.start_min, now)
        self._use.change(booking.job.team_id, -booking.job.gpu_count, now)
        self.book.close(booking, now)
        self._offer_soon(now)

    # ---- time that is given back

    def _offer_soon(self, now: int) -> None:
        if not self._offer_is_planned:
            self._offer_is_planned = True
            self.book.plan(now + self._offer_min, Then.OFFER)

    def _serve_waiting(self, now: int) -> None:
        self._offer_is_planned = False
        self._line.serve(self._use.hours(now), lambda booking: self._bring_forward(booking, now))

    def _bring_forward(self, booking: Booking, now: int) -> bool:
        """Let a booking begin now, if that is a slot earlier at least and there are GPUs."""
        is_moved = booking.start_min != booking.booked[0]
        if is_moved or booking.start_min - now < self.book.slot_min:
            return False
        self.book.lift(booking)
        start, end = self._window_now(booking.end_min - booking.start_min, now)
        slots = self.book.slots_of(start, end)
        gpus = self.book.site.choose(self.book.index.free(*slots), booking.job.gpu_count)
        self.book.put_back(booking)
        if gpus is None:
            return False
        self._line.leave(booking)
        self.book.close(booking, now)
        self.book.add(booking.work, gpus, start, end)
        self._ledger.counts["brought forward"] += 1
        return True

    # ---- preemption

    def _take_back(self, work: Work, seizure: Seizure, now: int) -> Booking:
        given = self.book.site.bits_of(seizure.gpus)
        waiting = [one for one in seizure.victims if not one.begun]
        for victim in seizure.victims:
            self._ledger.counts["reservations taken back"] += 1
            if victim.begun:
                self._give_notice(victim, seizure.start_min, given)
            else:
                self._line.leave(victim)
                self.book.close(victim, 0)
        booking = self.book.add(work, seizure.gpus, seizure.start_min, seizure.end_min)
        for victim in waiting:
            self._book_again(victim.work, now)
        return booking

    def _give_notice(self, victim: Booking, at: int, given: dict[int, int]) -> None:
        victim.is_taken_back = True
        self.book.cut(victim, at, given)
        if victim.done_min is not None:
            gone_at = min(at, victim.done_min + self._idle_min)
            self.book.plan(gone_at, Then.RELEASE, victim)
        elif not victim.job.shows_up:
            self.book.plan(min(at, victim.start_min + self._no_show_min), Then.RELEASE, victim)
        else:
            self._foresee(victim)

    # ---- the end of the period

    def _stop_the_clock(self) -> None:
        """Account for everything that is going on when the period ends."""
        end = self._scenario.period_min
        held = {one.number: one for each in self.book.by_gpu.values() for one in each}
        for _, booking in sorted(held.items()):
            if not booking.begun:
                continue
            if booking.done_min is None and booking.job.shows_up:
                works_from = min(booking.works_from_min, end)
                gpus = booking.job.gpu_count
                self._ledger.use(gpus, works_from, end)
                self._ledger.lose(Loss.RESTART, gpus, booking.start_min, works_from)
                self._leave(booking, end)
            else:
                self._release(booking, end)
