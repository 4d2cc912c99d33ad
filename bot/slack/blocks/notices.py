"""What a thread or a person is told, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from bot.domain.delivery_notices import DeliveryRefused
from bot.domain.forecast_notices import FORECAST_NOTICES
from bot.domain.incident_notices import IncidentTold
from bot.domain.notices import (
    ApprovalAsked,
    ApprovalDecided,
    EndsSoon,
    HostBack,
    HostSilent,
    JobDispatched,
    Notice,
    ReservationChanged,
    ReservationReleased,
    RunEnded,
    RunStarted,
    SwapDecided,
    SwapProposed,
    TransferDecided,
    TransferOffered,
    WaitEnded,
    WindowOffered,
)
from bot.domain.outage_notices import OUTAGE_NOTICES
from bot.domain.overrun_notices import OVERRUN_NOTICES
from bot.domain.preemption_notices import PREEMPTION_NOTICES
from bot.domain.run_notices import (
    ContinuationDropped,
    ContinuationPlanned,
    HandoverWaits,
    RunHandedOn,
    RunRetried,
    RunRetries,
    StartUnconfirmed,
)
from bot.domain.series_notices import OccurrenceMissed
from bot.domain.states import RunState
from bot.domain.time_window import TimeWindow
from bot.domain.usage_notices import USAGE_NOTICES
from bot.slack.blocks import continuation_words, retry_words, waiting
from bot.slack.blocks.approval import asked_card, decided_card
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import extend_button
from bot.slack.blocks.delivery_words import delivery_message
from bot.slack.blocks.end_words import advice
from bot.slack.blocks.forecast_words import forecast_message
from bot.slack.blocks.handovers import handover_message
from bot.slack.blocks.incident_words import incident_message
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.outage_words import outage_message
from bot.slack.blocks.overrun_words import overrun_message
from bot.slack.blocks.preemption import preemption_message
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.slack.blocks.run_words import cause_words, end_words, log_tail_blocks, metrics_words
from bot.slack.blocks.series import occurrence_missed
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    count_text,
    duration_text,
    gpu_names_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.blocks.usage_words import usage_message

FALLBACK_CHARS = 1000


def notice_message(notice: Notice) -> Card:
    """Return the message that tells a notice.

    Raises:
        TypeError: there are no words for this kind; a test walks all of them.
    """
    write = _WRITERS.get(type(notice))
    if write is None:
        raise TypeError(f"no words for notice {notice.kind!r}")
    return write(notice)


def _message(*lines: str, more: tuple[Block, ...] = ()) -> Card:
    shown = [line for line in lines if line]
    return Card(clip(shown[0], FALLBACK_CHARS), (section("\n".join(shown)), *more))


def _number(notice: Notice) -> str:
    return f"R{notice.reservation_id}"


def _run_started(notice: RunStarted) -> str:
    place = f"{safe(notice.host_name, 100)}: {gpu_names_text(notice.gpu_names)}"
    return f":rocket: The training of {_number(notice)} started on {place}."


def _run_ended(notice: RunEnded) -> Card:
    emoji, words = end_words(notice.state)
    done = f"{notice.epochs_done}/{count_text(notice.epochs, 'epoch')}" if notice.epochs else ""
    if notice.duration_s is not None:
        done += f" in {duration_text(timedelta(seconds=notice.duration_s))}"
    facts = " · ".join(part for part in (done.strip(), metrics_words(notice.metrics)) if part)
    headline = f"{emoji} *The training of {_number(notice)} {_verb(notice.state, words)}*"
    succeeded = notice.state == RunState.SUCCEEDED
    cause = "" if succeeded else cause_words(notice.cause)
    why = ": ".join(part for part in (cause, safe(notice.detail, 600)) if part)
    tail = () if succeeded else tuple(log_tail_blocks(notice.log_tail))
    buttons = retry_words.end_buttons(notice)
    not_retried = retry_words.not_retried(notice)
    return _message(headline, facts, why, not_retried, advice(notice), more=(*tail, *buttons))


def _verb(state: str, words: str) -> str:
    return words if state in (RunState.SUCCEEDED, RunState.FAILED) else f"was {words}"


def _released(notice: ReservationReleased) -> str:
    done = "released" if notice.was_running else "cancelled"
    emoji = ":unlock:" if notice.was_running else ":heavy_minus_sign:"
    reason = f" Reason: {safe(notice.reason, 400)}" if notice.reason.strip() else ""
    return f"{emoji} {person(notice.by_slack_id)} {done} {_number(notice)}.{reason}"


def _changed(notice: ReservationChanged) -> str:
    old = TimeWindow(notice.old_starts_at, notice.old_ends_at)
    new = TimeWindow(notice.starts_at, notice.ends_at)
    return (
        f":calendar: {person(notice.by_slack_id)} {safe(notice.change, 30)} {_number(notice)}:"
        f" {window_text(new)}; before {window_text(old)}."
    )


def _ends_soon_buttons(notice: EndsSoon) -> Block:
    effect = "Its GPUs become free for others now; a training saves a checkpoint and stops first."
    title = f"Release {_number(notice)}?"
    dialog = confirm_dialog(title, effect, "Release", "Keep it", style="danger")
    value = str(notice.reservation_id)
    release = button("Release", CANCEL_ACTION, value, style="danger", confirm=dialog)
    return actions([extend_button(notice.reservation_id, notice.ends_at), release])


def _ends_soon(notice: EndsSoon) -> tuple[str, ...]:
    left = count_text(notice.minutes, "minute")
    first = (
        f":alarm_clock: {person(notice.holder_slack_id)}, {_number(notice)} ends in {left},"
        f" at {slack_time(notice.ends_at)}."
    )
    finishes_at = notice.run_finishes_at
    if finishes_at is None:
        return (first,)
    if finishes_at <= notice.ends_at:
        return first, f"Its training should be done before that, {slack_date(finishes_at)}."
    late = duration_text(finishes_at - notice.ends_at)
    return (
        first,
        f":warning: Its training would be done {late} later. At the end of the window it saves a"
        " checkpoint and stops.",
    )


def _host_silent(notice: HostSilent) -> str:
    return (
        f":warning: {safe(notice.host_name, 100)} has not answered since"
        f" {slack_date(notice.last_seen_at)}. The training of {_number(notice)} may well go on;"
        " it is told here when the host is back."
    )


def _host_back(notice: HostBack) -> str:
    host = safe(notice.host_name, 100)
    return f":electric_plug: {host}, the host of {_number(notice)}, answers again."


_WRITERS: Mapping[type[Notice], Callable[[Any], Card]] = {
    RunStarted: lambda notice: _message(_run_started(notice)),
    RunEnded: _run_ended,
    ReservationReleased: lambda notice: _message(_released(notice)),
    ReservationChanged: lambda notice: _message(_changed(notice)),
    EndsSoon: lambda notice: _message(*_ends_soon(notice), more=(_ends_soon_buttons(notice),)),
    HostSilent: lambda notice: _message(_host_silent(notice)),
    HostBack: lambda notice: _message(_host_back(notice)),
    ApprovalAsked: asked_card,
    TransferOffered: handover_message,
    TransferDecided: handover_message,
    SwapProposed: handover_message,
    SwapDecided: handover_message,
    WindowOffered: waiting.window_offered,
    DeliveryRefused: delivery_message,
    IncidentTold: incident_message,
    WaitEnded: waiting.wait_ended,
    JobDispatched: waiting.job_dispatched,
    OccurrenceMissed: occurrence_missed,
    ApprovalDecided: lambda notice: decided_card(notice, reserve_button()),
    ContinuationPlanned: lambda notice: _message(continuation_words.planned(notice)),
    ContinuationDropped: lambda notice: _message(continuation_words.dropped(notice)),
    RunHandedOn: lambda notice: _message(continuation_words.handed_on(notice)),
    RunRetries: lambda notice: _message(
        *retry_words.retries(notice),
        more=(
            *log_tail_blocks(notice.log_tail),
            actions([retry_words.retry_button(notice.reservation_id)]),
        ),
    ),
    RunRetried: lambda notice: _message(retry_words.retried(notice)),
    StartUnconfirmed: lambda notice: _message(retry_words.start_unconfirmed(notice)),
    HandoverWaits: lambda notice: _message(retry_words.handover_waits(notice)),
    **dict.fromkeys(FORECAST_NOTICES, forecast_message),
    **dict.fromkeys(OUTAGE_NOTICES, outage_message),
    **dict.fromkeys(OVERRUN_NOTICES, overrun_message),
    **dict.fromkeys(PREEMPTION_NOTICES, preemption_message),
    **dict.fromkeys(USAGE_NOTICES, usage_message),
}
"""The words for each kind of notice."""
