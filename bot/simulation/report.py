"""What the comparison says: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from bot.domain.priority import Priority
from bot.simulation.jobs import DAY_MIN, Scenario
from bot.simulation.ledger import Outcome


def as_table(scenario: Scenario, outcomes: Sequence[Outcome]) -> Table:
    """Return the outcomes side by side, one column for each way of sharing."""
    days = scenario.period_min / DAY_MIN
    title = f"{scenario.gpu_count:,} GPUs, {days:g} days, {len(scenario.jobs):,} jobs"
    table = Table(
        "", *(one.sharing.replace(" ", "\n").replace("+\n", "+ ") for one in outcomes), title=title
    )
    for column in table.columns[1:]:
        column.justify = "right"
    rows = [_row(one) for one in outcomes]
    for name in rows[0] if rows else ():
        table.add_row(name, *(row[name] for row in rows))
    return table


def _row(one: Outcome) -> dict[str, str]:
    lost = sum(one.lost_h.values())
    row = {
        "used": f"{one.utilisation:.1%}",
        "lost": f"{lost / one.gpu_h:.1%}",
        "idle": f"{one.idle_h / one.gpu_h:.1%}",
        "used, GPU-h": f"{one.used_h:,.0f}",
    }
    row |= {f"lost: {why}": f"{hours:,.0f}" for why, hours in one.lost_h.items()}
    for name in ("all", *(each.value for each in Priority)):
        waits = one.waits[name]
        row[f"{name}: h waited, median"] = f"{waits.median_h:.1f}"
        row[f"{name}: h waited, p95"] = f"{waits.p95_h:.1f}"
        row[f"{name}: deadlines met"] = f"{waits.met_share:.1%}"
        row[f"{name}: deadlines"] = f"{waits.due:,}"
    for what in ("reservations taken back", "preempted", "overruns", "stopped at the end"):
        row[what] = f"{one.counts.get(what, 0):,}"
    row["computed in"] = f"{one.took_s:.0f} s"
    return row


def as_json(scenario: Scenario, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return everything but the single claims. The same scenario gives the same."""
    return {
        "v": 1,
        "gpus": scenario.gpu_count,
        "begins_at": scenario.begins_at.isoformat(),
        "period_min": scenario.period_min,
        "jobs": len(scenario.jobs),
        "outcomes": [_outcome_json(one) for one in outcomes],
    }


def _outcome_json(one: Outcome) -> dict[str, Any]:
    return {
        "sharing": one.sharing,
        "gpu_h": one.gpu_h,
        "used_h": one.used_h,
        "lost_h": one.lost_h,
        "idle_h": one.idle_h,
        "utilisation": one.utilisation,
        "counts": one.counts,
        "waits": {
            name: {
                "jobs": waits.jobs,
                "started": waits.started,
                "median_h": waits.median_h,
                "p95_h": waits.p95_h,
                "due": waits.due,
                "met": waits.met,
            }
            for name, waits in one.waits.items()
        },
        "used_by_hour": one.used_by_hour,
    }
