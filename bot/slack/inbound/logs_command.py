"""``/gpu logs [R12] [attempt 2] [40]``, the buttons beside it, and the menu on cards."""

from __future__ import annotations

from bot.domain.errors import UnreadableRequest
from bot.domain.run_logs import LINES_SHOWN
from bot.services import logs
from bot.slack.asked import Asked
from bot.slack.blocks.logs import full_log_card, log_card, read_value
from bot.slack.blocks.run_menu import MenuChoice, read_choice
from bot.slack.desk import Desk
from bot.slack.inbound.template_command import ask_for_name
from bot.slack.inbound.train_command import open_again
from bot.slack.logs_grammar import parse_logs

_OUTDATED = "a fresh card: this button is from another release of Berth"


async def show_logs(desk: Desk, asked: Asked, rest: str) -> None:
    """Show the last lines of a training's log, only to the one who asks.

    Raises:
        UnreadableRequest: the line cannot be read.
        UnknownReservation, NoTraining, NoSuchAttempt: what it names does not exist.
    """
    wish = parse_logs(rest)
    member, _ = await desk.member(asked)
    view = await desk.run(
        logs.tail, member, wish.reservation_id, attempt=wish.attempt, lines=wish.lines
    )
    await desk.answering.tell(asked, log_card(view))


async def refresh_log(desk: Desk, asked: Asked) -> None:
    """Show newer lines in place of the older ones.

    Raises:
        UnreadableRequest: the button is from another release.
        UnknownReservation, NoTraining, NoSuchAttempt: what it names does not exist.
    """
    number, attempt = _which(asked)
    member, _ = await desk.member(asked)
    view = await desk.run(logs.tail, member, number, attempt=attempt, lines=LINES_SHOWN)
    await desk.answering.tell(asked, log_card(view), replace=True)


async def full_log(desk: Desk, asked: Asked) -> None:
    """Put the whole log into the thread.

    Raises:
        UnreadableRequest: the button is from another release.
        UnknownReservation, NoTraining, NoSuchAttempt: what it names does not exist.
    """
    number, attempt = _which(asked)
    member, _ = await desk.member(asked)
    outcome = await desk.run(logs.ask_for_all, member, number, attempt=attempt)
    await desk.answering.tell(asked, full_log_card(outcome))


async def choose_from_menu(desk: Desk, asked: Asked) -> None:
    """Do what was chosen from the menu of a card.

    Raises:
        BerthError: why not, told where the person stands.
    """
    chosen = read_choice(asked.value)
    if chosen is None:
        raise UnreadableRequest("", _OUTDATED)
    number = chosen.reservation_id
    if chosen.choice is MenuChoice.SAVE:
        await ask_for_name(desk, asked, number)
    elif chosen.choice is MenuChoice.AGAIN:
        await open_again(desk, asked, number)
    elif chosen.choice is MenuChoice.LOGS:
        await show_logs(desk, asked, f"R{number}")
    else:
        member, _ = await desk.member(asked)
        outcome = await desk.run(logs.ask_for_all, member, number)
        await desk.answering.tell(asked, full_log_card(outcome))


def _which(asked: Asked) -> tuple[int, int]:
    found = read_value(asked.value)
    if found is None:
        raise UnreadableRequest("", _OUTDATED)
    return found
