"""Reservations and runs as they might be, for tests of what shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.delivery_notices import DeliveryRefused
from bot.domain.forecast_notices import (
    MinutesAsked,
    MinutesDecided,
    MinutesOff,
    RunEarly,
    RunFinishesEarly,
    RunInTime,
    RunLate,
)
from bot.domain.holdings import GpuOnHost
from bot.domain.incident_notices import IncidentTold
from bot.domain.limits import Rule, RuleKind, rules_to_texts
from bot.domain.notices import (
    ApprovalAsked,
    ApprovalDecided,
    EndsSoon,
    HostBack,
    HostSilent,
    JobDispatched,
    Notice,
    ReservationChanged,
    ReservationReleased,
    RunEnded,
    RunStarted,
    SwapDecided,
    SwapProposed,
    TransferDecided,
    TransferOffered,
    WaitEnded,
    WindowOffered,
)
from bot.domain.outage_notices import (
    CancelledByOutage,
    CutShort,
    GpuTrouble,
    MovedToOtherGpus,
    NeedsNewWindow,
    OutageOver,
)
from bot.domain.overrun_notices import RunGoesOver, StartWaits, StartWaitsNoMore
from bot.domain.priority import Priority
from bot.domain.progress import Progress
from bot.domain.requests import ReserveRequest, request_to_json
from bot.domain.run_spec import TrainingSpec
from bot.domain.series_notices import OccurrenceMissed
from bot.domain.states import ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.domain.usage_notices import UsageAsked, UsageReleased, UsageSeen
from bot.domain.views import ReservationView, RunView
from tests.fakes.sample_preemption_notices import sample_preemption_notices
from tests.fakes.sample_run_notices import sample_run_notices

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WINDOW = TimeWindow(START, START + timedelta(hours=8))
SPEC = TrainingSpec(model="yolov8l", data="coco128.yaml", epochs=100)


def some_gpus(
    count: int = 4, host: str = "host1", model: str = "NVIDIA A100"
) -> tuple[GpuOnHost, ...]:
    """Return the first GPUs of one host."""
    return tuple(GpuOnHost(index + 1, 1, index, host, model) for index in range(count))


def a_run(state: RunState = RunState.RUNNING, *, epoch: int = 41, **changes: Any) -> RunView:
    """Return a run of 100 epochs, ``epoch`` of them done."""
    given: dict[str, Any] = {
        "run_id": 7,
        "spec": SPEC,
        "state": state,
        "progress": Progress(epoch, 100, timedelta(hours=3) if epoch else None),
        "losses": {"box_loss": 1.1234, "cls_loss": 0.98, "dfl_loss": 1.3} if epoch else {},
        "metrics": {"map50": 0.7123, "map50_95": 0.5} if epoch else {},
        "started_at": START + timedelta(minutes=1),
        "finishes_at": START + timedelta(hours=5) if epoch else None,
    }
    return RunView(**(given | changes))


def a_reservation(
    state: ReservationState = ReservationState.BOOKED, **changes: Any
) -> ReservationView:
    """Return reservation R12 of four GPUs for eight hours from `START`."""
    given: dict[str, Any] = {
        "reservation_id": 12,
        "version": 1,
        "state": state,
        "holder_slack_id": "U0ALICE",
        "holder_name": "Alice",
        "team_name": "Vision",
        "priority": Priority.P2,
        "preemptible": True,
        "gpus": some_gpus(),
        "window": WINDOW,
    }
    return ReservationView(**(given | changes))


def sample_notices() -> tuple[Notice, ...]:
    """Return at least one notice of every kind."""
    ends_at = WINDOW.end
    return (
        DeliveryRefused(12, "C0GPU", "is_archived", "U0ALICE"),
        DeliveryRefused(12, "U0BOB", "user_disabled", "U0BOB"),
        IncidentTold(12, 3, "too_hot", "gpu0@host1", is_open=True, value=91.0),
        IncidentTold(12, 3, "xid", "gpu0@host1", is_open=False, value=79.0),
        RunStarted(12, 7, "host1", ("gpu0@host1", "gpu1@host1")),
        RunEnded(
            12, 7, "succeeded", "succeeded", metrics={"map50": 0.71}, epochs_done=100, epochs=100
        ),
        RunEnded(
            12,
            7,
            "failed",
            "out_of_memory",
            "CUDA out of memory at batch 64.",
            ("epoch 3", "torch.OutOfMemoryError: ```CUDA``` <!channel>"),
            epochs_done=3,
            epochs=100,
            duration_s=754.0,
        ),
        RunEnded(12, 7, "host_lost", "host_lost"),
        *sample_run_notices(),
        *sample_preemption_notices(),
        RunGoesOver(12, "U0ALICE", START, ends_at, ends_at, ("U0BOB",)),
        StartWaits(13, "U0BOB", 12, "U0ALICE", START, ends_at, START, ends_at),
        StartWaitsNoMore(13, "U0BOB", 12, START, ends_at),
        ReservationReleased(12, "U0ALICE", "done early", was_running=True),
        ReservationReleased(12, "U0BOB", "", was_running=False),
        *(
            ReservationChanged(12, "U0ALICE", change, START, ends_at, START, ends_at)
            for change in ("extended", "shortened", "moved")
        ),
        EndsSoon(12, "U0ALICE", 30, ends_at),
        EndsSoon(12, "U0ALICE", 60, ends_at, ends_at - timedelta(minutes=5)),
        EndsSoon(12, "U0ALICE", 60, ends_at, ends_at + timedelta(minutes=95)),
        HostSilent(12, "host1", START),
        HostBack(12, "host1"),
        *_outage_notices(),
        UsageAsked(
            12, 3, "U0ALICE", "idle", START, ends_at, ("gpu0@host1",), 7200.0, (START.isoformat(),)
        ),
        UsageAsked(12, 3, "U0ALICE", "no_show", START, ends_at, ("gpu0@host1",)),
        UsageReleased(12, "U0ALICE", "no_show", START, ("gpu0@host1",)),
        UsageSeen(12, "U0ALICE"),
        *approval_notices(),
        *handover_notices(),
        *series_notices(),
        *waiting_notices(),
        *forecast_notices(),
    )


def approval_notices() -> tuple[Notice, ...]:
    """Return what is said of requests for approval, on a card and in a channel of their own."""
    window = (WINDOW.start, WINDOW.end)
    rules = rules_to_texts([Rule(RuleKind.PRIORITY), Rule(RuleKind.GPU_HOURS, 48, 40, START)])
    return (
        *(
            ApprovalAsked(
                12,
                3,
                "U0ALICE",
                "vision",
                4,
                *window,
                WINDOW.start,
                rules,
                approvers,
                "<!channel>",
                with_buttons=with_buttons,
            )
            for with_buttons in (False, True)
            for approvers in ((), ("U0BOB",))
        ),
        ApprovalAsked(
            12,
            3,
            "U0ALICE",
            "vision",
            4,
            *window,
            WINDOW.start,
            rules,
            occurrences=22,
            gpu_hours=1056.0,
            last_ends_at=WINDOW.end + timedelta(days=30),
            with_buttons=True,
        ),
        *(
            ApprovalDecided(12, "U0ALICE", state, by, reason, *window, 4)
            for state, by, reason in (
                ("accepted", "U0BOB", ""),
                ("declined", "U0BOB", "<!channel> demo week"),
                ("expired", "", ""),
            )
        ),
    )


def handover_notices() -> tuple[Notice, ...]:
    """Return what is said of transfers and swaps, in every state."""
    gpus, hour = ("gpu0@host1", "gpu1@host1"), timedelta(hours=1)
    window = (WINDOW.start, WINDOW.end)
    states = ("accepted", "declined", "expired", "withdrawn")
    return (
        TransferOffered(12, 3, "U0ALICE", gpus, *window, START + 4 * hour, "on <leave>", "yolov8l"),
        TransferOffered(12, 3, "U0ALICE", gpus, *window, START + 4 * hour),
        *(TransferDecided(12, 3, "U0ALICE", "U0BOB", state, "no <time>") for state in states),
        SwapProposed(
            12, 5, "U0ALICE", 15, 1, 2, gpus, *window, gpus[:1], *window, START + hour, "please"
        ),
        *(SwapDecided(12, 5, 15, "U0BOB", state, "no", "U0BOB") for state in states),
        SwapDecided(12, 5, 15, "U0BOB", "withdrawn"),
    )


def series_notices() -> tuple[Notice, ...]:
    """Return what is said of a series that has a gap."""
    window = (WINDOW.start, WINDOW.end)
    request = json.dumps(request_to_json(ReserveRequest(WINDOW.length, start=WINDOW.start)))
    rule = "every weekday 20:00"
    return (
        OccurrenceMissed(
            12, 3, rule, *window, "window_taken", ("U0BOB", "U0EVE"), ("R4", "R5"), request
        ),
        OccurrenceMissed(12, 3, rule, *window, "over_quota"),
    )


def waiting_notices() -> tuple[Notice, ...]:
    """Return what those who wait are told."""
    gpus, window = ("gpu0@host1", "gpu1@<host>"), (WINDOW.start, WINDOW.end)
    return (
        WindowOffered(12, 7, gpus, *window, START + timedelta(minutes=10), trains=True),
        *(WaitEnded(12, 7, why, 2, *window) for why in ("silence", "begun")),
        WaitEnded(12, 7, "long", 1),
        WaitEnded(0, 7, "begun", 2, *window, 3600.0),
        *(WaitEnded(0, 7, why, 1, waited_s=7 * 86400.0) for why in ("long", "queued")),
        JobDispatched(12, 8, gpus, WINDOW.end),
    )


def _outage_notices() -> tuple[Notice, ...]:
    """What holders are told when GPUs go out of service, with foreign words in it."""
    old, new, why = ("gpu0@host1",), ("gpu1@host1",), "new driver <!channel> *now*"
    end, later = WINDOW.end, (WINDOW.end.isoformat(),)
    return (
        MovedToOtherGpus(12, "U0ALICE", "maintenance", why, old, new, START),
        NeedsNewWindow(12, "U0ALICE", "maintenance", why, old, START, end, START, later),
        NeedsNewWindow(12, "U0ALICE", "broken", "", old, START, end, end),
        CutShort(12, "U0ALICE", why, old, end, end - timedelta(hours=1)),
        CancelledByOutage(12, "U0ALICE", "broken", why, old, START),
        GpuTrouble(12, "U0ALICE", why, old),
        OutageOver(12, "U0ALICE", "maintenance", START),
        OutageOver(12, "U0ALICE", "broken", START),
    )


def forecast_notices() -> tuple[Notice, ...]:
    """Return what is said of the end of runs: with all choices, with none, and what follows."""
    end, hour = WINDOW.end, timedelta(hours=1)
    late = (12, "U0ALICE", end, end + hour, end + 2 * hour, end + 3 * hour, 41, 100)
    moved = (START, end, START + hour / 2, end)
    return (
        RunLate(*late, extend_to=end + 4 * hour, extend_enough=True, fits_epochs=82),
        RunLate(*late, minutes=60, again=True),
        RunLate(
            *late,
            next_slack_id="U0BOB",
            next_reservation_id=13,
            ask_minutes=30,
            continue_start=end + 4 * hour,
            continue_end=end + 8 * hour,
            finishes_early=True,
        ),
        RunLate(*late, minutes=30, continues_in=14),
        RunInTime(12, "U0ALICE", end, end - hour, end - hour / 2),
        RunEarly(12, "U0ALICE", end, end - 4 * hour, end - 6 * hour, end - 5 * hour, 4),
        RunFinishesEarly(12, "U0ALICE", 82, 100, end),
        MinutesAsked(13, 5, "U0ALICE", 12, 30, *moved, START, "<!channel> yolov8l", 41, 100),
        MinutesAsked(13, 5, "U0ALICE", 12, 30, START, end, START + hour, end + hour, START),
        *(
            MinutesDecided(12, 5, "U0BOB", state, 30, end, 13, "<!channel> demo")
            for state in ("accepted", "declined", "expired", "withdrawn")
        ),
        MinutesOff(12, 5, "U0BOB", 13, 30, "it was cancelled"),
    )
