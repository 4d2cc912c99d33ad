"""The answer to “will it be ready?”: how long, in which windows, and what else could be done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta, tzinfo

from bot.domain.forecast import Span
from bot.domain.pace import PaceEstimate, ScaleStep
from bot.domain.planning import (
    IdeaKind,
    Meets,
    Plan,
    PlanIdea,
    PlannedWindow,
    Room,
    TypeOption,
)
from bot.domain.requests import ReserveRequest
from bot.services.plans import Finish
from bot.slack.blocks.card import Card
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.swap_ideas import with_swaps
from bot.slack.blocks.text import (
    Block,
    Style,
    button,
    clip,
    context,
    count_text,
    duration_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.blocks.waiting import join_button
from bot.slack.carried_request import VALUE_CHARS, request_to_value

FALLBACK_CHARS = 1000
MOST_OPTIONS = 4
FEWEST_FOR_ACCURACY = 3


def plan_card(plan: Plan, tz: tzinfo) -> Card:
    """Return the answer, with a button for every window that can be booked with its run."""
    head = f":crystal_ball: *{spec_words(plan.request.run)}* · {_gpus(plan)}{_by(plan, tz)}"
    if not plan.options:
        return _unknown(plan, head)
    verdict = _verdict(plan, tz)
    lines = [head, verdict, *(_length_line(option) for option in plan.options[:MOST_OPTIONS])]
    blocks = [section("\n".join(lines))]
    blocks += [_window_block(each, plan, tz) for each in plan.windows]
    if plan.latest is not None:
        blocks.append(_latest_block(plan.latest, plan, tz))
    blocks += [_idea_block(idea, plan, tz) for idea in plan.ideas]
    if plan.room is not None:
        blocks.append(_room_block(plan, plan.room, tz))
    blocks.append(context(*_small_print(plan)))
    card = Card(clip(f"{head} {verdict}", FALLBACK_CHARS), tuple(blocks))
    return with_swaps(card, plan.swaps, tz) if plan.swaps else card


def _gpus(plan: Plan) -> str:
    kind = f" {safe(plan.request.gpu_type, 60)}" if plan.request.gpu_type else ""
    number = plan.request.gpu_count
    return f"{number}{kind} {'GPU' if number == 1 else 'GPUs'}"


def _by(plan: Plan, tz: tzinfo) -> str:
    deadline = plan.request.deadline
    return f" · by {slack_date(deadline, tz)}" if deadline is not None else ""


def _verdict(plan: Plan, tz: tzinfo) -> str:
    if plan.too_long:
        longest = duration_text(plan.longest)
        return (
            f":no_entry: *It does not fit into one reservation*, which is at most {longest} long."
        )
    if not plan.windows:
        return ":no_entry: *No window is free* within the time that can be booked ahead."
    best = plan.windows[0]
    if plan.request.deadline is None:
        return f":white_check_mark: *Done about {slack_date(best.likely_at, tz)}* at the soonest."
    if plan.meets is Meets.SURELY:
        return f":white_check_mark: *Yes:* done about {slack_date(best.likely_at, tz)}."
    if plan.meets is Meets.LIKELY:
        return (
            ":warning: *Likely, but not surely:* done about"
            f" {slack_date(best.likely_at, tz)}, at the latest {slack_date(best.high_at, tz)}."
        )
    late = duration_text(best.likely_at - plan.request.deadline)
    return (
        f":no_entry: *No:* at the soonest it is done about {slack_date(best.likely_at, tz)},"
        f" {late} too late."
    )


def _length_line(option: TypeOption) -> str:
    basis = basis_words(option.estimate)
    return f"On {safe(option.gpu_type, 60)}: *{span_words(option.length)}*, {basis}."


def span_words(length: Span) -> str:
    """Return "about 7 h 30 min (6 h 50 min to 8 h 40 min)"."""
    low, high = duration_text(length.low), duration_text(length.high)
    return f"about {duration_text(length.likely)} ({low} to {high})"


def basis_words(estimate: PaceEstimate) -> str:
    """Return "from 3 runs of yolo11m on 1 A100, scaled from imgsz 640 to 960"."""
    key = estimate.key
    runs = count_text(estimate.runs, "run")
    basis = f"from {runs} of {safe(key.model, 80)} on {key.gpu_count} {safe(key.gpu_type, 60)}"
    steps = ", ".join(_step_words(step) for step in estimate.steps)
    return f"{basis}, scaled {steps}" if steps else f"{basis} just like it"


_STEP_NAMES = {"imgsz": "imgsz", "batch": "batch", "model": "model", "gpu_type": "type"}


def _step_words(step: ScaleStep) -> str:
    if step.what == "gpus":
        return f"from {safe(step.old, 60)} to {safe(step.new, 60)} GPUs"
    guess = " (taken as equal: nothing has run on both)" if step.guessed else ""
    name = _STEP_NAMES.get(step.what, safe(step.what, 60))
    return f"from {name} {safe(step.old, 60)} to {safe(step.new, 60)}{guess}"


def _window_block(planned: PlannedWindow, plan: Plan, tz: tzinfo) -> Block:
    late = planned.meets is Meets.NO
    mark = (
        ":x:" if late else ":large_green_circle:" if planned.meets is Meets.SURELY else ":warning:"
    )
    text = (
        f"{mark} {_planned_gpus(planned)}, {window_text(planned.window, tz)}:"
        f" done {_finish(planned, tz)}"
    )
    style: Style | None = "primary" if planned is plan.windows[0] and not late else None
    return _with_button(text, "Book with the run", planned.request(plan.request.priority), style)


def _planned_gpus(planned: PlannedWindow) -> str:
    return f"{planned.gpu_count} {safe(planned.gpu_type or 'GPU', 60)}"


def _finish(planned: PlannedWindow, tz: tzinfo) -> str:
    far = planned.high_at - planned.low_at > timedelta(hours=20)
    show = slack_date if far or planned.low_at.date() != planned.high_at.date() else slack_time
    span = f"{show(planned.low_at, tz)}–{show(planned.high_at, tz)}"  # noqa: RUF001 - an en dash
    return f"about {slack_date(planned.likely_at, tz)} ({span})"


def _latest_block(latest: PlannedWindow, plan: Plan, tz: tzinfo) -> Block:
    text = (
        f":hourglass: The latest start that is safe: *{slack_date(latest.window.start, tz)}*"
        f" ({_planned_gpus(latest)}), done at the latest {slack_date(latest.high_at, tz)}."
    )
    if any(latest.window == each.window for each in plan.windows):
        return section(text)
    return _with_button(text, "Book this one", latest.request(plan.request.priority), None)


_IDEAS = {
    IdeaKind.FEWER_EPOCHS: "With {epochs} epochs instead of {asked_epochs}",
    IdeaKind.SMALLER_IMAGES: "With images of {imgsz} px instead of {asked_imgsz}",
    IdeaKind.MORE_GPUS: "With {gpus} GPUs instead of {asked_gpus}",
}


def _idea_block(idea: PlanIdea, plan: Plan, tz: tzinfo) -> Block:
    planned, asked = idea.planned, plan.request
    what = _IDEAS[idea.kind].format(
        epochs=planned.run.epochs,
        asked_epochs=asked.run.epochs,
        imgsz=planned.run.imgsz,
        asked_imgsz=asked.run.imgsz,
        gpus=planned.gpu_count,
        asked_gpus=asked.gpu_count,
    )
    text = f":bulb: {what}: {window_text(planned.window, tz)}, done {_finish(planned, tz)}"
    return _with_button(text, "Book this", planned.request(asked.priority), None)


def _room_block(plan: Plan, room: Room, tz: tzinfo) -> Block:
    """Return who stands in the way, with the waitlist for the window a click away."""
    request = ReserveRequest(
        room.window.length,
        plan.request.gpu_count,
        gpu_type=plan.request.gpu_type,
        start=room.window.start,
        priority=plan.request.priority,
        run=plan.request.run,
    )
    return section(_room_words(room, tz), accessory=join_button(request))


def _room_words(room: Room, tz: tzinfo) -> str:
    lines = [
        f":speech_balloon: {window_text(room.window, tz)} would do, if"
        f" {count_text(len(room.makers), 'reservation')} gave way:"
    ]
    for maker in room.makers:
        held = maker.holding
        how = (
            "a P0 can take it, which needs approval"
            if maker.needs_approval
            else "ask for a swap or a later start"
        )
        lines.append(
            f"• {person(held.holder_slack_id)}'s R{held.reservation_id}"
            f" ({maker.priority.value.upper()}, {safe(held.team_name, 60)},"
            f" {window_text(held.window, tz)}): {how}"
        )
    return "\n".join(lines)


def _unknown(plan: Plan, head: str) -> Card:
    """Say that nothing is known to go by, and offer to find out."""
    data = safe(plan.request.run.data, 120)
    text = (
        f"Nothing that could be scaled from has run on {data} yet, and I do not guess. A trial of"
        " a few epochs in one slot tells how long they take; then ask me again."
    )
    blocks = [section(f"{head}\n{text}")]
    if plan.trial is not None and plan.trial.run is not None:
        epochs = count_text(plan.trial.run.epochs, "epoch")
        trial = (
            f":test_tube: A trial: {epochs} in one slot of {duration_text(plan.trial.length)}, now"
        )
        blocks.append(_with_button(trial, "Book the trial", plan.trial, "primary"))
    return Card(clip(f"{head} {text}", FALLBACK_CHARS), tuple(blocks))


def _small_print(plan: Plan) -> Iterator[str]:
    accuracy = plan.accuracy
    if accuracy.count >= FEWEST_FOR_ACCURACY:
        off = f"{100 * accuracy.median_off:.0f} %"
        yield f"Our last {accuracy.count} forecasts at half time were off by {off} (median)."
    yield (
        "Ranges hold in four of five cases. A window covers the upper end; nothing is booked until"
        " you click, and everything is checked again then."
    )


def _with_button(text: str, label: str, request: ReserveRequest, style: Style | None) -> Block:
    value = request_to_value(request)
    if len(value) > VALUE_CHARS:
        return section(text)
    return section(text, accessory=button(label, ALTERNATIVE_ACTION, value, style=style))


def finish_line(finish: Finish, tz: tzinfo) -> str:
    """Return the line of a confirmation that says when a booked training would be done."""
    length, start = finish.option.length, finish.window.start
    low, likely, high = (
        slack_date(start + each, tz) for each in (length.low, length.likely, length.high)
    )
    basis = basis_words(finish.option.estimate)
    line = f"It should be done about {likely} ({low} to {high}), {basis}."
    if finish.fits:
        return line
    return (
        f"{line} :warning: The window may be too short for that: you are told as soon as it shows,"
        " with what can be done."
    )
