"""A booking that may be meant otherwise: repeated to its writer before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.domain.views import BookingForm
from bot.slack.blocks.booking_modal import FormState, initial_state
from bot.slack.blocks.card import Card
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.text import (
    Block,
    Style,
    actions,
    button,
    clip,
    context,
    count_text,
    duration_text,
    gpu_names_text,
    safe,
    section,
    slack_date,
    window_text,
)
from bot.slack.carried_request import VALUE_CHARS, request_to_value
from bot.slack.command_text import format_reserve_command
from bot.slack.doubts import Doubt, DoubtKind, Understood

CONFIRM_ACTION = "reserve.confirm"
"""The ``action_id`` of a button that books what was understood; its value is the request."""

CHANGE_ACTION = "reserve.change"
"""The ``action_id`` of a button that opens the form holding what was understood."""

_WHY = {
    DoubtKind.HOUR: "could be in the morning or in the evening",
    DoubtKind.NEXT: "could be the one of this week or of the week after",
    DoubtKind.WEEKDAY: "is today, so it could be today or in a week",
    DoubtKind.PASSED: "has passed today, so I took the next one",
}
_COMMAND_CHARS = 500


def understood_card(understood: Understood, now: datetime, tz: tzinfo) -> Card:
    """Return what was understood and why it is doubtful, with buttons for each meaning."""
    request = understood.request
    says = f":thinking_face: *Is this what you mean?* {_wish(request, now, tz)}"
    why = " ".join(_why(doubt) for doubt in understood.doubts)
    blocks = [section(f"{says}\n{why}", accessory=_confirm("Confirm", request, "primary"))]
    for other in understood.others:
        text = f"Or this? {_when(other, now, tz)}"
        blocks.append(section(text, accessory=_confirm("This instead", other, None)))
    return Card(clip(says, 1000), (*blocks, *_rest(request, tz)))


def form_open_card() -> Card:
    """Return what stands in place of the question once the form is open."""
    text = ":pencil2: The form is open with what I understood; nothing is booked yet."
    return Card(text, (section(text),))


def state_of(request: ReserveRequest, form: BookingForm) -> FormState:
    """Return a form that holds a request; its length goes up to the next whole slot."""
    slots = max(1, -(-request.length // form.slot))
    run = request.run
    names = ("model", "data", "epochs", "imgsz", "batch")
    return FormState(
        gpus=str(request.gpu_count),
        start_now=request.start is None,
        start=request.start or initial_state(form).start,
        length=min(slots * form.slot, form.longest),
        priority=request.priority,
        train=run is not None,
        run_fields={} if run is None else {name: str(getattr(run, name)) for name in names},
        note=request.note,
        gpu_type=request.gpu_type or "",
    )


def fits_the_form(request: ReserveRequest) -> bool:
    """Tell whether the form can hold all of a request: it has no field for the rest."""
    more_run = request.run is not None and bool(request.run.extra)
    return not (request.gpu_names or request.preemptible is not None or more_run)


def _why(doubt: Doubt) -> str:
    return f"“{safe(doubt.written, 60)}” {_WHY[doubt.kind]}."


def _wish(request: ReserveRequest, now: datetime, tz: tzinfo) -> str:
    kind = f" of type {safe(request.gpu_type, 60)}" if request.gpu_type else ""
    gpus = (
        gpu_names_text(request.gpu_names)
        if request.gpu_names
        else f"{count_text(request.gpu_count, 'GPU')}{kind}"
    )
    parts = [gpus, _when(request, now, tz)]
    if request.priority is not None:
        parts.append(request.priority.value.upper())
    if request.run is not None:
        parts.append(spec_words(request.run))
    if request.note:
        parts.append(f"“{safe(request.note, 200)}”")
    return " · ".join(parts)


def _when(request: ReserveRequest, now: datetime, tz: tzinfo) -> str:
    start = request.start or now
    if not request.length:
        return slack_date(start, tz)
    if request.start is None:
        return f"now, for {duration_text(request.length)}"
    return window_text(TimeWindow(start, start + request.length), tz)


def _confirm(label: str, request: ReserveRequest, style: Style | None) -> Block | None:
    value = request_to_value(request)
    if len(value) > VALUE_CHARS:
        return None
    return button(label, CONFIRM_ACTION, value, style=style)


def _rest(request: ReserveRequest, tz: tzinfo) -> Iterator[Block]:
    value = request_to_value(request)
    if fits_the_form(request) and len(value) <= VALUE_CHARS:
        yield actions([button("Change…", CHANGE_ACTION, value)])
    command = format_reserve_command(request, tz)
    if len(command) <= _COMMAND_CHARS and "`" not in command:
        yield context(f"Without a doubt: `{safe(command, _COMMAND_CHARS)}`")
