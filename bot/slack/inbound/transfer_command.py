"""``/gpu transfer R12 @bob [reason]``, and the Transfer button of a card."""

from __future__ import annotations

from bot.domain.errors import CannotReceive, NotAllowed, UnreadableRequest
from bot.domain.people import Member
from bot.services import transfers
from bot.slack.asked import Asked
from bot.slack.blocks.handover_modals import transfer_modal
from bot.slack.blocks.handovers import transfer_asked
from bot.slack.desk import Desk
from bot.slack.grammar import parse_cancel
from bot.slack.handover_grammar import parse_transfer
from bot.slack.inbound.mine_command import show_mine
from bot.slack.inbound.open_view import open_view
from bot.slack.mentions import Mentioned


async def transfer(desk: Desk, asked: Asked, rest: str) -> None:
    """Offer a reservation to somebody; without a person open the form, without a number the list.

    Raises:
        UnreadableRequest, CannotReceive: who is meant cannot be told, or cannot hold anything.
        BerthError: whatever `transfers.offer` raises.
    """
    wish = parse_transfer(rest)
    if wish.reservation_id is None:
        await show_mine(desk, asked)
        return
    if wish.to is None:
        await open_transfer(desk, asked, wish.reservation_id)
        return
    member, _ = await desk.member(asked)
    to = await receiver(desk, wish.to)
    view = await desk.run(transfers.offer, member, wish.reservation_id, to, wish.reason)
    await desk.answering.tell(asked, transfer_asked(view))


async def click_transfer(desk: Desk, asked: Asked) -> None:
    """Open the form of a transfer.

    Raises:
        BerthError: the reservation is not theirs to hand over.
    """
    await open_transfer(desk, asked, parse_cancel(asked.value).reservation_id or 0)


async def open_transfer(desk: Desk, asked: Asked, reservation_id: int) -> None:
    """Open the form, or show the offer that is still open.

    Raises:
        BerthError: the reservation is not theirs to hand over.
    """
    member, _ = await desk.member(asked)
    waiting = await desk.run(transfers.check_offerable, member, reservation_id)
    if waiting is not None:
        await desk.answering.tell(asked, transfer_asked(waiting))
        return
    await open_view(desk, asked, transfer_modal(reservation_id, asked.channel_id))


async def receiver(desk: Desk, to: Mentioned) -> Member:
    """Return the member who is meant; a newcomer becomes one.

    Raises:
        UnreadableRequest: nobody, or more than one, is called like that.
        CannotReceive: a bot, a deactivated account, or nobody.
        Unavailable: Slack does not tell who this is.
    """
    slack_user_id = to.slack_user_id
    if not slack_user_id:
        found = await desk.run(transfers.people_named, to.name)
        if len(found) != 1:
            wanted = "one person: type `@` and choose them from Slack's list"
            raise UnreadableRequest(f"@{to.name}", wanted)
        slack_user_id = found[0]
    try:
        return await desk.directory.member(slack_user_id)
    except NotAllowed as error:
        raise CannotReceive(slack_user_id, "no_account") from error
