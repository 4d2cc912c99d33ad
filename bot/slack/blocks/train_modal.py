"""The form of a training: drawn from values, and read back with all of its faults at once.

Slack keeps what somebody has typed for as long as an input keeps its ``block_id``.  Where a
template fills the form, its inputs therefore get ids of a new generation: ``model~2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.domain.run_spec import TASKS, TrainingSpec, task_of_model
from bot.domain.templates import SameAgain, TemplateView
from bot.domain.views import BookingForm
from bot.services.train_forms import LengthHint, TrainFormData
from bot.slack.blocks import booking_modal
from bot.slack.blocks.again_button import again_button
from bot.slack.blocks.booking_modal import FormState, initial_state, message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.plan import basis_words, span_words
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.text import (
    Block,
    actions,
    clip,
    count_text,
    divider,
    duration_text,
    gpu_list,
    plain,
    section,
    window_text,
)
from bot.slack.train_grammar import TrainDraft

CALLBACK = "train_modal"
TEMPLATE_ACTION = "train.template"
"""The ``action_id`` of the menu of templates in the form; a value is the name of one."""

TITLE = "Train"
MODEL, DATA, TASK, SEED, EXTRA = "model", "data", "task", "seed", "extra"
NUMBERS = ("epochs", "imgsz", "batch", SEED)
AS_THE_MODEL_TELLS = "auto"
EXTRA_CHARS, FAULT_CHARS, FIELD_CHARS = 2000, 1000, 200

_LABELS = {
    MODEL: "Model",
    DATA: "Data",
    "epochs": "Epochs",
    "imgsz": "Image size, pixels",
    "batch": "Batch, images",
    SEED: "Seed",
}
_TAKEN_OVER = frozenset({booking_modal.TRAIN, booking_modal.REPEAT})
"""Inputs of the booking form that this one has no use for: it is a training anyway."""


@dataclass(frozen=True, slots=True)
class TrainState:
    """What stands in the form, as typed; ``task`` is empty where the model's name tells it."""

    booking: FormState
    run_fields: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    extra: str = ""
    generation: int = 0


def untouched(form: BookingForm) -> TrainState:
    """Return an untouched form: one GPU, the next slot, one slot long."""
    return TrainState(initial_state(form))


def filled(spec: TrainingSpec, booking: FormState, generation: int = 0) -> TrainState:
    """Return a form that holds a training."""
    fields = {name: str(getattr(spec, name)) for name in (MODEL, DATA, *NUMBERS)}
    told = task_of_model(spec.model) == spec.task
    return TrainState(
        booking, fields, "" if told else spec.task, extra_lines(spec), generation=generation
    )


def state_of_draft(draft: TrainDraft, data: TrainFormData) -> TrainState:
    """Return a form that holds what a line has said; a length that is known is preselected."""
    empty = initial_state(data.form)
    likely = data.hint.length if data.hint is not None else empty.length
    booking = replace(
        empty,
        gpus=str(draft.gpu_count),
        gpu_type=draft.gpu_type or "",
        start=draft.start or empty.start,
        start_now=draft.starts_now,
        length=draft.length or likely,
        priority=draft.priority,
        note=draft.note,
    )
    return filled(draft.spec, booking)


def state_of_past(again: SameAgain, form: BookingForm, generation: int = 0) -> TrainState:
    """Return a form that holds a past training in the window that is proposed for it."""
    past, window = again.past, again.window
    empty = initial_state(form)
    now = window is not None and window.start <= form.now
    booking = replace(
        empty,
        gpus=str(past.gpu_count),
        gpu_type=past.gpu_type or "",
        start=window.start if window is not None and not now else empty.start,
        start_now=now,
        length=past.length,
        priority=past.priority,
        note=past.note,
    )
    return filled(past.spec, booking, generation)


def state_of_template(template: TemplateView, state: TrainState) -> TrainState:
    """Return the form with a template's training and GPUs; when and how long stay as typed."""
    booking = replace(state.booking, gpus=str(template.gpu_count))
    return filled(template.spec, booking, state.generation + 1)


def hint_line(hint: LengthHint | None) -> str:
    """Return how long what stands in the form takes, or nothing where nothing is known of it."""
    if hint is None:
        return ""
    return (
        f":crystal_ball: Takes {span_words(hint.span)}, {basis_words(hint.estimate)}:"
        f" book {duration_text(hint.length)}."
    )


def notice_of(*lines: str) -> Card | None:
    """Return lines as a notice above the form; none where there are none."""
    shown = [line for line in lines if line]
    return Card(clip(shown[0], FAULT_CHARS), (section("\n".join(shown)),)) if shown else None


def proposal_card(again: SameAgain, hint: LengthHint | None = None) -> Card:
    """Return what stands above a form that holds a past training: where it fits next."""
    past = again.past
    what = f"The training of R{past.reservation_id}: {spec_words(past.spec)}."
    if again.window is None:
        where = (
            f":warning: I found no window for {count_text(past.gpu_count, 'GPU')} up to the end of"
            " the calendar; choose fewer, or another length."
        )
    else:
        where = (
            f"Nearest window: *{window_text(again.window)}* on {gpu_list(again.gpus)}."
            " Nothing is booked yet: *Book* books it, or change anything first."
        )
    return Card(
        clip(what, FAULT_CHARS), (section(f":repeat: {what}\n{where}\n{hint_line(hint)}".rstrip()),)
    )


def train_modal(
    data: TrainFormData, state: TrainState, private_metadata: str, notice: Card | None = None
) -> Block:
    """Return the form holding ``state``, with a notice on top if given."""
    if data.form.gpu_count < 1:
        nothing = "No host has reported any GPU yet, so there is nothing to train on."
        return message_modal(TITLE, Card(nothing, (section(nothing),)), private_metadata)
    shortcuts = _shortcuts(data)
    top = [*notice.blocks[:20], divider()] if notice is not None else []
    inputs = [*_run_inputs(data.form, state), *_booking_inputs(data.form, state)]
    return {
        "type": "modal",
        "title": plain(TITLE, 24),
        "close": plain("Close", 24),
        "submit": plain("Book", 24),
        "callback_id": CALLBACK,
        "private_metadata": private_metadata,
        "blocks": [*top, *shortcuts, *(_of_generation(one, state.generation) for one in inputs)],
    }


def _shortcuts(data: TrainFormData) -> list[Block]:
    elements: list[Block] = [again_button()] if data.has_last else []
    if data.templates:
        elements.append(
            {
                "type": "static_select",
                "action_id": TEMPLATE_ACTION,
                "placeholder": plain("From a template …", 150),
                "options": [
                    _option(one.name, f"@{one.name} · {one.spec.model}, {one.spec.epochs} epochs")
                    for one in data.templates[:100]
                ],
            }
        )
    return [actions(elements, block_id="train_shortcuts")] if elements else []


def _of_generation(block: Block, generation: int) -> Block:
    return {**block, "block_id": f"{block['block_id']}~{generation}"} if generation else block


def _option(value: str, text: str) -> Block:
    return {"text": plain(text, 75), "value": value}


def _run_inputs(form: BookingForm, state: TrainState) -> list[Block]:
    tasks = [_option(AS_THE_MODEL_TELLS, "As the model's name tells")]
    tasks += [_option(task, task) for task in TASKS]
    chosen = next((one for one in tasks if one["value"] == state.task), tasks[0])
    return [
        *(_text_input(name, form.run_defaults, state) for name in (MODEL, DATA)),
        _input(TASK, "Task", {"type": "static_select", "options": tasks, "initial_option": chosen}),
        *(_text_input(name, form.run_defaults, state) for name in NUMBERS),
        _input(EXTRA, "More arguments", _extra_element(state), optional=True),
    ]


def _text_input(name: str, defaults: TrainingSpec, state: TrainState) -> Block:
    default = str(getattr(defaults, name))
    element: Block = {
        "type": "plain_text_input",
        "max_length": FIELD_CHARS,
        "placeholder": plain(default, 150),
    }
    if state.run_fields.get(name):
        element["initial_value"] = state.run_fields[name][:FIELD_CHARS]
    return _input(name, _LABELS[name], element, optional=True, hint=plain(f"Empty: {default}", 200))


def _extra_element(state: TrainState) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "multiline": True,
        "max_length": EXTRA_CHARS,
        "placeholder": plain("lr0=0.001\noptimizer=AdamW", 150),
    }
    return {**element, "initial_value": state.extra} if state.extra else element


def _input(name: str, label: str, element: Block, **more: Any) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": {**element, "action_id": name},
        **more,
    }


def _booking_inputs(form: BookingForm, state: TrainState) -> list[Block]:
    whole = booking_modal.booking_modal(form, replace(state.booking, train=False), "")
    return [block for block in whole["blocks"] if block["block_id"] not in _TAKEN_OVER]


def extra_lines(spec: TrainingSpec) -> str:
    """Return a training's further arguments as lines ``name=value``."""
    return "\n".join(
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in sorted(spec.extra.items())
    )
