"""Answers people where they stand, whatever happens.

A listener acknowledges first and hands its work over here.  The work runs in a task of its own,
because Bolt loses an acknowledgement when the listener raises right after it.  Nothing is silent:
an anticipated error becomes a sentence, any other one a reference number that is in the log too.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from datetime import UTC, tzinfo
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.errors import BerthError
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.home import with_notice
from bot.slack.blocks.refusal import problem_card, refusal_card
from bot.slack.blocks.text import Block

log = structlog.get_logger(__name__)

RESPONSE_URL_TIMEOUT_S = 10
_UNREACHABLE = (SlackApiError, OSError, TimeoutError, ValueError)
"""What the Slack clients raise when a message does not go out; aiohttp's errors are OSErrors,
except those about its own state, which are ValueErrors."""


class Answering:
    """Runs the work of listeners, and tells people what came of it."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], asked: Asked, what: str) -> None:
        """Run ``work`` in the background; its errors are told to the one who asked.

        Args:
            work: what is left to do once the acknowledgement is out.
            asked: who asked, and where they stand.
            what: the listener's name, for the log.
        """
        task = asyncio.create_task(self._guard(work, asked, what), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float = 10.0) -> None:
        """Wait until all work is done, at most ``timeout_s``; what is left is cancelled."""
        async with asyncio.timeout(timeout_s + 1):
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
                for task in late:
                    task.cancel()

    async def _guard(self, work: Coroutine[Any, Any, None], asked: Asked, what: str) -> None:
        try:
            await work
        except BerthError as error:
            log.info("slack_refused", listener=what, user=asked.user_id, error=str(error))
            await self.tell(asked, refusal_card(error, UTC))
        except Exception:  # noqa: BLE001 - the edge: nobody else would hear of it
            await self.tell(asked, self.problem(asked, what))

    def refusal(self, error: BaseException, asked: Asked, what: str, tz: tzinfo = UTC) -> Card:
        """Return what is told about an error; one that nobody foresaw is logged first."""
        if isinstance(error, BerthError):
            return refusal_card(error, tz)
        return self.problem(asked, what, error)

    def problem(self, asked: Asked, what: str, error: BaseException | None = None) -> Card:
        """Log the error being handled (or ``error``) and return the words that name it."""
        reference = secrets.token_hex(4)
        log.error(
            "slack_listener_failed",
            reference=reference,
            listener=what,
            user=asked.user_id,
            exc_info=error or True,
        )
        return problem_card(reference)

    async def tell(self, asked: Asked, card: Card, *, replace: bool = False) -> None:
        """Show ``card`` where the person stands; never raises.

        In a modal the modal shows it, in the home tab the tab; otherwise only they see a message,
        in place of the one they clicked in with ``replace``.  Where all that fails they get a
        direct message.
        """
        attempts = [self._direct(asked, card)]
        if asked.in_modal or asked.in_home:
            attempts.insert(0, self._in_view(asked, card))
        else:
            attempts.insert(0, self._ephemeral(asked, card))
            if asked.response_url:
                attempts.insert(0, self._respond(asked, card, replace=replace))
        await self._first_that_works(asked, attempts)

    async def tell_in_channel(self, asked: Asked, card: Card) -> None:
        """Show ``card`` to the person in their channel, or directly; never raises.

        This is for a modal that has just been closed.
        """
        await self._first_that_works(
            asked, [self._ephemeral(asked, card), self._direct(asked, card)]
        )

    async def show_view(self, asked: Asked, view: Block) -> None:
        """Make the person's modal show ``view``.

        Raises:
            SlackApiError: Slack refused it, for example since it was closed.
        """
        await self._client.views_update(view_id=asked.view["id"], view=view)

    async def _first_that_works(
        self, asked: Asked, attempts: Sequence[Coroutine[Any, Any, bool]]
    ) -> None:
        told = False
        for attempt in attempts:
            if told:
                attempt.close()
                continue
            try:
                told = await attempt
            except _UNREACHABLE as error:
                log.info("slack_answer_failed", user=asked.user_id, reason=str(error))
        if not told:
            log.error("slack_answer_lost", user=asked.user_id)

    async def _in_view(self, asked: Asked, card: Card) -> bool:
        if asked.in_home:
            view = with_notice(dict(asked.view), card)
            await self._client.views_publish(user_id=asked.user_id, view=view)
        else:
            view = message_modal("Book GPUs", card, metadata(asked.channel_id))
            await self.show_view(asked, view)
        return True

    async def _respond(self, asked: Asked, card: Card, *, replace: bool) -> bool:
        webhook = AsyncWebhookClient(
            asked.response_url or "",
            timeout=RESPONSE_URL_TIMEOUT_S,
            proxy=self._client.proxy,
            ssl=self._client.ssl,
        )
        answer = await webhook.send(
            text=card.text,
            blocks=card.blocks,
            response_type="ephemeral",
            replace_original=replace,
        )
        # A failed response_url is an answer, not an exception.
        return answer.status_code == 200

    async def _ephemeral(self, asked: Asked, card: Card) -> bool:
        if not asked.channel_id:
            return False
        await self._client.chat_postEphemeral(
            channel=asked.channel_id, user=asked.user_id, text=card.text, blocks=card.blocks
        )
        return True

    async def _direct(self, asked: Asked, card: Card) -> bool:
        opened = await self._client.conversations_open(users=[asked.user_id])
        await self._client.chat_postMessage(
            channel=opened["channel"]["id"], text=card.text, blocks=card.blocks
        )
        return True
