"""The two small forms of handing over: to whom, and why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.errors import UnreadableRequest
from bot.slack.blocks.text import Block, plain, section

TRANSFER_CALLBACK = "transfer_modal"
DECLINE_CALLBACK = "handover_decline_modal"
PERSON, REASON = "person", "reason"
REASON_CHARS = 300
_OUTDATED = "a fresh form: this one is from another release of Berth"


@dataclass(frozen=True, slots=True)
class Declining:
    """What a form of declining is about: the offer, and the message whose buttons it answers."""

    offer: str
    offer_id: int
    channel_id: str | None
    message_ts: str | None


def transfer_modal(reservation_id: int, channel_id: str | None) -> Block:
    """Return the form that asks to whom a reservation is to go."""
    number = f"R{reservation_id}"
    private = {"v": 1, "channel": channel_id, "reservation": reservation_id}
    words = f"*{number}* stays yours until the other one accepts. What runs on it goes on."
    select: Block = {
        "type": "users_select",
        "action_id": PERSON,
        "placeholder": plain("Choose a person", 150),
    }
    inputs = [section(words), _input(PERSON, "To", select), _reason("Reason")]
    return _form(TRANSFER_CALLBACK, f"Transfer {number}", "Offer", inputs, private)


def decline_modal(declining: Declining) -> Block:
    """Return the form that asks why somebody does not want what they were offered."""
    private = {
        "v": 1,
        "channel": declining.channel_id,
        "offer": declining.offer,
        "id": declining.offer_id,
        "ts": declining.message_ts,
    }
    return _form(DECLINE_CALLBACK, "Decline", "Decline", [_reason("Why (optional)")], private)


def read_transfer(view: Mapping[str, Any]) -> tuple[int, str, str]:
    """Return which reservation a submitted form is about, the person's id, and the reason.

    Raises:
        UnreadableRequest: the form is of another release.
    """
    try:
        reservation_id = int(_private(view)["reservation"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableRequest("", _OUTDATED) from error
    return reservation_id, str(_entry(view, PERSON).get("selected_user") or ""), _written(view)


def read_decline(view: Mapping[str, Any]) -> tuple[Declining, str]:
    """Return what a submitted form declines, and why.

    Raises:
        UnreadableRequest: the form is of another release.
    """
    try:
        private = _private(view)
        declining = Declining(
            str(private["offer"]), int(private["id"]), private.get("channel"), private.get("ts")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableRequest("", _OUTDATED) from error
    return declining, _written(view)


def _private(view: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(view.get("private_metadata") or "{}")
    return kept


def _entry(view: Mapping[str, Any], block_id: str) -> Mapping[str, Any]:
    values = (view.get("state") or {}).get("values") or {}
    return next(iter((values.get(block_id) or {}).values()), {}) or {}


def _written(view: Mapping[str, Any]) -> str:
    return " ".join(str(_entry(view, REASON).get("value") or "").split())[:REASON_CHARS]


def _reason(label: str) -> Block:
    element: Block = {"type": "plain_text_input", "max_length": REASON_CHARS, "action_id": REASON}
    return _input(REASON, label, element, optional=True)


def _input(name: str, label: str, element: Block, **more: Any) -> Block:
    return {"type": "input", "block_id": name, "label": plain(label), "element": element, **more}


def _form(
    callback: str, title: str, submit: str, blocks: list[Block], private: Mapping[str, Any]
) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title, 24),
        "submit": plain(submit, 24),
        "close": plain("Close", 24),
        "blocks": blocks,
        "private_metadata": json.dumps(private, separators=(",", ":")),
    }
