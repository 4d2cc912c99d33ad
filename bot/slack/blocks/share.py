"""``/gpu share``: who has had how much, and what that does to the order."""

from __future__ import annotations

from bot.domain.shares import Shares, TeamShare
from bot.slack.blocks.card import Card
from bot.slack.blocks.rule_words import number
from bot.slack.blocks.text import context, header, safe, section, slack_date

MOST_TEAMS = 15
_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def share_card(shares: Shares) -> Card:
    """Return every team's use, quota and place in line, and the reader's own use."""
    lines = [_team(team, own=team.team_name == shares.own_team_name) for team in shares.teams]
    shown = [section(line) for line in lines[:MOST_TEAMS]]
    mine = (
        f"*You*: {number(shares.own_week_gpu_hours)} GPU-hours this week,"
        f" {number(shares.own_recent_hours)} recent."
    )
    rules = (
        f"This week began {slack_date(shares.week.start)}; what is booked ahead in it counts."
        " *Recent* use fades: it counts half after the half-life that is set (7 days by default)."
        " When several wait for the same GPUs, the team with the least recent use is served first,"
        " so who has had nothing yet is never last."
    )
    return Card(
        _own_words(shares), (header("Who has had what"), *shown, section(mine), context(rules))
    )


def own_team_words(shares: Shares) -> str:
    """Return what the reader's own team has used of what it may, and when it is served."""
    for team in shares.teams:
        if team.team_name == shares.own_team_name:
            return _team(team, own=False)
    return "Your team has used nothing yet."


def _own_words(shares: Shares) -> str:
    for team in shares.teams:
        if team.team_name == shares.own_team_name:
            return f"{_served(team)}; it has had {number(team.recent_hours)} GPU-hours lately."
    return "Nobody has had any GPU yet."


def _team(team: TeamShare, *, own: bool) -> str:
    name = safe(team.team_name, 60)
    hours, at_once = team.quota.gpu_hours_per_week, team.quota.gpus_at_once
    week = (
        f"{number(team.week_gpu_hours)} of {number(hours)}"
        if hours is not None
        else (f"{number(team.week_gpu_hours)}, no limit")
    )
    most = (
        f"{team.most_at_once} of {at_once}"
        if at_once is not None
        else (f"{team.most_at_once}, no limit")
    )
    return (
        f"*{name}*{' (your team)' if own else ''}\n"
        f"GPU-hours this week: {week} · GPUs at once: {most}\n"
        f"recent use: {number(team.recent_hours)} GPU-hours, {team.share:.0%} of all · "
        f"{_served(team)}"
    )


def _served(team: TeamShare) -> str:
    place = _ORDINALS.get(team.place, f"{team.place}th")
    return f"{safe(team.team_name, 60)} would be served {place} of {team.places}"
