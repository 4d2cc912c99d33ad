"""``/gpu train``: in one line, by the form, from a template, or the same as last time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackApiError

from bot.domain.errors import BerthError, Unavailable, UnreadableRequest
from bot.domain.people import Member
from bot.services import train_forms
from bot.services.train_forms import Known, TrainFormData
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.text import Block, plain, section
from bot.slack.blocks.train_fields import (
    at_inputs,
    check_form,
    fault_inputs,
    faults_card,
    read_train_state,
)
from bot.slack.blocks.train_modal import (
    TITLE,
    TrainState,
    hint_line,
    notice_of,
    proposal_card,
    state_of_draft,
    state_of_past,
    state_of_template,
    train_modal,
    untouched,
)
from bot.slack.blocks.understood import understood_card
from bot.slack.desk import Desk
from bot.slack.inbound.book import book
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.open_view import open_view
from bot.slack.inbound.series import reserve_series
from bot.slack.inbound.submit_form import Submitted
from bot.slack.recurrence_grammar import parse_series
from bot.slack.train_grammar import (
    TrainDraft,
    TrainWords,
    parse_same,
    read_train,
    recurs,
    series_line,
    split_words,
)

Fill = Callable[[TrainFormData], tuple[TrainState, Card | None]]
"""What stands in the form, and what stands above it."""

DATA_BUDGET_S = 1.5
"""A trigger_id lives for 3 seconds; what the form needs is waited for only that long."""


async def train(desk: Desk, asked: Asked, rest: str) -> None:
    """Book a training in one line; open the form for whatever the line leaves open.

    Raises:
        UnreadableTime, UnreadableRequest, InvalidRunSpec: the line cannot be read.
        UnknownTemplate, UnknownReservation, NoTraining: what it names does not exist.
    """
    same = parse_same(rest)
    if same is not None:
        await open_again(desk, asked, same.reservation_id)
    elif rest.strip():
        await _train_in_one_line(desk, asked, rest)
    else:
        member, _ = await desk.member(asked)
        await _open(desk, asked, desk.run(train_forms.form, member), _nothing_yet)


async def _train_in_one_line(desk: Desk, asked: Asked, rest: str) -> None:
    member, tz = await desk.member(asked)
    words = split_words(rest)
    data = await desk.run(train_forms.form, member, template=words.template)
    form = data.form
    if recurs(words):
        await _train_in_series(desk, asked, words, data)
        return
    found = read_train(
        words,
        template=data.chosen,
        now=form.now,
        tz=tz,
        run_defaults=form.run_defaults,
        gpu_models=form.gpu_models,
    )
    if isinstance(found, TrainDraft):
        await _show_draft(desk, asked, found, member)
    elif found.doubts:
        await desk.answering.tell(asked, understood_card(found, form.now, tz))
    else:
        outcome = await book(desk, member, replace(found.request, request_key=asked.key), form.slot)
        await desk.answering.tell(asked, outcome.card)
        await refresh_home(desk, asked)


async def _train_in_series(
    desk: Desk, asked: Asked, words: TrainWords, data: TrainFormData
) -> None:
    member, tz = await desk.member(asked)
    form = data.form
    line, spec = series_line(words, template=data.chosen, run_defaults=form.run_defaults)
    wish = parse_series(line, now=form.now, tz=tz, run_defaults=spec, gpu_models=form.gpu_models)
    if wish is None:
        raise UnreadableRequest("every", "days such as `every weekday` or `every mon,wed`")
    await reserve_series(desk, asked, member, wish)


async def _show_draft(desk: Desk, asked: Asked, draft: TrainDraft, member: Member) -> None:
    def fill(data: TrainFormData) -> tuple[TrainState, Card | None]:
        text = ":pencil2: Say when and for how long; nothing is booked yet."
        return state_of_draft(draft, data), notice_of(text, hint_line(data.hint))

    known = Known(draft.spec, draft.gpu_count, draft.gpu_type)
    await _open(desk, asked, desk.run(train_forms.form, member, known=known), fill)


async def click_again(desk: Desk, asked: Asked) -> None:
    """Open the form with a past training in the nearest window; in the form, fill it.

    Raises:
        UnknownReservation, NoTraining: there is no such training.
    """
    number = int(asked.value) if asked.value.isdecimal() else None
    if not asked.in_modal:
        await open_again(desk, asked, number)
        return
    member, _ = await desk.member(asked)
    data = await desk.run(train_forms.form, member, again=True, reservation_id=number)
    generation = read_train_state(asked.view).generation + 1
    await _redraw(desk, asked, data, *_proposed(data, generation))


async def choose_template(desk: Desk, asked: Asked) -> None:
    """Fill the form from a template; when and how long stay as they were typed.

    Raises:
        UnknownTemplate: it is gone.
        SlackApiError: Slack refused the form.
    """
    member, _ = await desk.member(asked)
    data = await desk.run(train_forms.form, member, template=asked.value)
    state = read_train_state(asked.view)
    if data.chosen is not None:
        state = state_of_template(data.chosen, state)
    await _redraw(desk, asked, data, state, notice_of(hint_line(data.hint)))


async def submit_train(desk: Desk, asked: Asked) -> Submitted:
    """Book what the form says; all faults come back at their fields, a full window with offers.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    data = await desk.run(train_forms.form, member)
    state = read_train_state(asked.view)
    checked = check_form(state, data.form, tz, request_key=asked.key)
    if checked.request is None:
        faults = dict(checked.faults)
        return _refused(asked, data, state, faults, faults_card(faults))
    outcome = await book(desk, member, checked.request, data.form.slot)
    if outcome.error is None:
        done = message_modal("Booked", outcome.card, metadata(asked.channel_id))
        return Submitted({"response_action": "clear"}, done, tell=outcome.card)
    faults = _faults_of(outcome.error, tz)
    return _refused(asked, data, state, faults, outcome.card)


def _faults_of(error: BerthError, tz: ZoneInfo) -> dict[str, str]:
    return {name: str(sentence(error, PlainWords(tz))) for name in fault_inputs(error)}


def _refused(
    asked: Asked, data: TrainFormData, state: TrainState, faults: dict[str, str], card: Card
) -> Submitted:
    again = train_modal(data, state, metadata(asked.channel_id), notice=card)
    errors = at_inputs(faults, asked.view)
    if errors:
        return Submitted({"response_action": "errors", "errors": errors}, again)
    return Submitted({"response_action": "update", "view": again}, again)


def _nothing_yet(data: TrainFormData) -> tuple[TrainState, Card | None]:
    return untouched(data.form), None


def _proposed(data: TrainFormData, generation: int = 0) -> tuple[TrainState, Card | None]:
    if data.again is None:
        return untouched(data.form), None
    state = state_of_past(data.again, data.form, generation)
    return state, proposal_card(data.again, data.hint)


async def open_again(desk: Desk, asked: Asked, reservation_id: int | None) -> None:
    """Open the form with a past training in the nearest window; None: the last of the member.

    Raises:
        UnknownReservation, NoTraining: there is no such training.
        Unavailable: three seconds were over before it could be opened.
    """
    member, _ = await desk.member(asked)
    reading = desk.run(train_forms.form, member, again=True, reservation_id=reservation_id)
    await _open(desk, asked, reading, _proposed)


async def _open(
    desk: Desk, asked: Asked, reading: Coroutine[Any, Any, TrainFormData], fill: Fill
) -> None:
    """Open the form at once; if its data is slow, a modal that waits for it."""
    task = asyncio.create_task(reading)
    done, _ = await asyncio.wait({task}, timeout=DATA_BUDGET_S)
    private = metadata(asked.channel_id)
    if done:
        await open_view(desk, asked, _view(task.result(), fill, private))
        return
    opened = await _open_waiting(desk, asked, private)
    try:
        view = _view(await task, fill, private)
    except BerthError as error:
        view = message_modal(TITLE, refusal_card(error, ZoneInfo("UTC")), private)
    if opened:
        await desk.client.views_update(view_id=opened, view=view)


async def _open_waiting(desk: Desk, asked: Asked, private_metadata: str) -> str | None:
    text = ":hourglass_flowing_sand: One moment: I am reading what is free…"
    view: Block = {
        "type": "modal",
        "title": plain(TITLE, 24),
        "blocks": [section(text)],
        "private_metadata": private_metadata,
    }
    try:
        answer = await desk.client.views_open(trigger_id=asked.trigger_id or "", view=view)
    except SlackApiError as error:
        code = error.response.get("error")
        if code == "exchanged_trigger_id":
            return None  # the same click delivered twice: the form is open already
        if code in ("expired_trigger_id", "trigger_expired"):
            raise Unavailable from error
        raise
    return str(answer["view"]["id"])


def _view(data: TrainFormData, fill: Fill, private_metadata: str) -> Block:
    state, notice = fill(data)
    return train_modal(data, state, private_metadata, notice=notice)


async def _redraw(
    desk: Desk, asked: Asked, data: TrainFormData, state: TrainState, notice: Card | None
) -> None:
    view = train_modal(data, state, metadata(asked.channel_id), notice=notice)
    try:
        await desk.client.views_update(
            view_id=asked.view["id"], hash=asked.view.get("hash"), view=view
        )
    except SlackApiError as error:
        # The form has changed since this click; the later click draws it.
        if error.response.get("error") not in ("hash_conflict", "not_found"):
            raise
