"""A messenger that keeps what it was given."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.domain.incidents import IncidentView
from bot.domain.notices import Notice
from bot.domain.processes import ProcessView
from bot.domain.views import ReservationView
from bot.ports.messenger import CardAddress, DeliveryFailed, Messenger


@dataclass
class SentCard:
    """A card in a channel; ``views`` are all that it has shown, the newest last."""

    address: CardAddress
    delivery_key: str
    views: list[ReservationView]

    @property
    def shown(self) -> ReservationView:
        """What the card shows now."""
        return self.views[-1]


@dataclass(frozen=True)
class SentNotice:
    """A notice in the thread of a card (``address``) or to one person (``slack_user_id``)."""

    notice: Notice
    delivery_key: str
    address: CardAddress | None = None
    slack_user_id: str | None = None


@dataclass(frozen=True)
class SentFile:
    """A file in the thread of a card."""

    file_id: str
    address: CardAddress
    name: str
    title: str
    alt_text: str
    content: bytes
    delivery_key: str


@dataclass
class SentProcessCard:
    """A message about a process; ``views`` are all that it has shown, the newest last."""

    address: CardAddress
    lane: str
    delivery_key: str
    views: list[ProcessView]


@dataclass
class SentIncidentCard:
    """A message about an incident; ``views`` are all that it has shown, the newest last."""

    address: CardAddress
    lane: str
    delivery_key: str
    views: list[IncidentView]


@dataclass
class FakeMessenger(Messenger):
    """Keeps the whole contract of `Messenger` without any Slack.

    Read ``cards``, ``thread_notices``, ``direct_notices`` and ``files``: what people see, in
    order.  ``calls`` counts every attempt by method name, also those that failed.

    Make it fail: ``fail_next(DeliveryFailed("internal_error"))`` lets the next call fail without
    effect (``times`` for more); ``lose_next_answer()`` lets the next call take effect and fail all
    the same, as when a connection breaks.  ``archive(channel_id)``, ``delete_card(address)`` and
    ``deactivate(slack_user_id)`` make all later calls for that place fail for good.
    """

    cards: list[SentCard] = field(default_factory=list)
    process_cards: list[SentProcessCard] = field(default_factory=list)
    incident_cards: list[SentIncidentCard] = field(default_factory=list)
    thread_notices: list[SentNotice] = field(default_factory=list)
    direct_notices: list[SentNotice] = field(default_factory=list)
    files: list[SentFile] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _failures: deque[DeliveryFailed] = field(default_factory=deque)
    _lost_answers: int = 0
    _closed: set[str] = field(default_factory=set)

    def fail_next(self, failure: DeliveryFailed, *, times: int = 1) -> None:
        """Let the next calls fail without effect."""
        self._failures.extend([failure] * times)

    def lose_next_answer(self) -> None:
        """Let the next call take effect and then fail."""
        self._lost_answers += 1

    def archive(self, channel_id: str) -> None:
        """Refuse everything in a channel from now on."""
        self._closed.add(channel_id)

    def deactivate(self, slack_user_id: str) -> None:
        """Refuse messages to a person from now on."""
        self._closed.add(slack_user_id)

    def delete_card(self, address: CardAddress) -> None:
        """Take a card away, as a person might."""
        self.cards = [card for card in self.cards if card.address != address]

    def delete_direct(self, address: CardAddress) -> None:
        """Take a direct message away."""
        gone = (address.channel_id, address.ts)
        self.direct_notices = [
            sent for sent in self.direct_notices if (sent.slack_user_id, sent.delivery_key) != gone
        ]

    def card(self, reservation_id: int) -> SentCard:
        """Return the newest card of a reservation."""
        return next(
            card for card in reversed(self.cards) if card.shown.reservation_id == reservation_id
        )

    async def post_card(
        self, channel_id: str, view: ReservationView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        self._begin("post_card", channel_id, "is_archived")
        for card in self.cards if uncertain else ():
            if card.address.channel_id == channel_id and card.delivery_key == delivery_key:
                card.views.append(view)
                return card.address
        address = CardAddress(channel_id, self._next_ts())
        self.cards.append(SentCard(address, delivery_key, [view]))
        self._finish()
        return address

    async def update_card(self, address: CardAddress, view: ReservationView) -> None:
        self._begin("update_card", address.channel_id, "is_archived")
        for card in self.cards:
            if card.address == address:
                card.views.append(view)
                return self._finish()
        raise DeliveryFailed("message_not_found", permanent=True)

    async def post_in_thread(
        self, address: CardAddress, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> None:
        self._begin("post_in_thread", address.channel_id, "is_archived")
        sent = SentNotice(notice, delivery_key, address=address)
        if not (uncertain and _told(self.thread_notices, sent)):
            self.thread_notices.append(sent)
        self._finish()

    async def send_direct(
        self, slack_user_id: str, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        self._begin("send_direct", slack_user_id, "user_disabled")
        sent = SentNotice(notice, delivery_key, slack_user_id=slack_user_id)
        if not (uncertain and _told(self.direct_notices, sent)):
            self.direct_notices.append(sent)
        self._finish()
        return CardAddress(slack_user_id, delivery_key)

    async def update_direct(self, address: CardAddress, notice: Notice) -> None:
        self._begin("update_direct", address.channel_id, "user_disabled")
        for place, sent in enumerate(self.direct_notices):
            if (sent.slack_user_id, sent.delivery_key) == (address.channel_id, address.ts):
                self.direct_notices[place] = replace(sent, notice=notice)
                return self._finish()
        raise DeliveryFailed("message_not_found", permanent=True)

    async def post_process_card(
        self, lane: str, view: ProcessView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        self._begin("post_process_card", lane, "is_archived")
        for card in self.process_cards if uncertain else ():
            if card.delivery_key == delivery_key and card.lane == lane:
                card.views.append(view)
                return card.address
        address = CardAddress(lane, f"1763900000.{len(self.process_cards) + 1:06}")
        self.process_cards.append(SentProcessCard(address, lane, delivery_key, [view]))
        self._finish()
        return address

    async def update_process_card(self, address: CardAddress, view: ProcessView) -> None:
        self._begin("update_process_card", address.channel_id, "is_archived")
        for card in self.process_cards:
            if card.address == address:
                card.views.append(view)
                return self._finish()
        raise DeliveryFailed("message_not_found", permanent=True)

    async def post_incident_card(
        self, lane: str, view: IncidentView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        self._begin("post_incident_card", lane, "is_archived")
        for card in self.incident_cards if uncertain else ():
            if card.delivery_key == delivery_key and card.lane == lane:
                card.views.append(view)
                return card.address
        address = CardAddress(lane, f"1763900001.{len(self.incident_cards) + 1:06}")
        self.incident_cards.append(SentIncidentCard(address, lane, delivery_key, [view]))
        self._finish()
        return address

    async def update_incident_card(self, address: CardAddress, view: IncidentView) -> None:
        self._begin("update_incident_card", address.channel_id, "is_archived")
        for card in self.incident_cards:
            if card.address == address:
                card.views.append(view)
                return self._finish()
        raise DeliveryFailed("message_not_found", permanent=True)

    async def post_file(
        self,
        address: CardAddress,
        *,
        name: str,
        title: str,
        alt_text: str,
        content: bytes,
        delivery_key: str,
        uncertain: bool,
    ) -> str:
        self._begin("post_file", address.channel_id, "is_archived")
        for file in self.files if uncertain else ():
            if (file.address, file.name, file.title) == (address, name, title):
                return file.file_id
        file_id = f"F{len(self.files) + 1:04}"
        self.files.append(SentFile(file_id, address, name, title, alt_text, content, delivery_key))
        self._finish()
        return file_id

    def _begin(self, call: str, place: str, refusal: str) -> None:
        self.calls.append(call)
        if self._failures:
            raise self._failures.popleft()
        if place in self._closed:
            raise DeliveryFailed(refusal, permanent=True)

    def _finish(self) -> None:
        if self._lost_answers:
            self._lost_answers -= 1
            raise DeliveryFailed("connection_failed")

    def _next_ts(self) -> str:
        start = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
        return f"{int(start)}.{self.calls.count('post_card'):06}"


def _told(earlier: list[SentNotice], sent: SentNotice) -> bool:
    place = (sent.address, sent.slack_user_id, sent.delivery_key)
    return any((told.address, told.slack_user_id, told.delivery_key) == place for told in earlier)
