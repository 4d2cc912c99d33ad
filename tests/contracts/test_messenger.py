"""What every messenger promises, seen where people see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.notices import HostBack, RunEnded
from bot.domain.states import ReservationState
from bot.ports.messenger import CardAddress, DeliveryFailed, Messenger
from bot.sandbox.faults import Fault
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from tests.fakes.messenger import FakeMessenger
from tests.fakes.sample_views import START, a_reservation
from tests.support.clock import SetClock

CHANNEL, PERSON = "C0GPU", "U0BOB"
QUIET = HostBack(12, "host1")
LOUD = RunEnded(12, 7, "succeeded", "succeeded")

# The Web API methods that put something before people, by the messenger's own method.
SENDING = {
    "card": "chat.postMessage",
    "update": "chat.update",
    "thread": "chat.postMessage",
    "direct": "chat.postMessage",
    "file": "files.completeUploadExternal",
}


class Rig(ABC):
    """A messenger and the eyes of those who read."""

    messenger: Messenger

    @abstractmethod
    def cards(self) -> list[CardAddress]:
        """Return where the cards of the channel stand."""

    @abstractmethod
    def card_text(self, address: CardAddress) -> str:
        """Return what a card says, in words."""

    @abstractmethod
    def thread_keys(self, address: CardAddress) -> list[str]:
        """Return the delivery keys of the notices in a thread."""

    @abstractmethod
    def broadcast_keys(self, address: CardAddress) -> list[str]:
        """Return the delivery keys of those notices that the channel saw too."""

    @abstractmethod
    def direct_keys(self) -> list[str]:
        """Return the delivery keys of what the person was told."""

    @abstractmethod
    def direct_texts(self) -> list[str]:
        """Return what the person reads."""

    @abstractmethod
    def files(self, address: CardAddress) -> list[tuple[str, str, str, bytes]]:
        """Return id, name, title and content of the files in a thread."""

    @abstractmethod
    def be_down(self, action: str) -> None:
        """Let the next call fail before it has any effect."""

    @abstractmethod
    def limit(self, action: str, retry_after_s: int) -> None:
        """Let the next call be refused for its frequency."""

    @abstractmethod
    def lose_answer(self, action: str) -> None:
        """Let the next call take effect and its answer get lost."""

    @abstractmethod
    def archive(self) -> None:
        """Close the channel for good."""

    @abstractmethod
    def deactivate(self) -> None:
        """Let the person have left the company."""

    @abstractmethod
    def delete_card(self, address: CardAddress) -> None:
        """Let somebody have deleted the card."""


class FakeRig(Rig):
    def __init__(self) -> None:
        self.fake = FakeMessenger()
        self.messenger = self.fake

    def cards(self) -> list[CardAddress]:
        return [card.address for card in self.fake.cards]

    def card_text(self, address: CardAddress) -> str:
        (card,) = (card for card in self.fake.cards if card.address == address)
        return reservation_card(card.shown, START).text

    def thread_keys(self, address: CardAddress) -> list[str]:
        return [sent.delivery_key for sent in self.fake.thread_notices if sent.address == address]

    def broadcast_keys(self, address: CardAddress) -> list[str]:
        return [
            sent.delivery_key
            for sent in self.fake.thread_notices
            if sent.address == address and sent.notice.broadcast
        ]

    def direct_keys(self) -> list[str]:
        return [
            sent.delivery_key for sent in self.fake.direct_notices if sent.slack_user_id == PERSON
        ]

    def direct_texts(self) -> list[str]:
        return [notice_message(sent.notice).text for sent in self.fake.direct_notices]

    def files(self, address: CardAddress) -> list[tuple[str, str, str, bytes]]:
        return [
            (file.file_id, file.name, file.title, file.content)
            for file in self.fake.files
            if file.address == address
        ]

    def be_down(self, action: str) -> None:
        self.fake.fail_next(DeliveryFailed("internal_error"))

    def limit(self, action: str, retry_after_s: int) -> None:
        pause = timedelta(seconds=retry_after_s)
        self.fake.fail_next(DeliveryFailed("ratelimited", retry_after=pause))

    def lose_answer(self, action: str) -> None:
        self.fake.lose_next_answer()

    def archive(self) -> None:
        self.fake.archive(CHANNEL)

    def deactivate(self) -> None:
        self.fake.deactivate(PERSON)

    def delete_card(self, address: CardAddress) -> None:
        self.fake.delete_card(address)


class SlackRig(Rig):
    def __init__(self, slack: SlackStandIn, messenger: SlackMessenger) -> None:
        self.slack = slack
        self.messenger = messenger

    def _messages(self, channel_id: str) -> list[dict[str, Any]]:
        return list(self.slack.state.messages.by_channel[channel_id].values())

    def _thread(self, address: CardAddress) -> list[dict[str, Any]]:
        return [
            message
            for message in self._messages(address.channel_id)
            if message.get("thread_ts") == address.ts and message["ts"] != address.ts
        ]

    def cards(self) -> list[CardAddress]:
        return [
            CardAddress(CHANNEL, message["ts"])
            for message in self._messages(CHANNEL)
            if message.get("thread_ts") in (None, message["ts"])
        ]

    def card_text(self, address: CardAddress) -> str:
        return str(self.slack.state.messages.get(address.channel_id, address.ts)["text"])

    def thread_keys(self, address: CardAddress) -> list[str]:
        return _keys(self._thread(address))

    def broadcast_keys(self, address: CardAddress) -> list[str]:
        return _keys(
            [message for message in self._thread(address) if message.get("reply_broadcast")]
        )

    def direct_keys(self) -> list[str]:
        channel = self.slack.state.workspace.direct_channel(PERSON)
        return _keys(self._messages(channel.id))

    def direct_texts(self) -> list[str]:
        channel = self.slack.state.workspace.direct_channel(PERSON)
        return [str(message["text"]) for message in self._messages(channel.id)]

    def files(self, address: CardAddress) -> list[tuple[str, str, str, bytes]]:
        stored = [
            self.slack.state.files.get(file["id"])
            for message in self._thread(address)
            for file in message.get("files", ())
        ]
        return [(file.id, file.name, file.title, file.content or b"") for file in stored]

    def be_down(self, action: str) -> None:
        self.slack.state.faults.add(SENDING[action], Fault("503"), 1)

    def limit(self, action: str, retry_after_s: int) -> None:
        fault = Fault("429", retry_after_s=retry_after_s)
        self.slack.state.faults.add(SENDING[action], fault, 1)

    def lose_answer(self, action: str) -> None:
        self.slack.state.faults.add(SENDING[action], Fault("reset_after"), 1)

    def archive(self) -> None:
        self.slack.state.workspace.channels[CHANNEL].is_archived = True

    def deactivate(self) -> None:
        self.slack.state.workspace.people[PERSON].deleted = True

    def delete_card(self, address: CardAddress) -> None:
        self.slack.state.messages.delete(address.channel_id, address.ts)


def _keys(messages: list[dict[str, Any]]) -> list[str]:
    return [str(m["metadata"]["event_payload"]["key"]) for m in messages if "metadata" in m]


async def _no_wait(_seconds: float) -> None:
    """Slack's limits are a matter of other tests."""


@pytest.fixture(params=["fake", "slack"])
async def rig(request: pytest.FixtureRequest, clock: SetClock) -> AsyncIterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    async with SlackStandIn(clock, StandInOptions(rate_limits=False)) as slack:
        client = outbound_client(slack.options.bot_token, base_url=slack.api_url)
        budget = SendBudget(sleep=_no_wait, longest_wait=timedelta(days=1))
        yield SlackRig(slack, SlackMessenger(client, clock, budget))


@dataclass(frozen=True)
class Deed:
    """One kind of delivery: how it is made, and how often it can be seen."""

    name: str
    do: Callable[[Rig, CardAddress, str, bool], Awaitable[object]]
    seen: Callable[[Rig, CardAddress], int]


async def _post_card(rig: Rig, _: CardAddress, key: str, uncertain: bool) -> object:
    return await rig.messenger.post_card(
        CHANNEL, a_reservation(), delivery_key=key, uncertain=uncertain
    )


async def _post_in_thread(rig: Rig, address: CardAddress, key: str, uncertain: bool) -> None:
    await rig.messenger.post_in_thread(address, LOUD, delivery_key=key, uncertain=uncertain)


async def _send_direct(rig: Rig, _: CardAddress, key: str, uncertain: bool) -> None:
    await rig.messenger.send_direct(PERSON, QUIET, delivery_key=key, uncertain=uncertain)


async def _post_file(rig: Rig, address: CardAddress, key: str, uncertain: bool) -> object:
    return await rig.messenger.post_file(
        address,
        name=f"results-{key}.png",
        title="Results of R12",
        alt_text="Losses by epoch",
        content=b"\x89PNG fake",
        delivery_key=key,
        uncertain=uncertain,
    )


DEEDS = [
    Deed("card", _post_card, lambda rig, _: len(rig.cards()) - 1),
    Deed("thread", _post_in_thread, lambda rig, card: len(rig.thread_keys(card))),
    Deed("direct", _send_direct, lambda rig, _: len(rig.direct_keys())),
    Deed("file", _post_file, lambda rig, card: len(rig.files(card))),
]


@pytest.fixture(params=DEEDS, ids=lambda deed: deed.name)
def deed(request: pytest.FixtureRequest) -> Deed:
    made: Deed = request.param
    return made


@pytest.fixture
async def card(rig: Rig) -> CardAddress:
    return await rig.messenger.post_card(
        CHANNEL, a_reservation(), delivery_key="first-card", uncertain=False
    )


async def test_a_card_stands_where_its_address_says(rig: Rig, card: CardAddress) -> None:
    assert rig.cards() == [card]
    assert card.channel_id == CHANNEL
    assert "R12 booked" in rig.card_text(card)


async def test_an_update_changes_the_card_in_place_and_may_be_repeated(
    rig: Rig, card: CardAddress
) -> None:
    for _ in range(2):
        await rig.messenger.update_card(card, a_reservation(ReservationState.CANCELLED))
    assert "R12 cancelled" in rig.card_text(card)
    assert rig.cards() == [card]


async def test_only_a_broadcasting_notice_is_seen_outside_the_thread(
    rig: Rig, card: CardAddress
) -> None:
    await rig.messenger.post_in_thread(card, QUIET, delivery_key="quiet", uncertain=False)
    await rig.messenger.post_in_thread(card, LOUD, delivery_key="loud", uncertain=False)
    assert rig.thread_keys(card) == ["quiet", "loud"]
    assert rig.broadcast_keys(card) == ["loud"]


async def test_a_file_comes_into_the_thread_whole(rig: Rig, card: CardAddress) -> None:
    file_id = await rig.messenger.post_file(
        card,
        name="results.png",
        title="Results of R12",
        alt_text="Losses by epoch",
        content=b"\x89PNG \x00\xff",
        delivery_key="plot",
        uncertain=False,
    )
    assert rig.files(card) == [(file_id, "results.png", "Results of R12", b"\x89PNG \x00\xff")]


async def test_each_delivery_is_seen_once(rig: Rig, card: CardAddress, deed: Deed) -> None:
    await deed.do(rig, card, "one", False)
    assert deed.seen(rig, card) == 1


async def test_deliveries_of_different_keys_are_different_deliveries(
    rig: Rig, card: CardAddress, deed: Deed
) -> None:
    first = await deed.do(rig, card, "one", True)
    second = await deed.do(rig, card, "two", True)
    assert deed.seen(rig, card) == 2
    assert first != second or first is None


async def test_what_failed_before_it_went_out_can_be_tried_again(
    rig: Rig, card: CardAddress, deed: Deed
) -> None:
    rig.be_down(deed.name)
    with pytest.raises(DeliveryFailed) as failure:
        await deed.do(rig, card, "one", False)
    assert not failure.value.permanent
    assert deed.seen(rig, card) == 0
    await deed.do(rig, card, "one", True)
    assert deed.seen(rig, card) == 1


async def test_a_lost_answer_followed_by_another_try_doubles_nothing(
    rig: Rig, card: CardAddress, deed: Deed
) -> None:
    rig.lose_answer(deed.name)
    with pytest.raises(DeliveryFailed) as failure:
        await deed.do(rig, card, "one", False)
    assert not failure.value.permanent
    assert deed.seen(rig, card) == 1
    again = await deed.do(rig, card, "one", True)
    and_again = await deed.do(rig, card, "one", True)
    assert deed.seen(rig, card) == 1
    assert again == and_again


async def test_a_card_found_again_shows_the_newest_state(rig: Rig, card: CardAddress) -> None:
    found = await rig.messenger.post_card(
        CHANNEL,
        a_reservation(ReservationState.CANCELLED),
        delivery_key="first-card",
        uncertain=True,
    )
    assert found == card
    assert "R12 cancelled" in rig.card_text(card)


async def test_a_rate_limit_says_for_how_long(rig: Rig, card: CardAddress, deed: Deed) -> None:
    rig.limit(deed.name, 7)
    with pytest.raises(DeliveryFailed) as failure:
        await deed.do(rig, card, "one", False)
    assert failure.value.retry_after == timedelta(seconds=7)
    assert not failure.value.permanent
    assert deed.seen(rig, card) == 0


async def test_a_limited_update_says_for_how_long(rig: Rig, card: CardAddress) -> None:
    rig.limit("update", 11)
    with pytest.raises(DeliveryFailed) as failure:
        await rig.messenger.update_card(card, a_reservation())
    assert failure.value.retry_after == timedelta(seconds=11)


@pytest.mark.parametrize("deed", [d for d in DEEDS if d.name != "direct"], ids=lambda d: d.name)
async def test_an_archived_channel_is_not_worth_another_try(
    rig: Rig, card: CardAddress, deed: Deed
) -> None:
    rig.archive()
    with pytest.raises(DeliveryFailed) as failure:
        await deed.do(rig, card, "one", False)
    assert failure.value.permanent
    assert failure.value.reason == "is_archived"


async def test_a_person_who_left_is_not_worth_another_try(rig: Rig) -> None:
    rig.deactivate()
    with pytest.raises(DeliveryFailed) as failure:
        await rig.messenger.send_direct(PERSON, QUIET, delivery_key="one", uncertain=False)
    assert failure.value.permanent


async def test_a_direct_message_is_edited_in_place(rig: Rig) -> None:
    stands = await rig.messenger.send_direct(PERSON, QUIET, delivery_key="one", uncertain=False)
    again = await rig.messenger.send_direct(PERSON, QUIET, delivery_key="one", uncertain=True)
    assert again == stands, "where it stands is found again"
    for _ in range(2):
        await rig.messenger.update_direct(stands, LOUD)
    assert rig.direct_keys() == ["one"]
    assert rig.direct_texts() == [notice_message(LOUD).text]
    with pytest.raises(DeliveryFailed) as failure:
        await rig.messenger.update_direct(CardAddress(stands.channel_id, "1.000001"), QUIET)
    assert failure.value.permanent


async def test_a_deleted_card_cannot_be_updated(rig: Rig, card: CardAddress) -> None:
    rig.delete_card(card)
    with pytest.raises(DeliveryFailed) as failure:
        await rig.messenger.update_card(card, a_reservation())
    assert failure.value.permanent
    assert failure.value.reason == "message_not_found"
