"""The booking form: drawn from values, and read back to a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.errors import BerthError, InvalidGpuCount, InvalidRunSpec, UnreadableRequest
from bot.domain.gpu_types import known_types, matching_models
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import check_training_spec
from bot.domain.slot_grid import SlotGrid
from bot.domain.views import BookingForm
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import Block, divider, duration_text, plain, section
from bot.slack.reading import NOTE_CHARS
from bot.slack.repeat_choice import CHOICES, ONCE

CALLBACK = "reserve_modal"
TRAIN_ACTION = "reserve.train"
"""The ``action_id`` of the checkbox that shows and hides the fields of a training."""

GPUS, GPU_TYPE, START_NOW, START, LENGTH, REPEAT, PRIORITY, TRAIN, NOTE = (
    "gpus",
    "gpu_type",
    "start_now",
    "start",
    "length",
    "repeat",
    "priority",
    "train",
    "note",
)
RUN_FIELDS = ("model", "data", "epochs", "imgsz", "batch")
ANY_TYPE = "any"
MOST_OPTIONS = 100
"""https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""

_FIELD_OF_ERROR = {
    "invalid_gpu_count": GPUS,
    "unknown_gpu": GPUS,
    "unknown_gpu_type": GPU_TYPE,
    "no_single_host": GPUS,
    "past_start": START,
    "beyond_horizon": START,
    "no_occurrence_ahead": START,
    "too_short": LENGTH,
    "too_long": LENGTH,
}
USUAL = "usual"
"""The choice of a priority that leaves it to the team."""

_PRIORITIES = {
    USUAL: "The usual one of your team",
    Priority.P2: "P2 research, preemptible",
    Priority.P1: "P1 production",
    Priority.P0: "P0 urgent production",
}
_RUN_LABELS = {
    "model": "Model",
    "data": "Data",
    "epochs": "Epochs",
    "imgsz": "Image size, pixels",
    "batch": "Batch, images",
}


@dataclass(frozen=True, slots=True)
class FormState:
    """What stands in the form, as typed. ``run_fields`` are texts by name."""

    gpus: str = "1"
    start_now: bool = False
    start: datetime | None = None
    length: timedelta | None = None
    priority: Priority | None = None
    train: bool = False
    run_fields: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    gpu_type: str = ""
    repeat: str = ONCE


def initial_state(form: BookingForm) -> FormState:
    """Return an untouched form: one GPU, the next slot, one slot long."""
    grid = SlotGrid(form.slot)
    return FormState(start=grid.floor(form.now) + form.slot, length=form.slot)


def booking_modal(
    form: BookingForm, state: FormState, private_metadata: str, notice: Card | None = None
) -> Block:
    """Return the form holding ``state``, with a refusal and its offers on top if given."""
    if form.gpu_count < 1:
        nothing = "No host has reported any GPU yet, so there is nothing to book."
        return message_modal("Book GPUs", Card(nothing, (section(nothing),)), private_metadata)
    run = _run_inputs(form, state) if state.train else []
    top = [*notice.blocks[:20], divider()] if notice is not None else []
    return {
        **_modal("Book GPUs", [*top, *_inputs(form, state), *run, _note(state)], private_metadata),
        "callback_id": CALLBACK,
        "submit": plain("Book", 24),
    }


def message_modal(title: str, card: Card, private_metadata: str) -> Block:
    """Return a modal that only tells something."""
    return _modal(title, list(card.blocks), private_metadata)


def waiting_modal(text: str, private_metadata: str) -> Block:
    """Return a modal that stands until the real one is ready."""
    return _modal("Book GPUs", [section(f":hourglass_flowing_sand: {text}")], private_metadata)


def form_with_notice(view: Mapping[str, Any], notice: Card) -> Block:
    """Return a form as Slack sent it, with a notice on top in place of an earlier one."""
    kept = [block for block in view.get("blocks") or [] if block.get("type") == "input"]
    state = read_state(view)
    return {
        **_modal(
            "Book GPUs", _refilled(kept, state, notice), str(view.get("private_metadata", ""))
        ),
        "callback_id": CALLBACK,
        "submit": plain("Book", 24),
    }


def _refilled(kept: list[Block], state: FormState, notice: Card) -> list[Block]:
    texts = {**state.run_fields, GPUS: state.gpus, NOTE: state.note}
    blocks: list[Block] = [*notice.blocks[:20], divider()]
    for block in kept:
        element = dict(block["element"])
        if texts.get(block["block_id"]):
            element["initial_value"] = texts[block["block_id"]]
        elif block["block_id"] == START and state.start is not None:
            element["initial_date_time"] = int(state.start.timestamp())
        blocks.append({**block, "element": element})
    return blocks


def read_state(view: Mapping[str, Any]) -> FormState:
    """Return what stands in a form that Slack sent, submitted or not."""
    values = (view.get("state") or {}).get("values") or {}
    fields: dict[str, dict[str, Any]] = {
        block_id: next(iter(entries.values()), {}) or {} for block_id, entries in values.items()
    }
    start = fields.get(START, {}).get("selected_date_time")
    length = _option(fields.get(LENGTH))
    priority = _option(fields.get(PRIORITY))
    return FormState(
        gpus=str(fields.get(GPUS, {}).get("value") or ""),
        start_now=bool(fields.get(START_NOW, {}).get("selected_options")),
        start=None if start is None else datetime.fromtimestamp(int(start), UTC),
        length=timedelta(seconds=int(length)) if length else None,
        priority=Priority(priority) if priority in tuple(Priority) else None,
        train=bool(fields.get(TRAIN, {}).get("selected_options")),
        run_fields={
            name: str(fields[name].get("value") or "").strip()
            for name in RUN_FIELDS
            if name in fields
        },
        note=str(fields.get(NOTE, {}).get("value") or ""),
        gpu_type="" if _option(fields.get(GPU_TYPE)) == ANY_TYPE else _option(fields.get(GPU_TYPE)),
        repeat=_option(fields.get(REPEAT)) or ONCE,
    )


def request_from_state(
    state: FormState, form: BookingForm, *, request_key: str | None
) -> ReserveRequest:
    """Return what a submitted form asks for.

    Raises:
        InvalidGpuCount: the number of GPUs is no number.
        UnreadableRequest: start or length is missing, or the note is too long.
        InvalidRunSpec: the training has faults.
    """
    if not state.gpus.strip().isdecimal():
        raise InvalidGpuCount(0, form.gpu_count)
    if state.start is None and not state.start_now:
        raise UnreadableRequest("", "a start")
    if state.length is None:
        raise UnreadableRequest("", "a length")
    if len(state.note) > NOTE_CHARS:
        raise UnreadableRequest("", f"a note of at most {NOTE_CHARS} characters")
    wants_run = state.train or bool(state.run_fields.get("model"))
    return ReserveRequest(
        length=state.length,
        gpu_count=int(state.gpus),
        gpu_type=state.gpu_type or None,
        start=None if state.start_now else state.start,
        priority=state.priority,
        run=check_training_spec(state.run_fields, form.run_defaults) if wants_run else None,
        note=" ".join(state.note.split()),
        request_key=request_key,
    )


def fields_of_error(error: BerthError, view: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return which inputs of ``view`` an error is about, each with the fault if it names several.

    An empty fault means the error's own sentence.  Empty if no shown input is to blame.
    """
    shown = {
        block.get("block_id") for block in view.get("blocks") or [] if block.get("type") == "input"
    }
    if isinstance(error, InvalidRunSpec):
        found = [
            (name if name in RUN_FIELDS else "model", fault if name in RUN_FIELDS else "")
            for name, fault in error.problems.items()
        ]
    elif isinstance(error, UnreadableRequest):
        wanted = error.wanted.split()
        found = [(block, "") for block in (START, LENGTH, NOTE) if block in wanted]
    else:
        found = [(_FIELD_OF_ERROR.get(error.code, ""), "")]
    return found if found and all(block_id in shown for block_id, _ in found) else []


def _option(entry: Mapping[str, Any] | None) -> str:
    return str(((entry or {}).get("selected_option") or {}).get("value") or "")


def _modal(title: str, blocks: list[Block], private_metadata: str) -> Block:
    return {
        "type": "modal",
        "title": plain(title, 24),
        "close": plain("Close", 24),
        "blocks": blocks,
        "private_metadata": private_metadata,
    }


def _input(
    name: str, label: str, element: Block, *, action_id: str | None = None, **more: Any
) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": {**element, "action_id": action_id or name},
        **more,
    }


def _inputs(form: BookingForm, state: FormState) -> list[Block]:
    number: Block = {
        "type": "number_input",
        "is_decimal_allowed": False,
        "min_value": "1",
        "max_value": str(form.gpu_count),
    }
    if state.gpus.isdecimal() and 1 <= int(state.gpus) <= form.gpu_count:
        number["initial_value"] = state.gpus
    picker: Block = {"type": "datetimepicker"}
    if state.start is not None:
        picker["initial_date_time"] = int(state.start.timestamp())
    lengths = [_choice(str(_seconds(one)), duration_text(one)) for one in lengths_of(form)]
    priorities = [_choice(priority, words) for priority, words in _PRIORITIES.items()]
    repeats = [_choice(choice, words) for choice, words in CHOICES.items()]
    length = str(_seconds(state.length or form.slot))
    return [
        _input(GPUS, f"GPUs (1 to {form.gpu_count})", number),
        *_type_input(form, state),
        _input(START, "Start", picker, optional=True),
        _input(
            START_NOW,
            "Or at once",
            _checkbox("yes", "Start now, whatever time stands above", checked=state.start_now),
            optional=True,
        ),
        _input(LENGTH, "Length", _select(lengths, length)),
        _input(REPEAT, "Repeat", _select(repeats, state.repeat), optional=True),
        _input(PRIORITY, "Priority", _select(priorities, state.priority or USUAL)),
        _input(
            TRAIN,
            "Training",
            _checkbox("yes", "Start a training", checked=state.train),
            action_id=TRAIN_ACTION,
            optional=True,
            dispatch_action=True,
        ),
    ]


def _type_input(form: BookingForm, state: FormState) -> list[Block]:
    """Return the menu of kinds of GPUs, none where Berth knows of none."""
    if not form.gpu_models:
        return []
    names = known_types(form.gpu_models)[: MOST_OPTIONS - 1]
    options = [_choice(ANY_TYPE, "Any type"), *(_choice(name[:150], name) for name in names)]
    meant = matching_models(state.gpu_type, form.gpu_models)
    chosen = [name for name in names if meant and matching_models(name, form.gpu_models) == meant]
    return [_input(GPU_TYPE, "GPU type", _select(options, chosen[0] if chosen else ANY_TYPE))]


def _run_inputs(form: BookingForm, state: FormState) -> list[Block]:
    blocks = []
    for name in RUN_FIELDS:
        default = getattr(form.run_defaults, name)
        element: Block = {
            "type": "plain_text_input",
            "max_length": 200,
            "placeholder": plain(f"{default}", 150),
        }
        if state.run_fields.get(name):
            element["initial_value"] = state.run_fields[name][:200]
        hint = plain(f"Empty: {default}", 200)
        blocks.append(_input(name, _RUN_LABELS[name], element, optional=True, hint=hint))
    return blocks


def _note(state: FormState) -> Block:
    element: Block = {"type": "plain_text_input", "max_length": NOTE_CHARS}
    if state.note:
        element["initial_value"] = state.note[:NOTE_CHARS]
    return _input(NOTE, "Note", element, optional=True)


def lengths_of(form: BookingForm) -> list[timedelta]:
    """Return the lengths to choose from: whole slots up to the longest reservation.

    With very short slots there are more than a menu holds; then all short ones and a spread of
    the long ones.
    """
    most = max(1, form.longest // form.slot)
    counts = set(range(1, most + 1))
    if most > MOST_OPTIONS:
        half = MOST_OPTIONS // 2
        counts = set(range(1, half)) | {most * step // half for step in range(1, half + 1)}
    return [form.slot * count for count in sorted(counts)]


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())


def _choice(value: str, text: str) -> Block:
    return {"text": plain(text, 75), "value": value}


def _select(options: list[Block], chosen: str) -> Block:
    element: Block = {"type": "static_select", "options": options}
    for option in options:
        if option["value"] == chosen:
            element["initial_option"] = option
    return element


def _checkbox(value: str, text: str, *, checked: bool) -> Block:
    option = _choice(value, text)
    element: Block = {"type": "checkboxes", "options": [option]}
    return {**element, "initial_options": [option]} if checked else element
