"""What is said about runs that failed: tried again, not tried again, or late to start."""

from __future__ import annotations

import json
from datetime import tzinfo

from bot.domain.notices import RunEnded
from bot.domain.retrying import NotRetried
from bot.domain.run_notices import HandoverWaits, RunRetried, RunRetries, StartUnconfirmed
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.run_words import cause_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    count_text,
    gpu_names_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)

FALLBACK_CHARS = 1000
RETRY_ACTION = "run.retry"
"""A button that lets a run be tried again; its value is `retry_value`."""

_CAN_BE_RETRIED = (
    RunState.FAILED,
    RunState.HOST_LOST,
    RunState.STOPPED,
    RunState.EXPIRED,
    RunState.PREEMPTED,
)


def retry_value(reservation_id: int, batch: int | None = None) -> str:
    """Return the value of a retry button: which run, and with which batch if another one."""
    return json.dumps({"v": 1, "r": reservation_id, "b": batch}, separators=(",", ":"))


def retry_from_value(value: str) -> tuple[int, int | None] | None:
    """Read what `retry_value` wrote: which run, and which batch; None for anything else."""
    try:
        kept = json.loads(value)
        number, batch = kept["r"], kept["b"]
    except (ValueError, KeyError, TypeError):
        return None
    readable = isinstance(number, int) and (batch is None or isinstance(batch, int))
    return (number, batch) if readable else None


def retried_card(before: ReservationView, after: ReservationView, tz: tzinfo) -> Card:
    """Return where and when a run is tried again."""
    number, old = f"R{after.reservation_id}", f"R{before.reservation_id}"
    if after.state is ReservationState.ACTIVE:
        text = f":repeat: *The training of {number} starts again now,* from its newest checkpoint."
    else:
        elsewhere = "" if number == old else f" {old} has no time left for it."
        waits = " once somebody has approved it" if after.state is ReservationState.PENDING else ""
        text = (
            f":repeat: *The training goes on in {number}{waits}:* {window_text(after.window, tz)}."
            f"{elsewhere}"
        )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def retries(notice: RunRetries) -> tuple[str, ...]:
    """Return the cause, which try comes next, and when."""
    done = (
        f" from epoch {notice.epochs_done} of {notice.epochs}"
        if notice.epochs_done
        else " from the beginning"
    )
    why = ": ".join(part for part in (cause_words(notice.cause), safe(notice.detail, 600)) if part)
    return (
        f":repeat: *The training of R{notice.reservation_id} failed on"
        f" {safe(notice.host_name, 100)} and is tried again {slack_time(notice.at)}*"
        f" (retry {notice.number} of {notice.most}){done}.",
        why,
    )


def retry_button(reservation_id: int, label: str = "Retry now", batch: int | None = None) -> Block:
    """Return the button that tries a run again, at once or in the next free window."""
    return button(label, RETRY_ACTION, retry_value(reservation_id, batch))


def retried(notice: RunRetried) -> str:
    """Return who let it be tried again, when and with what."""
    batch = f" with batch {notice.batch}" if notice.batch else ""
    return (
        f":repeat: {person(notice.by_slack_id)} lets the training of R{notice.reservation_id} be"
        f" tried again{batch}, {slack_date(notice.starts_at)}."
    )


def not_retried(notice: RunEnded) -> str:
    """Return why a run that failed is not tried again by itself; nothing where that is plain."""
    if notice.not_retried == NotRetried.TRIES:
        return f"Not tried again: it failed {count_text(notice.tries, 'time')} without an epoch."
    if notice.not_retried == NotRetried.TIME and notice.reservation_ends_at is not None:
        return f"Not tried again: its reservation ends {slack_time(notice.reservation_ends_at)}."
    if notice.batch_that_fits:
        return f"Batch {notice.batch} did not fit; batch {notice.batch_that_fits} should."
    return ""


def end_buttons(notice: RunEnded) -> list[Block]:
    """Return the buttons below an end that need not be the last word."""
    if notice.state not in _CAN_BE_RETRIED:
        return []
    label = "Retry" if notice.state in (RunState.FAILED, RunState.HOST_LOST) else "Go on"
    if notice.not_retried == NotRetried.TIME:
        label = "Go on in the next free window"
    shown = []
    if notice.batch_that_fits:
        text = f"Retry with batch {notice.batch_that_fits}"
        shown.append(retry_button(notice.reservation_id, text, notice.batch_that_fits))
    else:
        shown.append(retry_button(notice.reservation_id, label))
    return [actions(shown)]


def start_unconfirmed(notice: StartUnconfirmed) -> str:
    """Return that the host has not confirmed a start, why, and that Berth keeps trying."""
    host = safe(notice.host_name, 100)
    why = (
        f"{host} answers, but has not started it"
        if notice.host_online
        else f"{host} has not answered since {slack_time(notice.last_seen_at)}"
    )
    return (
        f":warning: {person(notice.holder_slack_id)}, the training of R{notice.reservation_id} was"
        f" due {slack_time(notice.due_at)} and is not running: {why}. It starts by itself as soon"
        f" as the host takes it, until {slack_date(notice.ends_at)}."
    )


def handover_waits(notice: HandoverWaits) -> str:
    """Return who is still on the GPUs of a reservation that should have started."""
    host = safe(notice.host_name, 100)
    silent = "" if notice.host_online else f" {host} does not answer."
    mark = ":rotating_light:" if notice.incident else ":hourglass_flowing_sand:"
    what = (
        f"{person(notice.holder_slack_id)}, R{notice.reservation_id} should have started"
        f" {slack_time(notice.due_at)}: the training of R{notice.before_id}"
        f" ({person(notice.before_holder_slack_id)}) is still on"
        f" {gpu_names_text(notice.gpu_names)}."
    )
    if not notice.incident:
        return f"{mark} {what}{silent} It starts as soon as its process is seen gone."
    return (
        f"{mark} {what}{silent} That is longer than it may take: somebody with access to"
        f" {host} should look at what runs there. R{notice.reservation_id} still starts by itself"
        " once the GPUs are free."
    )
