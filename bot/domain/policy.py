"""The numbers that Berth goes by, with their defaults (DESIGN: policies)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.incidents import DEFAULT_INCIDENT_POLICY, IncidentPolicy
from bot.domain.priority import Priority
from bot.domain.processes import RoguePolicy
from bot.domain.slot_grid import SlotGrid


@dataclass(frozen=True, slots=True)
class Policy:
    """Every policy of the control plane. Durations are `timedelta`.

    A quota holds for teams that have none of their own; None is no limit.  What is longer than
    ``long_reservation`` needs approval.  A request waits for that for ``approval_within``, not
    beyond its start, but at least ``approval_at_least``: urgent ones are for now.  A window that
    became free is offered to one who waits for ``waitlist_offer``; a wish for "now" waits for at
    most ``longest_wait_for_now``, any other one until its start; a job in the queue
    for at most ``longest_wait_in_queue``.  Without a process for ``no_show_after``, or below
    ``idle_below_percent`` for ``idle_after``, its holder is asked, has ``usage_answer_within`` to
    answer, and is not asked again for ``usage_kept_for``.  The next holder can be asked for
    ``minutes_most`` of their time.  A run that failed in a
    way that may pass is tried again up to ``retries`` times in a row, after ``retry_first``, twice
    as long each time up to ``retry_longest``, while at least ``retry_needs`` is left to train in.
    A host confirms a start within ``start_confirmed_within``.  GPUs that the reservation before
    still uses are looked at every ``handover_looks_every``; the next holder is told after
    ``handover_told_after``, and after ``handover_incident_after`` both, and the channel.
    A run that is late goes on for up to ``overrun_fraction`` of the booked time, and who is next
    waits for it for at most ``overrun_next_waits``.
    Files of a run are kept for
    ``keep_files`` after its end, checkpoints for ``keep_checkpoints``.
    ``preempting_priorities`` may take GPUs back with a notice of ``preemption_grace``, from a run
    not before it has trained for ``preemption_protected``.
    """

    slot: timedelta = timedelta(hours=2)
    horizon: timedelta = timedelta(days=30)
    longest_reservation: timedelta = timedelta(days=7)
    past_start_tolerance: timedelta = timedelta(minutes=5)
    end_notices: tuple[timedelta, ...] = (timedelta(minutes=60), timedelta(minutes=30))
    quota_gpus_at_once: int | None = None
    quota_gpu_hours_per_week: float | None = None
    long_reservation: timedelta = timedelta(hours=24)
    approval_within: timedelta = timedelta(hours=4)
    approval_at_least: timedelta = timedelta(minutes=30)
    handover_within: timedelta = timedelta(hours=4)
    minutes_most: timedelta = timedelta(minutes=60)
    fairness_half_life: timedelta = timedelta(days=7)
    waitlist_offer: timedelta = timedelta(minutes=10)
    longest_wait_for_now: timedelta = timedelta(days=7)
    longest_wait_in_queue: timedelta = timedelta(days=7)
    progress_edit_interval: timedelta = timedelta(seconds=45)
    heartbeat: timedelta = timedelta(seconds=5)
    host_lost_after: timedelta = timedelta(seconds=60)
    no_show_after: timedelta = timedelta(minutes=15)
    idle_after: timedelta = timedelta(minutes=30)
    idle_below_percent: float = 5.0
    usage_answer_within: timedelta = timedelta(minutes=15)
    outage_answer_within: timedelta = timedelta(minutes=15)
    usage_kept_for: timedelta = timedelta(hours=2)
    reading_good_for: timedelta = timedelta(minutes=1)
    kill_after: timedelta = timedelta(seconds=120)
    log_tail_lines: int = 20
    rogue_policy: RoguePolicy = RoguePolicy.REPORT
    rogue_notice: timedelta = timedelta(minutes=30)
    rogue_seen_apart: timedelta = timedelta(seconds=20)
    retries: int = 3
    retry_first: timedelta = timedelta(seconds=60)
    retry_longest: timedelta = timedelta(hours=1)
    retry_needs: timedelta = timedelta(minutes=5)
    start_confirmed_within: timedelta = timedelta(minutes=2)
    handover_told_after: timedelta = timedelta(minutes=1)
    handover_incident_after: timedelta = timedelta(minutes=5)
    handover_looks_every: timedelta = timedelta(seconds=5)
    overrun_fraction: float = 0.10
    overrun_next_waits: timedelta = timedelta(minutes=15)
    keep_files: timedelta = timedelta(days=90)
    keep_checkpoints: timedelta = timedelta(days=14)
    preempting_priorities: tuple[Priority, ...] = (Priority.P0,)
    preemption_grace: timedelta = timedelta(minutes=30)
    preemption_protected: timedelta = timedelta(minutes=30)
    web_session: timedelta = timedelta(hours=12)
    sign_in_link: timedelta = timedelta(minutes=5)
    sign_in_flow: timedelta = timedelta(minutes=10)
    incidents: IncidentPolicy = DEFAULT_INCIDENT_POLICY

    @property
    def grid(self) -> SlotGrid:
        """The grid of slots."""
        return SlotGrid(self.slot)

    @property
    def stop_lead(self) -> timedelta:
        """How long before the end of a claim its run is asked to stop.

        The trainer may take all of ``kill_after`` and must still be gone when the claim ends.
        Short slots (in tests and demos) leave at least half of themselves to the run.
        """
        return min(self.kill_after + timedelta(seconds=30), self.slot / 2)
