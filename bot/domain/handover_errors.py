"""Errors of handing a reservation over: transfers and swaps."""

from __future__ import annotations

from bot.domain.error_branches import Conflict, NotAllowed, NotFound


class UnknownOffer(NotFound):
    """There is no offer of that number; ``offer`` is ``transfer`` or ``swap``."""

    code = "unknown_offer"

    def __init__(self, offer: str, offer_id: int | str) -> None:
        super().__init__(offer=offer, offer_id=offer_id)
        self.offer = offer
        self.offer_id = offer_id


class CannotReceive(NotAllowed):
    """Nothing can be handed to that person.

    ``why``: ``no_account`` (a bot, a deactivated account, or nobody) or ``viewer``.
    """

    code = "cannot_receive"

    def __init__(self, person: str, why: str) -> None:
        super().__init__(person=person, why=why)
        self.person = person
        self.why = why


class CannotHandOver(Conflict):
    """A reservation cannot be handed over or exchanged as it is now.

    ``why``: ``already_theirs`` (``holder_slack_id`` holds it), ``started``, ``not_booked``,
    ``maintenance``, ``continues`` (a run of another reservation goes on in it), or
    ``several_hosts`` (a training would get GPUs of more than one host).
    """

    code = "cannot_hand_over"

    def __init__(self, reservation_id: int, why: str, holder_slack_id: str = "") -> None:
        super().__init__(reservation_id=reservation_id, why=why, holder_slack_id=holder_slack_id)
        self.reservation_id = reservation_id
        self.why = why
        self.holder_slack_id = holder_slack_id
