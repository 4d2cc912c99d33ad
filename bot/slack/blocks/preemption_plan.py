"""A plan of preemption in words: one line for each who would lose something."""

from __future__ import annotations

from datetime import UTC, tzinfo

from bot.domain.preemption_views import PlanView, VictimView
from bot.slack.blocks.text import (
    Block,
    count_text,
    duration_text,
    person,
    safe,
    section,
    slack_date,
    window_text,
)

MOST_VICTIMS = 10


def plan_blocks(plan: PlanView, tz: tzinfo = UTC) -> list[Block]:
    """Return who would lose what, one line for each, and where each goes on."""
    if plan.fits:
        return [section("Nobody would lose anything: the GPUs are free by then.")]
    lines = [victim_line(victim, tz) for victim in plan.victims[:MOST_VICTIMS]]
    more = len(plan.victims) - len(lines)
    if more > 0:
        lines.append(f"… and {count_text(more, 'more reservation')}")
    return [section("\n".join(lines))]


def victim_line(victim: VictimView, tz: tzinfo = UTC) -> str:
    """Return one line: who, what runs, what would be lost, where it goes on and until when."""
    head = (
        f"• {person(victim.holder_slack_id)} ({safe(victim.team_name, 60)},"
        f" {victim.priority.value.upper()}) R{victim.reservation_id},"
        f" {count_text(len(victim.gpu_names), 'GPU')}"
    )
    runs = ""
    if victim.run_id is not None:
        runs = f", {safe(victim.model, 60)} at epoch {victim.epoch}/{victim.epochs}"
    goes_on = f"; goes on {window_text(victim.next_window, tz)}"
    if not victim.begun:
        goes_on = f"; has not begun, would be {window_text(victim.next_window, tz)}"
    done = f", done about {slack_date(victim.finishes_at, tz)}" if victim.finishes_at else ""
    return f"{head}{runs}{_lost(victim)}{goes_on}{done}."


def _lost(victim: VictimView) -> str:
    if victim.run_id is None or not victim.begun:
        return ""
    if victim.checkpoint_at is None:
        return ", no checkpoint yet"
    return f", up to {duration_text(victim.lost_work)} since its last checkpoint"
