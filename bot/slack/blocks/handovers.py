"""Transfers and swaps: what the one who is asked reads, and what everybody hears of it."""

from __future__ import annotations

import json
from datetime import datetime

from bot.domain.handovers import SwapView, TransferView
from bot.domain.notices import SwapDecided, SwapProposed, TransferDecided, TransferOffered
from bot.domain.offers import OfferState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    count_text,
    gpu_list,
    gpu_names_text,
    person,
    safe,
    section,
    slack_date,
    window_text,
)

TRANSFER_OPEN_ACTION = "transfer.open"
TRANSFER_ACCEPT_ACTION = "transfer.accept"
TRANSFER_DECLINE_ACTION = "transfer.decline"
TRANSFER_WITHDRAW_ACTION = "transfer.withdraw"
SWAP_ACCEPT_ACTION = "swap.accept"
SWAP_DECLINE_ACTION = "swap.decline"
SWAP_WITHDRAW_ACTION = "swap.withdraw"

FALLBACK_CHARS = 1000
REASON_CHARS = 300


def handover_message(
    notice: TransferOffered | TransferDecided | SwapProposed | SwapDecided,
) -> Card:
    """Return the message that tells a notice of a transfer or a swap."""
    match notice:
        case TransferOffered():
            return transfer_offered(notice)
        case TransferDecided():
            return transfer_decided(notice)
        case SwapProposed():
            return swap_proposed(notice)
        case SwapDecided():
            return swap_decided(notice)


def transfer_button(view: ReservationView) -> Block:
    """Return the button that opens the form of a transfer."""
    return button("Transfer", TRANSFER_OPEN_ACTION, str(view.reservation_id))


def transfer_offered(notice: TransferOffered) -> Card:
    """Return what the one reads to whom a reservation is offered."""
    number, who = f"R{notice.reservation_id}", person(notice.from_slack_id)
    held = count_text(len(notice.gpu_names), "GPU")
    window = TimeWindow(notice.starts_at, notice.ends_at)
    training = f" Its training ({safe(notice.model, 80)}) goes along." if notice.model else ""
    lines = [
        f":handshake: {who} wants to hand *{number}* over to you: {held}, {window_text(window)}.",
        f"{gpu_names_text(notice.gpu_names)}.{training}",
        _reason(notice.reason),
        "It counts for your team once you accept. Please answer by"
        f" {slack_date(notice.expires_at)}; otherwise it stays where it is.",
    ]
    value = str(notice.transfer_id)
    click = actions(
        [
            button("Accept", TRANSFER_ACCEPT_ACTION, value, style="primary"),
            button("Decline", TRANSFER_DECLINE_ACTION, value),
        ]
    )
    return _card(lines, click)


def transfer_decided(notice: TransferDecided) -> Card:
    """Return what thread, holder or the one who was asked hear of the end of an offer."""
    number = f"R{notice.reservation_id}"
    giver, taker = person(notice.from_slack_id), person(notice.to_slack_id)
    if notice.state == OfferState.ACCEPTED:
        line = f":handshake: {taker} took *{number}* over from {giver}; from now on it is theirs."
    elif notice.state == OfferState.DECLINED:
        line = f":no_entry_sign: {taker} did not take *{number}*; it stays {giver}'s."
    elif notice.state == OfferState.EXPIRED:
        line = (
            f":hourglass: Nobody answered in time: *{number}* was offered by {giver} to {taker},"
            f" and stays {giver}'s."
        )
    else:
        line = f":leftwards_arrow_with_hook: *{number}* is no longer offered by {giver} to {taker}."
    return _card([line, _reason(notice.reason)])


def transfer_asked(view: TransferView) -> Card:
    """Return what the holder reads once the offer is out, or when they look at it again."""
    number = f"R{view.reservation.reservation_id}"
    line = (
        f":handshake: *{number}* is offered to {person(view.to_slack_id)}, who has until"
        f" {slack_date(view.expires_at)} to accept. Until then it stays yours."
    )
    value = str(view.transfer_id)
    return _card([line], actions([button("Withdraw", TRANSFER_WITHDRAW_ACTION, value)]))


def transfer_outcome(view: TransferView, reader_slack_id: str) -> Card:
    """Return what stands in place of the buttons once an offer is over."""
    held = view.reservation
    number = f"R{held.reservation_id}"
    giver = person(view.from_slack_id)
    if view.state is OfferState.ACCEPTED:
        line = f":white_check_mark: *You took {number} over* from {giver}: {_held(held)}."
        if held.holder_slack_id != reader_slack_id:
            line += f" By now it belongs to {person(held.holder_slack_id)}."
    elif view.state is OfferState.DECLINED:
        line = f":no_entry_sign: You declined {number}; it stays {giver}'s, who was told."
    elif view.state is OfferState.EXPIRED:
        line = f":hourglass: The offer of {number} is over: nobody answered in time."
    elif view.state is OfferState.WITHDRAWN:
        line = f":leftwards_arrow_with_hook: The offer of {number} is withdrawn."
    else:
        line = f":hourglass: {number} is offered to {person(view.to_slack_id)}."
    return _card([line])


def swap_proposed(notice: SwapProposed) -> Card:
    """Return what the one reads with whom somebody wants to exchange."""
    mine, theirs = f"R{notice.reservation_id}", f"R{notice.their_reservation_id}"
    lines = [
        f":twisted_rightwards_arrows: {person(notice.from_slack_id)} wants to swap {theirs} with"
        f" your *{mine}*.",
        "You would give: "
        + _what(notice.your_gpu_names, notice.your_starts_at, notice.your_ends_at),
        "You would get: "
        + _what(notice.their_gpu_names, notice.their_starts_at, notice.their_ends_at),
        _reason(notice.reason),
        f"{mine} stays yours, with its note and its training, in the other window. Please answer by"
        f" {slack_date(notice.expires_at)}.",
    ]
    seen = [notice.their_version, notice.your_version]
    value = json.dumps({"id": notice.swap_id, "v": seen}, separators=(",", ":"))
    click = actions(
        [
            button("Swap", SWAP_ACCEPT_ACTION, value, style="primary"),
            button("Decline", SWAP_DECLINE_ACTION, str(notice.swap_id)),
        ]
    )
    return _card(lines, click)


def swap_decided(notice: SwapDecided) -> Card:
    """Return what is heard at one of the two reservations of the end of a proposal."""
    mine, theirs = f"*R{notice.reservation_id}*", f"R{notice.other_reservation_id}"
    other = person(notice.other_slack_id)
    by = f" ({person(notice.by_slack_id)})" if notice.by_slack_id else ""
    if notice.state == OfferState.ACCEPTED:
        line = (
            f":twisted_rightwards_arrows: {mine} and {theirs} of {other} have exchanged windows"
            f" and GPUs{by}."
        )
    elif notice.state == OfferState.DECLINED:
        line = f":no_entry_sign: {mine} stays as it is: the swap with {theirs} was declined{by}."
    elif notice.state == OfferState.EXPIRED:
        line = f":hourglass: {mine} stays as it is: nobody answered in time about {theirs}."
    else:
        line = (
            f":leftwards_arrow_with_hook: {mine} stays as it is: the swap with {theirs} of {other}"
            " is withdrawn."
        )
    return _card([line, _reason(notice.reason)])


def swap_asked(view: SwapView) -> Card:
    """Return what the one reads who has proposed; by proposing what is open it is done at once."""
    if view.state is OfferState.ACCEPTED:
        return swap_outcome(view)
    line = (
        f":twisted_rightwards_arrows: {person(view.second.holder_slack_id)} has until"
        f" {slack_date(view.expires_at)} to agree: *R{view.first.reservation_id}* would move to"
        f" {_held(view.second)}. Until then nothing changes."
    )
    value = str(view.swap_id)
    return _card([line], actions([button("Withdraw", SWAP_WITHDRAW_ACTION, value)]))


def swap_outcome(view: SwapView) -> Card:
    """Return what stands in place of the buttons once a proposal is over."""
    first, second = view.first, view.second
    pair = f"R{first.reservation_id} and R{second.reservation_id}"
    if view.state is OfferState.ACCEPTED:
        return _card(
            [
                f":white_check_mark: *{pair} have exchanged windows and GPUs.*",
                f"R{first.reservation_id} of {person(first.holder_slack_id)}: {_held(first)}",
                f"R{second.reservation_id} of {person(second.holder_slack_id)}: {_held(second)}",
            ]
        )
    words = {
        OfferState.DECLINED: ":no_entry_sign: You declined the swap of",
        OfferState.EXPIRED: ":hourglass: Nobody answered in time about the swap of",
        OfferState.WITHDRAWN: ":leftwards_arrow_with_hook: Withdrawn, or overtaken by a change: the"
        " swap of",
    }.get(view.state, ":hourglass: Still open: the swap of")
    return _card([f"{words} {pair}."])


def swap_from_value(value: str) -> tuple[int, tuple[int, int] | None]:
    """Return the proposal that a button names, and the versions that it showed, if any.

    Raises:
        ValueError: it names none.
    """
    if value.isdecimal():
        return int(value), None
    try:
        carried = json.loads(value)
        first, second = (int(each) for each in carried["v"])
        return int(carried["id"]), (first, second)
    except (KeyError, TypeError) as error:
        raise ValueError(value) from error


def _held(view: ReservationView) -> str:
    return f"{gpu_list(view.gpus)}, {window_text(view.window)}"


def _what(gpu_names: tuple[str, ...], starts_at: datetime, ends_at: datetime) -> str:
    window = TimeWindow(starts_at, ends_at)
    return f"{gpu_names_text(gpu_names)}, {window_text(window)}"


def _reason(reason: str) -> str:
    return f"“{safe(reason, REASON_CHARS)}”" if reason.strip() else ""


def _card(lines: list[str], *more: Block) -> Card:
    shown = [line for line in lines if line]
    return Card(clip(shown[0], FALLBACK_CHARS), (section("\n".join(shown)), *more))
