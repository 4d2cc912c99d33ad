"""Berth's voice in Slack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.incidents import IncidentView
from bot.domain.notices import Notice
from bot.domain.processes import ProcessView
from bot.domain.views import ReservationView
from bot.ports.clock import Clock
from bot.ports.messenger import CardAddress, DeliveryFailed, Messenger
from bot.slack.blocks.card import Card
from bot.slack.blocks.incident_words import incident_card
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.process_words import process_card
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.outbound.delivery_search import DeliverySearch, delivery_metadata
from bot.slack.outbound.failures import BLOCK_CODES
from bot.slack.outbound.send_budget import MethodClass, SendBudget
from bot.slack.outbound.slack_calls import SlackCalls

logger = logging.getLogger(__name__)

IMAGE_PAUSE = timedelta(seconds=3)
IMAGE_TRIES = 5
_CHANNEL_IDS = ("C", "G")


class SlackMessenger(Messenger):
    """Sends cards, notices and files over the Web API.

    Every message carries its delivery key as metadata; an uncertain delivery is looked up by it
    first.  A look-up that fails is a failed delivery: better late than twice.

    Slack takes a moment to make an uploaded image fit for a card and refuses the card's blocks
    until then.  The card then goes out without the image, so that what it says is right, and
    `update_card` reports a failure to be tried again in `IMAGE_PAUSE`; after `IMAGE_TRIES` of
    those the card stays without it (the plot is in the thread anyway).

    Args:
        client: from `outbound_client`: one that repeats nothing by itself.
        clock: tells what is left of a run, and how far back a look-up goes.
        budget: what may be sent; share it between all that speak to one workspace.
        look_back: how far back an uncertain delivery is looked for.
        deadline: the longest that one delivery may take, look-up and all. It must be shorter than
            the outbox's lease, or somebody else looks for the message while it is being sent.

    Raises:
        ValueError: the client repeats calls by itself.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        budget: SendBudget,
        *,
        look_back: timedelta = timedelta(hours=24),
        deadline: timedelta = timedelta(seconds=20),
    ) -> None:
        self._client = client
        self._clock = clock
        self._call = SlackCalls(client, budget)
        self._search = DeliverySearch(self._call, clock, look_back)
        self._deadline_s = deadline.total_seconds()
        self._direct_channels: dict[str, str] = {}
        self._image_refusals: dict[str, int] = {}

    async def post_card(
        self, channel_id: str, view: ReservationView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post the card of a reservation and return where it stands.

        ``channel_id`` may be a person's id: the card then stands in the direct messages to them,
        whose own id is returned, since Slack edits nothing by the id of a person.  A card that an
        uncertain delivery finds is brought up to date.

        Raises:
            DeliveryFailed: it did not go out.
        """
        async with self._in_time():
            channel_id = await self._direct_channel(channel_id)
            if uncertain:
                found = await self._search.message_ts(channel_id, delivery_key)
                if found is not None:
                    address = CardAddress(channel_id, found)
                    await self._show(address, view)
                    return address
            card = reservation_card(view, self._clock.now())
            try:
                ts = await self._post(channel_id, card, delivery_key)
            except DeliveryFailed as failure:
                if not _image_refused(failure, card):
                    raise
                ts = await self._post(channel_id, card.without_images(), delivery_key)
            return CardAddress(channel_id, ts)

    async def update_card(self, address: CardAddress, view: ReservationView) -> None:
        """Make the card show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone;
                ``image_not_ready`` when only the image is missing.
        """
        async with self._in_time():
            await self._show(address, view)

    async def _show(self, address: CardAddress, view: ReservationView) -> None:
        card = reservation_card(view, self._clock.now())
        try:
            await self._update(address, card)
        except DeliveryFailed as failure:
            if not _image_refused(failure, card):
                raise
            await self._update(address, card.without_images())
            self._ask_for_another_try(address)
        else:
            self._image_refusals.pop(address.ts, None)

    def _ask_for_another_try(self, address: CardAddress) -> None:
        refusals = self._image_refusals.get(address.ts, 0) + 1
        if refusals < IMAGE_TRIES:
            self._image_refusals[address.ts] = refusals
            raise DeliveryFailed("image_not_ready", retry_after=IMAGE_PAUSE)
        self._image_refusals.pop(address.ts, None)
        logger.warning("Slack did not take the image of the card %s; left out", address.ts)

    async def post_in_thread(
        self, address: CardAddress, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> None:
        """Tell ``notice`` in the card's thread, and in the channel when it broadcasts.

        Raises:
            DeliveryFailed: it did not go out.
        """
        async with self._in_time():
            if uncertain and await self._search.message_ts(
                address.channel_id, delivery_key, thread_ts=address.ts
            ):
                return
            place: dict[str, Any] = {"thread_ts": address.ts}
            if notice.broadcast:
                place["reply_broadcast"] = True
            await self._post(address.channel_id, notice_message(notice), delivery_key, **place)

    async def send_direct(
        self, slack_user_id: str, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Tell ``notice`` to one person, or in the channel whose id is given instead.

        Returns where the message stands.

        Raises:
            DeliveryFailed: it did not go out.
        """
        async with self._in_time():
            channel_id = await self._direct_channel(slack_user_id)
            if uncertain:
                found = await self._search.message_ts(channel_id, delivery_key)
                if found is not None:
                    return CardAddress(channel_id, found)
            ts = await self._post(channel_id, notice_message(notice), delivery_key)
            return CardAddress(channel_id, ts)

    async def update_direct(self, address: CardAddress, notice: Notice) -> None:
        """Make a message of `send_direct` say ``notice`` instead. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """
        async with self._in_time():
            await self._update(address, notice_message(notice))

    async def post_process_card(
        self, lane: str, view: ProcessView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post what is known of a process, to a channel or to one person; return where it stands.

        Raises:
            DeliveryFailed: it did not go out.
        """
        return await self._post_once(
            lane, process_card(view), delivery_key=delivery_key, uncertain=uncertain
        )

    async def update_process_card(self, address: CardAddress, view: ProcessView) -> None:
        """Make that message show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """
        async with self._in_time():
            await self._update(address, process_card(view))

    async def post_incident_card(
        self, lane: str, view: IncidentView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post how an incident stands, to a channel or to one person; return where it stands.

        Raises:
            DeliveryFailed: it did not go out.
        """
        return await self._post_once(
            lane, incident_card(view), delivery_key=delivery_key, uncertain=uncertain
        )

    async def update_incident_card(self, address: CardAddress, view: IncidentView) -> None:
        """Make that message show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """
        async with self._in_time():
            await self._update(address, incident_card(view))

    async def _post_once(
        self, lane: str, card: Card, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        async with self._in_time():
            channel_id = await self._direct_channel(lane)
            if uncertain:
                found = await self._search.message_ts(channel_id, delivery_key)
                if found is not None:
                    address = CardAddress(channel_id, found)
                    await self._update(address, card)
                    return address
            return CardAddress(channel_id, await self._post(channel_id, card, delivery_key))

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
        """Put a file into the card's thread and return its id.

        An uncertain delivery is recognised by the file's name and title: a file has no metadata.
        Slack shows an upload in the thread a moment after it has answered, so that an attempt
        repeated within that moment may not see the first.

        Raises:
            DeliveryFailed: it did not go out.
        """
        async with self._in_time():
            channel_id, thread_ts = address.channel_id, address.ts
            if uncertain:
                found = await self._search.file_id(channel_id, thread_ts, name=name, title=title)
                if found is not None:
                    return found
            await self._call.reserve(MethodClass.POST, channel_id)
            # Announces, uploads and shares: three methods, each with a limit of its own.
            answer = await self._call(
                MethodClass.FILE,
                self._client.files_upload_v2,
                filename=name,
                content=content,
                title=title,
                alt_txt=alt_text,
                channel=channel_id,
                thread_ts=thread_ts,
            )
            file_id = str(answer["file"]["id"])
            logger.info("delivery %s went out as file %s", delivery_key, file_id)
            return file_id

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
        except TimeoutError as late:
            raise DeliveryFailed("timeout") from late

    async def _post(self, channel_id: str, card: Card, delivery_key: str, **place: Any) -> str:
        answer = await self._call(
            MethodClass.POST,
            self._client.chat_postMessage,
            budget_channel=channel_id,
            channel=channel_id,
            text=card.text,
            blocks=list(card.blocks),
            metadata=delivery_metadata(delivery_key),
            unfurl_links=False,
            unfurl_media=False,
            **place,
        )
        return str(answer["ts"])

    async def _update(self, address: CardAddress, card: Card) -> None:
        # Without a metadata argument Slack keeps what the message has.
        # https://docs.slack.dev/reference/methods/chat.update#arg_metadata
        await self._call(
            MethodClass.UPDATE,
            self._client.chat_update,
            channel=address.channel_id,
            ts=address.ts,
            text=card.text,
            blocks=list(card.blocks),
        )

    async def _direct_channel(self, slack_user_id: str) -> str:
        if slack_user_id.startswith(_CHANNEL_IDS):
            return slack_user_id
        known = self._direct_channels.get(slack_user_id)
        if known is None:
            answer = await self._call(
                MethodClass.OPEN, self._client.conversations_open, users=[slack_user_id]
            )
            known = self._direct_channels[slack_user_id] = str(answer["channel"]["id"])
        return known


def _image_refused(failure: DeliveryFailed, card: Card) -> bool:
    return failure.reason in BLOCK_CODES and card.has_image
