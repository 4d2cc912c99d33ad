"""Incidents in words: what is wrong, what it means, what to do next; and that it is over."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.incident_notices import IncidentTold
from bot.domain.incidents import IncidentKind, IncidentState, IncidentView
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    context,
    person,
    safe,
    section,
    slack_date,
)

ACKNOWLEDGE_ACTION = "incident.acknowledge"
"""The ``action_id`` of "I look after it"; its value is the number of the incident."""

FALLBACK_CHARS = 1000
MOST_HOLDERS = 8
MOST_LISTED = 10

# https://docs.nvidia.com/deploy/xid-errors/
_XIDS = {
    13: "a fault of the program on it",
    31: "a memory fault of the program on it",
    43: "a fault of the program on it",
    45: "its program was ended by the driver",
    48: "a memory error that could not be corrected",
    63: "a bad memory row was replaced",
    64: "a bad memory row could not be replaced",
    74: "an error of NVLink",
    79: "the GPU has fallen off the bus",
    92: "very many corrected memory errors",
    94: "a memory error, contained to one program",
    95: "a memory error, not contained",
    119: "its firmware does not answer",
}
_PROGRAM_XIDS = frozenset({13, 31, 43, 45})


def incident_card(view: IncidentView) -> Card:
    """Return the message about an incident as it stands now."""
    if not view.state.is_open:
        return _over(view)
    again = f" It is the {view.times}th time." if view.times > 3 else _again(view.times)
    lines = [
        f":rotating_light: *{safe(view.place, 100)}: {headline(view.kind, view.value)}*"
        f" since {slack_date(view.opened_at)}.{again}",
        _next_step(view.kind, view.value),
    ]
    if view.holders:
        held = ", ".join(
            f"{person(one.slack_id)} (R{one.reservation_id})" for one in view.holders[:MOST_HOLDERS]
        )
        lines.append(f"Booked now by {held}.")
    if view.state is IncidentState.CLEARING:
        lines.append(":hourglass_flowing_sand: Better now; this message says when it is over.")
    blocks: list[Block] = [section("\n".join(lines))]
    if view.acknowledged_by_slack_id:
        blocks.append(context(f":eyes: {person(view.acknowledged_by_slack_id)} looks after it."))
    else:
        blocks.append(
            actions([button("I look after it", ACKNOWLEDGE_ACTION, str(view.incident_id))])
        )
    return Card(clip(lines[0], FALLBACK_CHARS), tuple(blocks))


def _again(times: int) -> str:
    return {2: " It is the second time.", 3: " It is the third time."}.get(times, "")


def _over(view: IncidentView) -> Card:
    worst = _worst(view)
    ended = f" until {slack_date(view.resolved_at)}" if view.resolved_at else ""
    text = (
        f":white_check_mark: {safe(view.place, 100)}: {_OVER[view.kind]}."
        f" It lasted from {slack_date(view.opened_at)}{ended}{worst}."
    )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def _worst(view: IncidentView) -> str:
    if view.worst is None or view.kind in (IncidentKind.GPU_LOST, IncidentKind.HOST_LOST):
        return ""
    if view.kind is IncidentKind.XID:
        return f", Xid {view.worst:.0f}"
    if view.kind is IncidentKind.ECC:
        return f", {view.worst:.0f} in all"
    unit = " °C" if view.kind is IncidentKind.TOO_HOT else " %"
    return f", at worst {view.worst:.0f}{unit}"


_OVER = {
    IncidentKind.TOO_HOT: "no longer too hot",
    IncidentKind.GPU_MEMORY_NEARLY_FULL: "its memory has room again",
    IncidentKind.XID: "no further critical error for an hour",
    IncidentKind.ECC: "no further memory error for an hour",
    IncidentKind.GPU_LOST: "its host reports it again",
    IncidentKind.HOST_LOST: "its agent reports again",
    IncidentKind.HOST_MEMORY_NEARLY_FULL: "the host has memory again",
    IncidentKind.DISK_NEARLY_FULL: "the disk has room again",
}


def headline(kind: IncidentKind, value: float | None) -> str:
    """Return what is wrong, with the number that was measured."""
    number = 0.0 if value is None else value
    if kind is IncidentKind.XID:
        meaning = _XIDS.get(round(number), "a critical error")
        return f"Xid {number:.0f}, {meaning}"
    return {
        IncidentKind.TOO_HOT: f"{number:.0f} °C is too hot",
        IncidentKind.GPU_MEMORY_NEARLY_FULL: f"{number:.0f} % of its memory is in use",
        IncidentKind.ECC: f"{number:.0f} memory errors that could not be corrected",
        IncidentKind.GPU_LOST: "its host no longer reports it",
        IncidentKind.HOST_LOST: "its agent has gone silent",
        IncidentKind.HOST_MEMORY_NEARLY_FULL: f"only {number:.1f} % of the host's memory is left",
        IncidentKind.DISK_NEARLY_FULL: f"only {number:.1f} % of the disk is left",
    }[kind]


def _next_step(kind: IncidentKind, value: float | None) -> str:
    if kind is IncidentKind.XID and round(value or 0) in _PROGRAM_XIDS:
        return "Most likely the program is at fault: see the log of its training (`/gpu logs`)."
    return _NEXT[kind]


_NEXT = {
    IncidentKind.TOO_HOT: (
        "The driver slows it down by itself, so trainings take longer. Look at the host's fans and"
        " its room."
    ),
    IncidentKind.GPU_MEMORY_NEARLY_FULL: (
        "A training that needs a little more ends for want of memory. A smaller batch leaves room;"
        " `/gpu processes` shows what else is on it."
    ),
    IncidentKind.XID: (
        "Trainings on it may fail or give wrong results. Admins: `/gpu broken` moves its bookings"
        " elsewhere."
    ),
    IncidentKind.ECC: (
        "Results computed on it since then are in doubt. Admins: `/gpu broken` moves its bookings"
        " elsewhere; a reset of the GPU often helps."
    ),
    IncidentKind.GPU_LOST: (
        "Bookings that start later are moved, or their holders are asked. The host most likely"
        " needs a restart: `nvidia-smi` and `dmesg` there say why."
    ),
    IncidentKind.HOST_LOST: (
        "Trainings there most likely go on, and stop in time by themselves. See whether the"
        " machine is up and reaches Berth: `systemctl status berth-agent` there."
    ),
    IncidentKind.HOST_MEMORY_NEARLY_FULL: (
        "The kernel soon ends the largest process. Fewer data loader workers need less."
    ),
    IncidentKind.DISK_NEARLY_FULL: (
        "Trainings cannot save checkpoints when it is full, and none starts below"
        " the agent's floor. Delete old files below the agent's folder or data sets."
    ),
}


def incident_message(notice: IncidentTold) -> Card:
    """Return what the thread of a reservation is told."""
    kind = IncidentKind(notice.incident_kind)
    place = f"R{notice.reservation_id}: {safe(notice.place, 100)}"
    if notice.is_open:
        text = (
            f":rotating_light: *{place}: {headline(kind, notice.value)}.*"
            f" {_next_step(kind, notice.value)}"
        )
    else:
        text = f":white_check_mark: {place}: {_OVER[kind]}."
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def open_incident_blocks(views: Sequence[IncidentView]) -> tuple[Block, ...]:
    """Return the incidents that go on, for a list of hosts; nothing where there are none."""
    if not views:
        return ()
    lines = [_line(view) for view in views[:MOST_LISTED]]
    if len(views) > MOST_LISTED:
        lines.append(f"and {len(views) - MOST_LISTED} more")
    return (section("\n".join(lines)),)


def _line(view: IncidentView) -> str:
    who = (
        f" · :eyes: {person(view.acknowledged_by_slack_id)}"
        if view.acknowledged_by_slack_id
        else ""
    )
    since = slack_date(view.opened_at)
    return (
        f":rotating_light: *{safe(view.place, 100)}* · {headline(view.kind, view.value)}"
        f" · since {since}{who}"
    )


def acknowledged_card(view: IncidentView) -> Card:
    """Return what came of the click on "I look after it"."""
    if not view.state.is_open:
        text = f":white_check_mark: {safe(view.place, 100)}: it is over already; nothing is left."
    else:
        who = person(view.acknowledged_by_slack_id)
        text = f":eyes: {who} looks after {safe(view.place, 100)}; every message about it says so."
    return Card(text, (section(text),))
