"""``/gpu plan [one line]``, and its form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bot.domain.errors import BerthError, InvalidRunSpec, UnknownGpuType, UnreadableRequest
from bot.services import plans, queries
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.plan import plan_card
from bot.slack.blocks.plan_modal import (
    DEADLINE,
    GPU_TYPE,
    GPUS,
    answer_modal,
    field_of,
    plan_modal,
    request_from_view,
)
from bot.slack.blocks.refusal import refusal_card
from bot.slack.desk import Desk
from bot.slack.inbound.open_view import open_view
from bot.slack.inbound.preemption_offer import plan_preemption
from bot.slack.inbound.submit_form import FIELD_CHARS, Submitted
from bot.slack.plan_grammar import parse_plan

_PREEMPTION = re.compile(r"\s*p[0-2]\s+(?!yolo)\S+\s+(?!epochs?|gpus?\s+by)", re.IGNORECASE)
"""A priority first, then GPUs and a window: who would lose what for them."""

_FIELDS: Mapping[type[BerthError], str] = {UnreadableRequest: DEADLINE, UnknownGpuType: GPU_TYPE}
"""Which input an error is about, where it is not the number of GPUs."""


async def plan(desk: Desk, asked: Asked, rest: str) -> None:
    """Answer in one line, or open the form.

    Raises:
        UnreadableTime, UnreadableRequest, InvalidRunSpec: the line cannot be read.
        InvalidGpuCount, UnknownGpuType, NoSingleHost: there are no such GPUs.
        MayNotPreempt, NobodyToPreempt: a priority came first, and nothing can be taken back.
    """
    form = await desk.run(queries.booking_form)
    if not rest:
        await open_view(desk, asked, plan_modal(form, metadata(asked.channel_id)))
        return
    if _PREEMPTION.match(rest):
        await plan_preemption(desk, asked, rest)
        return
    member, tz = await desk.member(asked)
    request = parse_plan(
        rest, now=form.now, tz=tz, run_defaults=form.run_defaults, gpu_models=form.gpu_models
    )
    answer = await desk.run(plans.plan, member, request)
    await desk.answering.tell(asked, plan_card(answer, tz))


async def submit_plan(desk: Desk, asked: Asked) -> Submitted:
    """Answer in place of the form; faults come back at their fields.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    private = metadata(asked.channel_id)
    form = await desk.run(queries.booking_form)
    try:
        request = request_from_view(asked.view, form)
        answer = await desk.run(plans.plan, member, request)
    except BerthError as error:
        return _refused(error, private, tz)
    view = answer_modal(plan_card(answer, tz), private)
    return Submitted({"response_action": "update", "view": view}, view)


def _refused(error: BerthError, private: str, tz: ZoneInfo) -> Submitted:
    card: Card = refusal_card(error, tz)
    view = answer_modal(card, private)
    words = str(sentence(error, PlainWords(tz)))
    faults = {_FIELDS.get(type(error), GPUS): words}
    if isinstance(error, InvalidRunSpec):
        faults = {field_of(name): fault for name, fault in error.problems.items()}
    shown = {name: (fault or words)[:FIELD_CHARS] for name, fault in faults.items()}
    return Submitted({"response_action": "errors", "errors": shown}, view)
