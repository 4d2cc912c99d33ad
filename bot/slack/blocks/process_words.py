"""Processes on GPUs that no booking explains, in words, and what can be done about them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.processes import GpuNow, ProcessState, ProcessView, StopOutcome
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    context,
    divider,
    gpu_names_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
)

ADOPT_ACTION = "process.adopt"
"""The ``action_id`` of "Adopt into a booking"; its value is the number of the process."""

DENY_ACTION = "process.deny"
"""The ``action_id`` of "Not mine"; its value is the number of the process."""

STOP_ACTION = "process.stop"
"""The ``action_id`` of "Stop it"; its value is the number of the process."""

BY_POLICY = "policy"
FALLBACK_CHARS = 1000
MOST_SHOWN = 15
COMMAND_CHARS = 200


def process_card(view: ProcessView) -> Card:
    """Return the message about a process as it stands now."""
    lines = [line for line in (_headline(view), _what(view), *_told(view)) if line]
    blocks: list[Block] = [section("\n".join(lines))]
    if view.state is ProcessState.OPEN:
        blocks.append(actions(_buttons(view)))
    return Card(clip(lines[0], FALLBACK_CHARS), tuple(blocks))


def _headline(view: ProcessView) -> str:
    gpus = gpu_names_text([gpu.name for gpu in view.gpus])
    if view.state is ProcessState.GONE:
        when = f" {slack_date(view.gone_at)}" if view.gone_at else ""
        return f":white_check_mark: The process on {gpus} that nobody had booked is gone{when}."
    if view.state is ProcessState.ADOPTED:
        who = person(view.adopted_by_slack_id) if view.adopted_by_slack_id else "a booking"
        return f":white_check_mark: The process on {gpus} belongs to {who} now."
    if view.state is ProcessState.COVERED:
        return f":white_check_mark: The process on {gpus} is on a booking of its own now."
    return f":rotating_light: *A process on {gpus} that belongs to no booking of it*"


def _what(view: ProcessView) -> str:
    user = f"user *{safe(view.user, 64)}*" if view.user else "an unknown user"
    since = f"since {slack_date(view.started_at or view.first_seen_at)}"
    memory = f", {view.memory_mib / 1024:.1f} GiB" if view.memory_mib else ""
    command = safe(view.command, COMMAND_CHARS) or "(the host cannot tell)"
    return f"{user}, process {view.pid}, {since}{memory}: {command}"


def _told(view: ProcessView) -> list[str]:
    if view.state is not ProcessState.OPEN:
        return []
    lines = [_whose(gpu) for gpu in view.gpus[:4]]
    if view.likely_slack_id:
        lines.append(f"Most likely it is {person(view.likely_slack_id)}'s.")
    if view.denied_by:
        lines.append(f"Not theirs: {', '.join(person(one) for one in view.denied_by[:10])}.")
    return [*dict.fromkeys(lines), _stopping(view)]


def _whose(gpu: GpuNow) -> str:
    name = safe(gpu.name, 80)
    if gpu.reservation_id is None:
        return f"{name} is booked by nobody."
    until = f" until {slack_time(gpu.until)}" if gpu.until else ""
    beside = "; its training shares the GPU with it" if gpu.trains else ""
    return f"{name} is {person(gpu.holder_slack_id)}'s (R{gpu.reservation_id}){until}{beside}."


_OUTCOMES = {
    StopOutcome.SIGNALLED: "got SIGTERM; it has not ended yet.",
    StopOutcome.GONE: "was gone already when its host looked.",
    StopOutcome.ANOTHER: "was left alone: its number belongs to another process by now.",
    StopOutcome.ROOT: (
        "was left alone: it is root's. Stop it on the host, or set"
        " BERTH_AGENT_STOP_ROOT_PROCESSES there."
    ),
    StopOutcome.OURS: "was left alone: it belongs to Berth itself.",
    StopOutcome.REFUSED: (
        "could not be signalled: the agent may not. Stop it on the host, or let the agent run as"
        " a user that may."
    ),
}


def _stopping(view: ProcessView) -> str:
    if view.stop_asked_by:
        who = (
            "Policy" if view.stop_asked_by == BY_POLICY else person(view.stop_asked_by)
        ) + " asked to stop it"
        when = f" {slack_time(view.stop_asked_at)}" if view.stop_asked_at else ""
        if not view.stop_outcome:
            return f":hourglass_flowing_sand: {who}{when}; its host has not answered yet."
        try:
            came = _OUTCOMES[StopOutcome(view.stop_outcome)]
        except ValueError:
            came = "was answered in words of a newer agent."
        return f":octagonal_sign: {who}{when}; it {came}"
    if view.stop_at is not None:
        return (
            f":alarm_clock: It is stopped {slack_date(view.stop_at)} (SIGTERM), unless it belongs"
            " to a booking by then or is gone."
        )
    return "Berth stops nothing by itself."


def _buttons(view: ProcessView) -> list[Block]:
    value = str(view.process_id)
    effect = (
        "Free GPUs are booked for you for the rest of the slot; on your own booking the process"
        " counts as yours."
    )
    adopt = confirm_dialog("Is this process yours?", effect, "It is mine", "No")
    names = ", ".join(gpu.name for gpu in view.gpus)
    stop = confirm_dialog(
        f"Stop process {view.pid}?",
        f"{view.user or 'Its user'} on {names}: SIGTERM now. Unsaved work of it may be lost."
        " Only admins may.",
        "Stop it",
        "Leave it",
        style="danger",
    )
    return [
        button("Adopt into a booking", ADOPT_ACTION, value, style="primary", confirm=adopt),
        button("Not mine", DENY_ACTION, value),
        button("Stop it", STOP_ACTION, value, style="danger", confirm=stop),
    ]


def adopted_card(view: ProcessView, reservation_id: int | None) -> Card:
    """Return what came of adopting."""
    where = (
        f"R{reservation_id} is booked for you on its GPU until the end of the slot; *Extend* on"
        " its card keeps it longer."
        if reservation_id is not None
        else "It counts as part of your booking."
    )
    return _said(f":white_check_mark: Process {view.pid} is yours. {where}")


def denied_card(view: ProcessView) -> Card:
    """Return what came of "Not mine"."""
    return _said(
        f":memo: Noted: process {view.pid} is not yours. The message says so; an admin can stop it."
    )


def stopping_card(view: ProcessView) -> Card:
    """Return what came of "Stop it"."""
    return _said(
        f":octagonal_sign: {safe(view.host_name, 60)} is asked to send SIGTERM to process"
        f" {view.pid}. The message says what came of it."
    )


def processes_card(views: Sequence[ProcessView]) -> Card:
    """Return all processes that no booking explains now."""
    if not views:
        return _said(":white_check_mark: Every process on the GPUs belongs to a booking.")
    blocks: list[Block] = []
    for view in views[:MOST_SHOWN]:
        blocks += [*process_card(view).blocks, divider()]
    if len(views) > MOST_SHOWN:
        blocks.append(context(f"and {len(views) - MOST_SHOWN} more"))
    return Card(f"{len(views)} on GPUs without a booking", tuple(blocks))


def unix_users_card(slack_id: str, names: Sequence[str]) -> Card:
    """Return whose processes those of which Unix users are from now on."""
    who = person(slack_id)
    if not names:
        return _said(f":white_check_mark: No Unix user is {who}'s: their processes are not known.")
    shown = clip(", ".join(safe(name, 40) for name in names), 400)
    return _said(f":white_check_mark: Processes of {shown} are {who}'s, on every host.")


def _said(text: str) -> Card:
    return Card(clip(text, FALLBACK_CHARS), (section(text),))
