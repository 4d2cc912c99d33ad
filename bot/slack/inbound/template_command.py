"""``/gpu template save | list | delete``, and the form and the button that do the same."""

from __future__ import annotations

from bot.domain.errors import BerthError, InvalidTemplateName, UnreadableRequest
from bot.services import templates
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.templates import (
    NAME,
    carried_reservation,
    deleted_card,
    list_card,
    save_modal,
    saved_card,
)
from bot.slack.desk import Desk
from bot.slack.inbound.open_view import open_view
from bot.slack.inbound.submit_form import Submitted
from bot.slack.train_grammar import TemplateVerb, parse_template

TITLE = "Save as template"
_OUTDATED = "a fresh form: this one is from another release of Berth"


async def template(desk: Desk, asked: Asked, rest: str) -> None:
    """Keep, list or delete templates.

    Raises:
        BerthError: why not, told where the person stands.
    """
    wish = parse_template(rest)
    member, _ = await desk.member(asked)
    if wish.verb is TemplateVerb.LIST:
        card = list_card(await desk.run(templates.of_team, member), member.team_name)
    elif wish.verb is TemplateVerb.DELETE:
        card = deleted_card(await desk.run(templates.delete, member, wish.name))
    else:
        saved = await desk.run(templates.save, member, wish.name, wish.reservation_id or 0)
        card = saved_card(saved)
    await desk.answering.tell(asked, card)


async def click_delete(desk: Desk, asked: Asked) -> None:
    """Delete a template from the list.

    Raises:
        UnknownTemplate, NotYourTemplate: why not.
    """
    member, _ = await desk.member(asked)
    gone = await desk.run(templates.delete, member, asked.value)
    await desk.answering.tell(asked, deleted_card(gone))


async def ask_for_name(desk: Desk, asked: Asked, reservation_id: int) -> None:
    """Open the small form that asks how the training is to be called.

    Raises:
        Unavailable: three seconds were over before it could be opened.
    """
    await open_view(desk, asked, save_modal(reservation_id, asked.channel_id))


async def submit_template(desk: Desk, asked: Asked) -> Submitted:
    """Keep the training under the name that was typed; a fault stands at the name.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    number = carried_reservation(str(asked.view.get("private_metadata") or ""))
    values = (asked.view.get("state") or {}).get("values") or {}
    name = str(values.get(NAME, {}).get(NAME, {}).get("value") or "")
    try:
        if number is None:
            raise UnreadableRequest("", _OUTDATED)
        saved = await desk.run(templates.save, member, name, number)
    except BerthError as error:
        words = str(sentence(error, PlainWords(tz)))
        late = _message(asked, refusal_card(error, tz))
        at_name = isinstance(error, InvalidTemplateName) or number is not None
        if at_name:
            return Submitted({"response_action": "errors", "errors": {NAME: words}}, late)
        return Submitted({"response_action": "update", "view": late}, late)
    card = saved_card(saved)
    return Submitted({"response_action": "clear"}, _message(asked, card), tell=card)


def _message(asked: Asked, card: Card) -> dict[str, object]:
    return message_modal(TITLE, card, metadata(asked.channel_id))
