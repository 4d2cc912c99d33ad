"""Why a wish needs approval, or is refused: the rule with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.domain.limits import Rule, RuleKind


def rule_words(rule: Rule, team: str, instant: Callable[[datetime], str]) -> str:
    """Return a rule that a wish breaks, in words and numbers.

    Args:
        rule: the rule.
        team: the team's name, safe to be shown.
        instant: writes a time as it is read where this is shown.
    """
    if rule.kind is RuleKind.PRIORITY:
        return "P0 may take GPUs from others, so somebody looks at it first"
    if rule.kind is RuleKind.PREEMPTION:
        return "it takes GPUs back that others hold"
    if rule.kind is RuleKind.LENGTH:
        return f"{number(rule.comes_to)} h is longer than {number(rule.limit)} h"
    if rule.kind is RuleKind.GPUS_AT_ONCE:
        return (
            f"{team} would hold {number(rule.comes_to)} GPUs at once, its quota is"
            f" {number(rule.limit)}"
        )
    week = f" in the week from {instant(rule.week)}" if rule.week else ""
    return (
        f"{team} would have {number(rule.comes_to)} GPU-hours{week}, its quota is"
        f" {number(rule.limit)}"
    )


def number(value: float) -> str:
    """Return "8", "7.5" or "0.1"."""
    return f"{round(value, 1):g}" if value < 1e5 else f"{value:.0f}"
