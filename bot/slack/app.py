"""The Slack app: every listener acknowledges first, then the work goes on in the background."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports.clock import Clock
from bot.ports.measurements import NO_MEASUREMENTS, Measurements
from bot.ports.use_cases import UseCaseRunner
from bot.slack import registered
from bot.slack.answering import Answering
from bot.slack.asked import (
    Asked,
    Payload,
    asked_by_command,
    asked_by_event,
    asked_by_interaction,
    metadata,
)
from bot.slack.blocks.card import Card
from bot.slack.blocks.late_forms import doing_modal, form_again
from bot.slack.desk import Desk
from bot.slack.identity import Directory
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.submit_form import Submitted
from bot.slack.inbound.unknown_click import unknown_click

log = structlog.get_logger(__name__)

SUBMISSION_BUDGET_S = 2.2
"""Slack waits 3 seconds for the answer to a submitted modal; the rest is for the way there."""

AFTER_ACK_S = 0.5
"""How long after the "Booking…" acknowledgement the modal is left alone, so that the outcome
cannot arrive before it and be overwritten."""

Listener = Callable[..., Awaitable[None]]


def build_slack_app(
    client: AsyncWebClient,
    run: UseCaseRunner,
    clock: Clock,
    *,
    signing_secret: str | None,
    answering: Answering | None = None,
    public_url: str = "http://127.0.0.1:8600",
    measurements: Measurements = NO_MEASUREMENTS,
) -> AsyncApp:
    """Return the app with every listener of `bot.slack.registered`.

    Args:
        client: the Web API with the bot's token; it is used for everything.
        run: how to call the services.
        clock: tells the time.
        signing_secret: for HTTP mode; None in Socket Mode.
        answering: where the background work runs, for someone who wants to `drain` it at the end.
        public_url: where browsers reach Berth's pages.
        measurements: is told how soon each request was acknowledged.
    """
    desk = Desk(
        run,
        clock,
        client,
        Directory(client, run),
        answering or Answering(client),
        public_url=public_url,
    )
    app = AsyncApp(
        name="berth",
        client=_without_token(client),
        signing_secret=signing_secret or "",
        # An authorize of our own keeps Bolt from switching to OAuth and dropping the token when
        # SLACK_CLIENT_ID and SLACK_CLIENT_SECRET happen to be in the environment.
        authorize=_authorizer(client),
    )
    _register(app, desk, measurements)
    return app


def _register(app: AsyncApp, desk: Desk, measurements: Measurements) -> None:
    def timed(name: str, listen: Listener) -> Listener:
        return _timed(measurements, name, listen)

    for command, work in registered.COMMANDS.items():
        app.command(command)(timed(command, _listener(desk, command, work, asked_by_command)))
    for action, work in registered.ACTIONS.items():
        app.action(action)(timed(action, _listener(desk, action, work, asked_by_interaction)))
    for shortcut, work in registered.SHORTCUTS.items():
        listen = _listener(desk, shortcut, work, asked_by_interaction)
        app.shortcut(shortcut)(timed(shortcut, listen))
    for event, work in registered.EVENTS.items():
        app.event(event)(timed(event, _event_listener(desk, event, work)))
    for callback, submission in registered.VIEWS.items():
        app.view(callback)(timed(callback, _view_listener(desk, callback, submission)))
    # After all others: a button of another release is answered, an event nobody wants is
    # acknowledged, since Slack would send it again three times.
    unknown = _listener(desk, "unknown", unknown_click, asked_by_interaction)
    app.action(re.compile(".*"))(timed("unknown", unknown))
    app.event(re.compile(".*"))(_ignore)
    app.error(_log_error)


def _timed(measurements: Measurements, name: str, listen: Listener) -> Listener:
    """Return the listener, with a note of how long it takes until it acknowledges."""

    async def timed(ack: AsyncAck, body: dict[str, Any]) -> None:
        began = time.perf_counter()

        async def noted(**answer: Any) -> None:
            await ack(**answer)
            measurements.slack_acknowledged(name, time.perf_counter() - began)

        await listen(noted, body)

    return timed


def _without_token(client: AsyncWebClient) -> AsyncWebClient:
    """Return a client for Bolt's own use: it warns of a token beside ``authorize``."""
    return AsyncWebClient(
        base_url=client.base_url,
        timeout=client.timeout,
        ssl=client.ssl,
        proxy=client.proxy,
        retry_handlers=client.retry_handlers,
    )


def _authorizer(client: AsyncWebClient) -> Callable[..., Awaitable[AuthorizeResult]]:
    known: list[AuthorizeResult] = []

    async def authorize() -> AuthorizeResult:
        if not known:
            answer = await client.auth_test()
            result = AuthorizeResult.from_auth_test_response(
                auth_test_response=answer, bot_token=client.token
            )
            known.append(result)
        return known[0]

    return authorize


def _listener(
    desk: Desk, name: str, work: registered.Work, read: Callable[[Payload], Asked]
) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        asked = read(body)
        await ack()
        desk.answering.start(_run(work, desk, asked), asked, name)

    return listen


def _event_listener(desk: Desk, name: str, work: registered.Work) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        asked = asked_by_event(body)
        await ack()
        if desk.events.is_new(body.get("event_id")):
            desk.answering.start(_run(work, desk, asked), asked, name)

    return listen


async def _run(work: registered.Work, desk: Desk, asked: Asked) -> None:
    await work(desk, asked)


def _view_listener(desk: Desk, name: str, submission: registered.Submission) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        asked = asked_by_interaction(body)
        work = asyncio.create_task(_submitted(desk, asked, name, submission))
        done, _ = await asyncio.wait({work}, timeout=SUBMISSION_BUDGET_S)
        if not done:
            doing = doing_modal(asked.view, metadata(asked.channel_id))
            await ack(response_action="update", view=doing)
            desk.answering.start(_finish_late(desk, asked, work), asked, name)
            return
        submitted = work.result()
        await ack(**submitted.ack)
        if submitted.tell is not None:
            desk.answering.start(_tell_and_refresh(desk, asked, submitted.tell), asked, name)

    return listen


async def _submitted(
    desk: Desk, asked: Asked, name: str, submission: registered.Submission
) -> Submitted:
    try:
        return await submission(desk, asked)
    except Exception as error:  # noqa: BLE001 - the edge: the form itself tells it
        card = desk.answering.refusal(error, asked, name)
        view = form_again(asked.view, card)
        return Submitted({"response_action": "update", "view": view}, view)


async def _tell_and_refresh(desk: Desk, asked: Asked, card: Card) -> None:
    await desk.answering.tell_in_channel(asked, card)
    await refresh_home(desk, asked)


async def _finish_late(desk: Desk, asked: Asked, work: asyncio.Task[Submitted]) -> None:
    submitted, _ = await asyncio.gather(work, asyncio.sleep(AFTER_ACK_S))
    try:
        await desk.answering.show_view(asked, submitted.late_view)
    except SlackApiError as error:
        # The modal was closed meanwhile; what came of it is told all the same.
        log.info("slack_modal_gone", user=asked.user_id, reason=str(error))
        if submitted.tell is not None:
            await desk.answering.tell(replace(asked, view={}), submitted.tell)
    await refresh_home(desk, asked)


async def _ignore(ack: AsyncAck) -> None:
    await ack()


async def _log_error(error: Exception, body: dict[str, Any]) -> None:
    log.error("slack_request_failed", kind=body.get("type"), exc_info=error)
