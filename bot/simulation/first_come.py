"""The baseline: first come, first served, in the order in which jobs were submitted."""

from __future__ import annotations

import heapq
from collections import deque

import numpy as np

from bot.domain.holdings import GpuOnHost
from bot.simulation.jobs import MINUTE, Job, Scenario
from bot.simulation.ledger import Ledger, Loss
from bot.simulation.slot_index import Site


class FirstCome:
    """A strict queue: who is at its head waits until it fits, and all behind it wait, too.

    Nobody is stopped, nobody is promised anything, and a run takes the time that it takes.
    """

    def __init__(self, scenario: Scenario, ledger: Ledger) -> None:
        self._scenario = scenario
        self._ledger = ledger
        self._site = Site(scenario.host_sizes)
        self._idle = np.array(self._site.every)
        self._queue: deque[Job] = deque()
        self._running: list[tuple[int, int, tuple[GpuOnHost, ...], Job]] = []
        policy = scenario.policy
        self._unused_min = (policy.no_show_after + policy.usage_answer_within) // MINUTE

    def run(self) -> None:
        """Play the whole period."""
        for job in self._scenario.jobs:
            self._until(job.arrives_min)
            self._queue.append(job)
            self._serve(job.arrives_min)
        self._until(self._scenario.period_min)
        while self._running:
            self._end()

    def _until(self, minute: int) -> None:
        while self._running and self._running[0][0] <= minute:
            now = self._running[0][0]
            self._end()
            self._serve(now)

    def _serve(self, now: int) -> None:
        while self._queue and now < self._scenario.period_min:
            job = self._queue[0]
            patience = job.cancel_after_min
            if patience is not None and now - job.arrives_min > patience:
                self._ledger.counts["cancelled"] += 1
                self._ledger.dropped.add(job.number)
                self._queue.popleft()
                continue
            gpus = self._site.choose(self._idle, job.gpu_count)
            if gpus is None:
                return
            self._queue.popleft()
            self._start(job, gpus, now)

    def _start(self, job: Job, gpus: tuple[GpuOnHost, ...], now: int) -> None:
        for host, mask in self._site.bits_of(gpus).items():
            self._idle[host] &= ~self._site.dtype(mask)
        end = now + (job.work_min if job.shows_up else min(self._unused_min, job.asked_min))
        if job.shows_up:
            self._ledger.started[job.number] = now
            self._ledger.use(len(gpus), now, end)
        else:
            self._ledger.counts["no-shows"] += 1
            self._ledger.lose(Loss.NO_SHOW, len(gpus), now, end)
        self._ledger.hold([gpu.gpu_id for gpu in gpus], now, end)
        heapq.heappush(self._running, (end, job.number, gpus, job))

    def _end(self) -> None:
        end, _, gpus, job = heapq.heappop(self._running)
        for host, mask in self._site.bits_of(gpus).items():
            self._idle[host] |= self._site.dtype(mask)
        if job.shows_up:
            self._ledger.done[job.number] = end
