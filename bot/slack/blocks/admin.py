"""Teams, roles and hosts in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from bot.domain.gpu_types import type_name
from bot.domain.incidents import IncidentView
from bot.domain.people import Member, Role
from bot.domain.teams import HostView, SyncOutcome, TeamDefaults, TeamView, colour_name
from bot.slack.blocks.card import Card
from bot.slack.blocks.incident_words import open_incident_blocks
from bot.slack.blocks.text import (
    Block,
    button,
    clip,
    confirm_dialog,
    context,
    count_text,
    header,
    person,
    safe,
    section,
    slack_date,
)

DRAIN_ACTION = "host.drain"
"""The ``action_id`` of the Drain button of a host; its value is the host's name."""

UNDRAIN_ACTION = "host.undrain"

MOST_TEAMS, MOST_HOSTS = 40, 40
_NAME_CHARS = 200
MEMBERS_SHOWN = 25
MESSAGE_CHARS = 10_000
_ROLE_ORDER = (Role.ADMIN, Role.LEAD, Role.MEMBER, Role.VIEWER)


def teams_card(teams: Sequence[TeamView]) -> Card:
    """Return all teams: channel, limits, people."""
    text = f"There are {count_text(len(teams), 'team')}." if len(teams) != 1 else "There is 1 team."
    hint = "`/gpu team create vision channel=#vision` makes one; `/gpu team set` changes one."
    return Card(text, (header("Teams"), *_team_blocks(teams), context(hint)))


def team_card(says: str, team: TeamView) -> Card:
    """Return what was done to a team, and what it is now."""
    text = f":white_check_mark: {says}"
    return Card(clip(text, 1000), (section(f"{text}\n{_team_text(team)}"),))


def synced_card(outcome: SyncOutcome) -> Card:
    """Return who came and who left."""
    name = safe(outcome.team.name, 60)
    if not (outcome.joined or outcome.left or outcome.stayed):
        says = f"*{name}* has exactly the people of its user group."
        return team_card(says, outcome.team)
    lines = [f"*{name}* is brought in line with its user group."]
    for label, people in (
        ("Came", outcome.joined),
        ("Left for the default team", outcome.left),
        ("Stay in another team with a group of its own", outcome.stayed),
    ):
        if people:
            lines.append(f"{label}: {_people(people)}")
    return team_card("\n".join(lines), outcome.team)


def role_card(member: Member) -> Card:
    """Return what a person may do from now on."""
    text = (
        f":white_check_mark: {person(member.slack_user_id)} is a *{member.role.value}*"
        f" in {safe(member.team_name, 60)} now."
    )
    return Card(text, (section(text),))


def hosts_card(
    hosts: Sequence[HostView],
    tz: tzinfo,
    *,
    with_buttons: bool = False,
    notice: str = "",
    incidents: Sequence[IncidentView] = (),
) -> Card:
    """Return every host: whether it answers, what it has, which agent it runs.

    Args:
        hosts: all of them.
        tz: the reader's zone.
        with_buttons: whether the reader may drain them.
        notice: mrkdwn on top, about what was just done.
        incidents: what is wrong with hosts and GPUs now.
    """
    if not hosts:
        text = "No host has reported yet. Start `berth agent` on a GPU host."
        return Card(text, (section(text),))
    silent = sum(not host.online for host in hosts)
    text = f"{count_text(len(hosts), 'host')}, {silent} not answering."
    done = (section(notice),) if notice else ()
    wrong = open_incident_blocks(incidents)
    listed = _host_blocks(hosts, tz, with_buttons)
    return Card(notice or text, (*done, header("Hosts"), *wrong, *listed))


def _team_blocks(teams: Sequence[TeamView]) -> Iterator[Block]:
    room = MESSAGE_CHARS
    for number, team in enumerate(teams):
        text = _team_text(team)
        room -= len(text)
        if number >= MOST_TEAMS or room < 0:
            yield context(f"and {count_text(len(teams) - number, 'more team')}")
            return
        yield section(text)


def _team_text(team: TeamView) -> str:
    facts = [f"cards in {_channel(team.channel_id)}"]
    if team.approval_channel_id:
        facts.append(f"approvals in {_channel(team.approval_channel_id)}")
    if team.gpus_at_once is not None:
        facts.append(f"at most {count_text(team.gpus_at_once, 'GPU')} at once")
    if team.gpu_hours_per_week is not None:
        facts.append(f"{team.gpu_hours_per_week:g} GPU-hours a week")
    if team.defaults != TeamDefaults():
        mark = "preemptible" if team.defaults.preemptible else "protected"
        facts.append(f"books {team.defaults.priority.value.upper()}, {mark}, unless said otherwise")
    if team.colour:
        facts.append(safe(colour_name(team.colour), 20))
    if team.usergroup_id:
        facts.append(f"people of <!subteam^{safe(team.usergroup_id, 40)}>")
    by_role = [
        f"{role.value}: " + _people([one.slack_user_id for one in team.members if one.role is role])
        for role in _ROLE_ORDER
        if any(one.role is role for one in team.members)
    ]
    people = "; ".join(by_role) or "nobody yet"
    return clip(f"*{safe(team.name, 60)}* · {' · '.join(facts)}\n{people}", 2500)


def _people(ids: Sequence[str]) -> str:
    shown = ", ".join(person(one) for one in ids[:MEMBERS_SHOWN])
    more = len(ids) - MEMBERS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _channel(channel_id: str) -> str:
    return f"<#{safe(channel_id, 40)}>"


def _host_blocks(hosts: Sequence[HostView], tz: tzinfo, with_buttons: bool) -> Iterator[Block]:
    for number, host in enumerate(hosts):
        if number >= MOST_HOSTS:
            yield context(f"and {count_text(len(hosts) - number, 'more host')}")
            return
        click = _drain_button(host) if with_buttons and len(host.name) <= _NAME_CHARS else None
        yield section(_host_text(host, tz), accessory=click)


def _drain_button(host: HostView) -> Block:
    if host.drained_at is not None:
        return button("Undrain", UNDRAIN_ACTION, host.name)
    dialog = confirm_dialog(
        "Drain this host?",
        f"Nothing new is booked or started on {host.name}. What is booked there stays.",
        "Drain",
        "Leave it",
    )
    return button("Drain", DRAIN_ACTION, host.name, confirm=dialog)


def _host_text(host: HostView, tz: tzinfo) -> str:
    state = ":large_green_circle: answers" if host.online else ":warning: not answering"
    if host.drained_at is not None:
        state += f" · :construction: drained since {slack_date(host.drained_at, tz)}"
    types = ", ".join(sorted({type_name(model) for model in host.models}))
    gpus = count_text(host.gpu_count, "GPU") + (f" ({safe(types, 200)})" if types else "")
    if host.broken_count:
        gpus += f", {host.broken_count} broken"
    agent = f"agent {safe(host.agent_version, 40)}"
    seen = f"seen {slack_date(host.last_seen_at, tz)}"
    return f"*{safe(host.name, 100)}* · {state}\n{gpus} · {agent} · {seen}"
