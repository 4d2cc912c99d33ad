"""The form of ``/gpu plan``: what is to be trained, on how many GPUs, and by when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.errors import InvalidGpuCount, UnreadableRequest
from bot.domain.gpu_types import known_types
from bot.domain.planning import PlanRequest
from bot.domain.run_spec import check_training_spec
from bot.domain.views import BookingForm
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import Block, plain, section

CALLBACK = "plan_modal"
GPUS, GPU_TYPE, DEADLINE = "plan_gpus", "plan_gpu_type", "plan_deadline"
RUN_FIELDS = ("model", "data", "epochs", "imgsz", "batch")
ANY_TYPE = "any"
MOST_OPTIONS = 100
"""https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""

_LABELS = {
    "model": "Model",
    "data": "Data",
    "epochs": "Epochs",
    "imgsz": "Image size, pixels",
    "batch": "Batch, images",
}


def plan_modal(form: BookingForm, private_metadata: str) -> Block:
    """Return the form, empty but for what a training gets where nothing is said."""
    words = (
        "How long does it take, and which windows are in time? Nothing is booked before you click."
    )
    blocks = [section(words), *(_run_input(name, form) for name in RUN_FIELDS), _gpus(form)]
    if form.gpu_models:
        blocks.append(_types(form))
    picker: Block = {"type": "datetimepicker", "action_id": DEADLINE}
    blocks.append(_input(DEADLINE, "Done by", picker, optional=True))
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain("Will it be ready?", 24),
        "submit": plain("Plan", 24),
        "close": plain("Close", 24),
        "blocks": blocks,
        "private_metadata": private_metadata,
    }


def answer_modal(card: Card, private_metadata: str) -> Block:
    """Return the answer in place of the form; its buttons book."""
    return {
        "type": "modal",
        "title": plain("Will it be ready?", 24),
        "close": plain("Close", 24),
        "blocks": list(card.blocks),
        "private_metadata": private_metadata,
    }


def request_from_view(view: Mapping[str, Any], form: BookingForm) -> PlanRequest:
    """Return what a submitted form asks for.

    Raises:
        InvalidGpuCount: the number of GPUs is no number.
        InvalidRunSpec: the training has faults.
        UnreadableRequest: the deadline has passed.
    """
    values = (view.get("state") or {}).get("values") or {}
    fields: dict[str, dict[str, Any]] = {
        block_id: next(iter(entries.values()), {}) or {} for block_id, entries in values.items()
    }
    gpus = str(fields.get(GPUS, {}).get("value") or "1").strip()
    if not gpus.isdecimal():
        raise InvalidGpuCount(0, form.gpu_count)
    picked = fields.get(DEADLINE, {}).get("selected_date_time")
    deadline = datetime.fromtimestamp(int(picked), UTC) if picked else None
    if deadline is not None and deadline <= form.now:
        raise UnreadableRequest("", "a deadline that lies ahead")
    chosen = str((fields.get(GPU_TYPE, {}).get("selected_option") or {}).get("value") or "")
    given = {name: str(fields.get(name, {}).get("value") or "").strip() for name in RUN_FIELDS}
    return PlanRequest(
        run=check_training_spec(given, form.run_defaults),
        gpu_count=int(gpus),
        gpu_type=chosen if chosen not in ("", ANY_TYPE) else None,
        deadline=deadline,
    )


def field_of(name: str) -> str:
    """Return the input that a fault of a training is about."""
    return name if name in RUN_FIELDS else "model"


def _run_input(name: str, form: BookingForm) -> Block:
    default = getattr(form.run_defaults, name)
    element: Block = {
        "type": "plain_text_input",
        "action_id": name,
        "max_length": 200,
        "placeholder": plain(f"{default}", 150),
    }
    hint = plain(f"Empty: {default}", 200)
    return _input(name, _LABELS[name], element, optional=True, hint=hint)


def _gpus(form: BookingForm) -> Block:
    number: Block = {
        "type": "number_input",
        "action_id": GPUS,
        "is_decimal_allowed": False,
        "min_value": "1",
        "max_value": str(max(1, form.gpu_count)),
        "initial_value": "1",
    }
    return _input(GPUS, "GPUs, on one host", number)


def _types(form: BookingForm) -> Block:
    names = known_types(form.gpu_models)[: MOST_OPTIONS - 1]
    options = [
        {"text": plain(words, 75), "value": value}
        for value, words in ((ANY_TYPE, "Any type"), *((name[:150], name) for name in names))
    ]
    element: Block = {
        "type": "static_select",
        "action_id": GPU_TYPE,
        "options": options,
        "initial_option": options[0],
    }
    return _input(GPU_TYPE, "GPU type", element, optional=True)


def _input(name: str, label: str, element: Block, **more: Any) -> Block:
    return {"type": "input", "block_id": name, "label": plain(label), "element": element, **more}
