"""The form of a training, read back: what was typed, and every fault beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.errors import BerthError, InvalidGpuCount, InvalidRunSpec, UnreadableRequest
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import check_training_spec
from bot.domain.views import BookingForm
from bot.slack.blocks import booking_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.text import clip, safe, section
from bot.slack.blocks.train_modal import (
    AS_THE_MODEL_TELLS,
    DATA,
    EXTRA,
    FAULT_CHARS,
    MODEL,
    NUMBERS,
    TASK,
    TrainState,
)


def read_train_state(view: Mapping[str, Any]) -> TrainState:
    """Return what stands in a form that Slack sent, submitted or not."""
    values: Mapping[str, Any] = (view.get("state") or {}).get("values") or {}
    plain_ids = {_name(block_id): entries for block_id, entries in values.items()}
    typed: dict[str, dict[str, Any]] = {
        name: next(iter(entries.values()), {}) or {} for name, entries in plain_ids.items()
    }
    task = str((typed.get(TASK, {}).get("selected_option") or {}).get("value") or "")
    return TrainState(
        booking=booking_modal.read_state({"state": {"values": plain_ids}}),
        run_fields={
            name: str(typed.get(name, {}).get("value") or "").strip()
            for name in (MODEL, DATA, *NUMBERS)
        },
        task="" if task == AS_THE_MODEL_TELLS else task,
        extra=str(typed.get(EXTRA, {}).get("value") or ""),
        generation=_generation(values),
    )


def _name(block_id: str) -> str:
    return block_id.partition("~")[0]


def _generation(block_ids: Mapping[str, Any]) -> int:
    numbers = [block_id.partition("~")[2] for block_id in block_ids]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


@dataclass(frozen=True, slots=True)
class Checked:
    """A submitted form: the request, or every fault by the name of its input."""

    request: ReserveRequest | None
    faults: Mapping[str, str]


def check_form(
    state: TrainState, form: BookingForm, tz: ZoneInfo, *, request_key: str | None
) -> Checked:
    """Return what a submitted form asks for, or all that is wrong with it."""
    faults: dict[str, str] = {}
    extra, faults[EXTRA] = read_extra(state.extra)
    fields = {**extra, **state.run_fields, **({TASK: state.task} if state.task else {})}
    spec = form.run_defaults
    try:
        spec = check_training_spec(fields, form.run_defaults)
    except InvalidRunSpec as error:
        faults = _merged(faults, error.problems)
    booking = state.booking
    try:
        request = booking_modal.request_from_state(
            replace(booking, train=False, run_fields={}), form, request_key=request_key
        )
    except (InvalidGpuCount, UnreadableRequest) as error:
        request = None
        for name in fault_inputs(error):
            faults[name] = str(sentence(error, PlainWords(tz)))
    faults = {name: fault for name, fault in faults.items() if fault}
    if request is None or faults:
        return Checked(None, faults)
    return Checked(replace(request, run=spec), {})


def _merged(faults: dict[str, str], problems: Mapping[str, str]) -> dict[str, str]:
    """Put the faults of a training beside their inputs; what has none belongs to ``EXTRA``."""
    merged = dict(faults)
    for name, fault in problems.items():
        if name in (MODEL, DATA, TASK, *NUMBERS):
            merged[name] = fault
        else:
            merged[EXTRA] = "; ".join(
                part for part in (merged.get(EXTRA), f"{name} {fault}") if part
            )
    return merged


def read_extra(text: str) -> tuple[dict[str, str], str]:
    """Read lines ``name=value``; what is none is the fault that is returned beside them."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for line in text.replace(",", "\n").splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not equals or not name or not value or name.lower() in found:
            wrong.append(line.strip())
        else:
            found[name.lower()] = value
    if not wrong:
        return found, ""
    shown = ", ".join(f"“{clip(line, 40)}”" for line in wrong[:5])
    return found, f"write each argument once, as name=value, not {shown}"


def fault_inputs(error: BerthError) -> Sequence[str]:
    """Return the names of the inputs that an error of the booking is about."""
    every = {"blocks": [{"type": "input", "block_id": name} for name in _BOOKING_INPUTS]}
    return [name for name, _ in booking_modal.fields_of_error(error, every)]


_BOOKING_INPUTS = (
    booking_modal.GPUS,
    booking_modal.GPU_TYPE,
    booking_modal.START,
    booking_modal.START_NOW,
    booking_modal.LENGTH,
    booking_modal.PRIORITY,
    booking_modal.NOTE,
)


def at_inputs(faults: Mapping[str, str], view: Mapping[str, Any]) -> dict[str, str]:
    """Return faults by the ids that the inputs have in ``view``; empty if one is not shown."""
    shown = {
        _name(block["block_id"]): block["block_id"]
        for block in view.get("blocks") or []
        if block.get("type") == "input"
    }
    if not all(name in shown for name in faults):
        return {}
    return {shown[name]: clip(fault, FAULT_CHARS) for name, fault in faults.items()}


def faults_card(faults: Mapping[str, str]) -> Card:
    """Return faults whose inputs are not shown, as a notice."""
    lines = [f"• {safe(name, 40)}: {safe(fault, 300)}" for name, fault in faults.items()]
    text = ":no_entry: The training cannot start like that.\n" + "\n".join(lines[:20])
    return Card("The training cannot start like that.", (section(text),))
