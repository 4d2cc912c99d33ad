"""The card of a reservation, which is the card of its run too.

One message per reservation, edited in place: at most six lines, then the plot, then the
buttons that make sense in its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.views import ReservationView, RunView
from bot.slack.blocks.approval import approval_buttons, approval_line
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import extend_button
from bot.slack.blocks.continuation_words import continuation_lines
from bot.slack.blocks.forecast_words import finish_words
from bot.slack.blocks.handovers import transfer_button
from bot.slack.blocks.run_menu import again_on_card, run_menu
from bot.slack.blocks.run_words import (
    cause_words,
    end_words,
    losses_words,
    metrics_words,
    progress_bar,
    spec_words,
)
from bot.slack.blocks.series_mark import series_mark
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    count_text,
    duration_text,
    file_image,
    gpu_list,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.blocks.usage_buttons import usage_buttons, usage_line

CANCEL_ACTION = "reservation.cancel"
"""The ``action_id`` of every button that gives a reservation up; its value is the number."""

MOST_LINES = 6
FALLBACK_CHARS = 1000


def reservation_card(view: ReservationView, now: datetime) -> Card:
    """Return the card of a reservation as it stands at ``now``."""
    emoji, words = _headline(view)
    lines = [
        f"{emoji} *R{view.reservation_id} · {words}* · {_holder(view)}",
        f"{_gpus(view)} · {window_text(view.window)}{series_mark(view)}",
        *_approval(view),
        *([usage_line(view)] if usage_line(view) else []),
        *_body(view, now),
    ]
    blocks = [section("\n".join(lines[:MOST_LINES]), accessory=run_menu(view)), *_plot(view)]
    given = (
        *approval_buttons(view),
        *usage_buttons(view),
        _extend(view),
        _transfer(view),
        again_on_card(view),
        give_up_button(view),
    )
    clicks = [click for click in given if click is not None]
    if clicks:
        blocks.append(actions(clicks))
    return Card(_fallback(view, words), tuple(blocks))


_BEFORE_ANY_RUN: Mapping[ReservationState, tuple[str, str]] = {
    ReservationState.PENDING: (":raised_hand:", "waits for approval"),
    ReservationState.OFFERED: (":bell:", "held for an offer"),
    ReservationState.BOOKED: (":calendar:", "booked"),
    ReservationState.CANCELLED: (":heavy_minus_sign:", "cancelled"),
}


_OF_MAINTENANCE: Mapping[ReservationState, tuple[str, str]] = {
    ReservationState.BOOKED: (":construction:", "maintenance planned"),
    ReservationState.ACTIVE: (":construction:", "under maintenance"),
    ReservationState.CANCELLED: (":heavy_minus_sign:", "maintenance called off"),
    ReservationState.ENDED: (":white_check_mark:", "maintenance over"),
}


def _headline(view: ReservationView) -> tuple[str, str]:
    for_work = view.kind is not ReservationKind.MAINTENANCE
    known = _BEFORE_ANY_RUN if for_work else _OF_MAINTENANCE
    if view.state in known:
        return known[view.state]
    if view.state is ReservationState.RELEASING:
        stopping = view.run is not None and not view.run.state.is_over
        words = "stopping, saving a checkpoint" if stopping else "being released"
        return ":hourglass_flowing_sand:", words
    if view.run is not None and _has_begun(view.run):
        return _run_headline(view.run)
    if view.state is ReservationState.ACTIVE:
        if view.run is not None:
            return ":hourglass_flowing_sand:", "waiting for the host"
        return ":large_green_circle:", "active"
    return ":white_check_mark:", "released" if _was_released(view) else "over"


def _run_headline(run: RunView) -> tuple[str, str]:
    if run.state.is_over:
        return end_words(run.state)
    if run.state is RunState.STOPPING:
        return ":hourglass_flowing_sand:", "stopping, saving a checkpoint"
    if run.state is RunState.RETRYING:
        return ":repeat:", "failed, tried again soon"
    if not run.host_online:
        waits = "waiting for the host" if run.state is RunState.STARTING else "host is silent"
        return ":warning:", waits
    if run.state is RunState.STARTING:
        return ":hourglass_flowing_sand:", "starting"
    loading = run.progress.epoch == 0
    return ":large_green_circle:", "loading model and data" if loading else "running"


def _has_begun(run: RunView) -> bool:
    """A run that was never handed to a host says nothing that its reservation does not."""
    return run.state not in (RunState.WAITING, RunState.CANCELLED)


def _was_released(view: ReservationView) -> bool:
    return bool(view.end_reason) or (view.ended_at is not None and view.ended_at < view.window.end)


def _holder(view: ReservationView) -> str:
    priority = view.priority.value.upper()
    if view.preemptible and view.priority is not Priority.P2:
        priority += ", preemptible"
    return f"{person(view.holder_slack_id)}, {safe(view.team_name, 60)} · {priority}"


def _gpus(view: ReservationView) -> str:
    noun = "simulated GPU" if view.simulated else "GPU"
    models = sorted({gpu.model for gpu in view.gpus})
    model = f" ({safe(', '.join(models), 80)})" if models and not view.simulated else ""
    return f"{count_text(view.gpu_count, noun)}{model}: {gpu_list(view.gpus)}"


def _approval(view: ReservationView) -> list[str]:
    """Return the line about its approval, until it starts and there is more to tell."""
    line = approval_line(view) if view.state in _BEFORE_ANY_RUN else ""
    return [line] if line else []


def _body(view: ReservationView, now: datetime) -> list[str]:
    """Return up to four lines, the most telling ones first."""
    lines: list[str] = []
    run = view.run
    note = f"“{safe(view.note, 200)}”" if view.note.strip() else ""
    if run is not None:
        lines.append(" · ".join(part for part in (spec_words(run.spec), note) if part))
        lines += _run_lines(view, run, now)
    elif note:
        lines.append(note)
    lines = [*lines[:3], *continuation_lines(view), *lines[3:]]
    ending = _ending(view)
    return [*lines[: 3 if ending else 4], *([ending] if ending else [])]


def _run_lines(view: ReservationView, run: RunView, now: datetime) -> list[str]:
    if run.state.is_over:
        return _end_lines(run)
    if not _has_begun(run):
        return _unbegun_lines(view, run)
    if run.state is RunState.RETRYING:
        why = cause_words(run.end_cause).capitalize()
        at = f" {slack_time(run.retries_at)}" if run.retries_at else ""
        return [f"{why}; it starts again{at} from its newest checkpoint."]
    if run.state is RunState.STARTING:
        return [] if run.host_online else ["The host does not answer; the run starts when it does."]
    progress = run.progress
    if progress.epoch == 0:
        return [_silent_words(run)] if not run.host_online else []
    lines = [_progress_line(run), _figures_line(run)]
    if not run.host_online:
        lines.append(_silent_words(run))
    elif run.state is RunState.RUNNING and view.state is ReservationState.ACTIVE:
        lines.append(_time_left(view, run, now))
    return [line for line in lines if line]


def _unbegun_lines(view: ReservationView, run: RunView) -> list[str]:
    if not view.state.is_ahead:
        return []
    done = run.progress.epoch
    begins = f"goes on after epoch {done}/{run.progress.epochs}" if done else "starts"
    return [f"The training {begins} by itself at the start of the window."]


def _silent_words(run: RunView) -> str:
    """Say what is known and no more: the host may have lost its network only."""
    last = f"epoch {run.progress.epoch} was the last heard of; " if run.progress.epoch else ""
    return f":warning: The host does not answer: {last}the run may well go on."


def _progress_line(run: RunView) -> str:
    progress = run.progress
    percent = int(100 * min(1.0, progress.fraction))
    bar = progress_bar(progress.fraction)
    return f"{bar} epoch {progress.epoch}/{progress.epochs} · {percent} %"


def _figures_line(run: RunView) -> str:
    parts = (metrics_words(run.metrics, most=2), losses_words(run.losses))
    return " · ".join(part for part in parts if part)


def _time_left(view: ReservationView, run: RunView, now: datetime) -> str:
    if run.progress.epoch >= run.progress.epochs:
        return "All epochs are done; the best weights are being evaluated."
    finishes_at = run.finishes_at
    left = finishes_at - now if finishes_at is not None else run.progress.left
    if left is None:
        return ""
    if finishes_at is None:
        finishes_at = now + left
    done = finish_words(run) or f"done {slack_date(finishes_at)}"
    line = f"about {duration_text(max(left, timedelta()))} left, {done}"
    if run.finishes_early:
        return f"{line} · :scissors: stops after the last epoch that fits"
    if finishes_at > view.window.end:
        late = duration_text(finishes_at - view.window.end)
        line += f" · :warning: {late} after the end of the window"
    return line


def _end_lines(run: RunView) -> list[str]:
    if run.state is RunState.CANCELLED:
        return []
    if run.started_at is None and not run.progress.epoch and not run.end_detail.strip():
        return ["The training never started."]
    done = f"{run.progress.epoch}/{run.progress.epochs} epochs"
    if run.started_at is not None and run.ended_at is not None:
        done += f" in {duration_text(run.ended_at - run.started_at)}"
    figures = metrics_words(run.metrics)
    lines = [" · ".join(part for part in (done, figures) if part)]
    if run.state is RunState.FAILED:
        detail = safe(run.end_detail, 400)
        reason = ": ".join(part for part in (cause_words(run.end_cause), detail) if part)
        lines.append(f"{reason or 'the cause is not known'} · last log lines in the thread")
    elif run.state is not RunState.SUCCEEDED and run.end_detail.strip():
        lines.append(safe(run.end_detail, 400))
    return lines


def _ending(view: ReservationView) -> str:
    """Return one line about how the reservation itself was given up, if it was."""
    given_up = view.state.is_over or view.state is ReservationState.RELEASING
    if not given_up:
        return ""
    reason = f"Reason: {safe(view.end_reason, 300)}" if view.end_reason.strip() else ""
    when = ""
    if view.ended_at is not None and view.state.is_over and _was_released(view):
        verb = "Cancelled" if view.state is ReservationState.CANCELLED else "Released"
        when = f"{verb} {slack_date(view.ended_at)}"
    return " · ".join(part for part in (when, reason) if part)


def _plot(view: ReservationView) -> list[Block]:
    run = view.run
    if run is None or not run.plot_file_id:
        return []
    alt_text = f"Training curves of R{view.reservation_id}: losses and metrics by epoch"
    return [file_image(run.plot_file_id, alt_text)]


def _goes_on(view: ReservationView) -> bool:
    """Tell whether there is something to go on with, or to hand over."""
    if view.state not in (ReservationState.BOOKED, ReservationState.ACTIVE):
        return False
    return view.run is None or view.run.state is not RunState.STOPPING


def _extend(view: ReservationView) -> Block | None:
    if not _goes_on(view):
        return None
    return extend_button(view.reservation_id, view.window.end, view.gpu_count)


def _transfer(view: ReservationView) -> Block | None:
    if not _goes_on(view) or view.kind is ReservationKind.MAINTENANCE:
        return None
    return transfer_button(view)


def give_up_button(view: ReservationView) -> Block | None:
    """Return the one button that gives the reservation up, with a dialog that names the effect."""
    count = count_text(view.gpu_count, "GPU")
    if view.state.is_ahead:
        effect = f"Frees {count} for the booked {duration_text(view.window.length)}."
        if view.run is not None:
            effect += " The training does not start."
        return _give_up(view, "Cancel", f"Cancel R{view.reservation_id}?", effect)
    run = view.run
    if view.state is not ReservationState.ACTIVE or (
        run is not None and run.state is RunState.STOPPING
    ):
        return None
    if run is None or run.state.is_over:
        effect = f"Frees {count} for others now."
        return _give_up(view, "Release", f"Release R{view.reservation_id}?", effect)
    title = f"Stop and release R{view.reservation_id}?"
    return _give_up(view, "Stop & release", title, f"{_stop_effect(run)} Then frees {count}.")


def _stop_effect(run: RunView) -> str:
    if run.state is RunState.WAITING:
        return "The training does not start."
    if run.state is RunState.RETRYING:
        return "The training is not tried again."
    if run.progress.epoch == 0:
        return "Stops the training before its first epoch is done."
    epochs = run.progress.epochs
    current = min(run.progress.epoch + 1, epochs)
    return f"Stops epoch {current}/{epochs}; a checkpoint is saved first."


def _give_up(view: ReservationView, label: str, title: str, effect: str) -> Block:
    dialog = confirm_dialog(title, effect, label, "Keep it", style="danger")
    value = str(view.reservation_id)
    return button(label, CANCEL_ACTION, value, style="danger", confirm=dialog)


def _fallback(view: ReservationView, words: str) -> str:
    """Return the card as one sentence, for notifications and screen readers."""
    noun = "simulated GPU" if view.simulated else "GPU"
    parts = [
        f"R{view.reservation_id} {words}: {count_text(view.gpu_count, noun)}"
        f" of {safe(view.holder_name, 80)}, {window_text(view.window)}"
    ]
    run = view.run
    if run is not None and run.progress.epoch:
        parts.append(f"epoch {run.progress.epoch} of {run.progress.epochs}")
        parts.append(metrics_words(run.metrics, most=1))
    if run is not None and run.state is RunState.FAILED:
        parts.append(cause_words(run.end_cause))
    return clip(", ".join(part for part in parts if part), FALLBACK_CHARS)
