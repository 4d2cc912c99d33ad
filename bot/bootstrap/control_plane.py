"""The control plane put together: ``berth serve``."""

from __future__ import annotations

import asyncio
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, tzinfo

import structlog
import uvicorn
from fastapi import FastAPI
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap.system_clock import SystemClock
from bot.bootstrap.threads import ThreadedUseCases
from bot.bootstrap.web_pages import pages_options, public_url
from bot.clockwork.clockwork import Clockwork
from bot.config import ServeSettings
from bot.domain.errors import BerthError, InvalidSetting
from bot.services import standing_work, tokens
from bot.services.tokens import Scope
from bot.services.transaction import Defaults, UseCases
from bot.slack.answering import Answering
from bot.slack.app import build_slack_app
from bot.slack.blocks.error_sentences import sentence
from bot.slack.blocks.sentence_words import PlainWords
from bot.slack.http_front_door import slack_events_endpoint
from bot.slack.identity import Directory
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from bot.slack.team_sync import TeamSync
from bot.store import schema
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database, open_engine
from bot.web.app import build_web_app
from bot.web.metrics import PrometheusMeasurements
from bot.web.revision_watch import RevisionWatch

log = structlog.get_logger(__name__)

SLACK_API_URL = "https://slack.com/api/"
# A lost connection is noticed within about 8 s with this interval (measured; see docs/adr).
SOCKET_PING_INTERVAL_S = 5
DRAIN_S = 3.0
"""What people asked for just before the end is still answered, for at most this long."""
RECONNECT_PAUSE_S, LONGEST_RECONNECT_PAUSE_S = 1.0, 30.0
_REFUSED_TOKEN = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "not_allowed_token_type"}
)


@dataclass(frozen=True)
class ControlPlane:
    """Everything one process of the control plane consists of, built and not yet started."""

    settings: ServeSettings
    database: Database
    run: ThreadedUseCases
    clockwork: Clockwork
    watch: RevisionWatch
    slack_app: AsyncApp
    slack_client: AsyncWebClient
    answering: Answering
    web_app: FastAPI


def sentence_of(error: BerthError, zone: tzinfo = UTC) -> str:
    """Return the words for an error, for those who are not in Slack."""
    return str(sentence(error, PlainWords(zone)))


def use_cases(settings: ServeSettings, database: Database) -> UseCases:
    """Return the use cases over a database, with the rules that the settings describe."""
    defaults = Defaults(
        team_name=settings.default_team,
        channel_id=settings.default_channel,
        run=settings.run_defaults(),
    )
    return UseCases(database, SystemClock(), settings.policy(), defaults)


def build(settings: ServeSettings) -> ControlPlane:
    """Put a control plane together; nothing is connected yet.

    Raises:
        SchemaOutOfDate: the database is not at the revision of this release.
    """
    database = Database(open_engine(settings.database_url))
    schema.require_current(database.engine)
    clock = SystemClock()
    measurements = PrometheusMeasurements()
    database.on_retry.append(measurements.transaction_retried)
    run = ThreadedUseCases(use_cases(settings, database), settings.worker_threads, measurements)
    api_url = settings.slack_api_url or SLACK_API_URL
    bot_token = settings.slack_bot_token.get_secret_value()
    signing_secret = settings.slack_signing_secret
    inbound = _inbound_client(bot_token, api_url)
    answering = Answering(inbound)
    slack_app = build_slack_app(
        inbound,
        run,
        clock,
        signing_secret=signing_secret.get_secret_value() if signing_secret else None,
        answering=answering,
        public_url=public_url(settings),
        measurements=measurements,
    )
    artifacts = FsspecArtifactStore(settings.artifacts_url)
    messenger = SlackMessenger(outbound_client(bot_token, base_url=api_url), clock, SendBudget())
    owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    clockwork = Clockwork(run, clock, messenger, artifacts, owner)
    database.on_commit.append(clockwork.wake)
    watch = RevisionWatch(run)
    endpoint = None
    if settings.slack_mode == "http" and signing_secret is not None:
        endpoint = slack_events_endpoint(slack_app, signing_secret.get_secret_value(), clock)
    pages = pages_options(settings, inbound, Directory(inbound, run), sentence_of)
    token = settings.metrics_token
    web_app = build_web_app(
        run,
        watch,
        artifacts,
        endpoint,
        sentence_of,
        pages,
        measurements,
        token.get_secret_value() if token else None,
    )
    return ControlPlane(
        settings=settings,
        database=database,
        run=run,
        clockwork=clockwork,
        watch=watch,
        slack_app=slack_app,
        slack_client=inbound,
        answering=answering,
        web_app=web_app,
    )


def _inbound_client(bot_token: str, api_url: str) -> AsyncWebClient:
    """Return the client that answers people: unlike the outbox's it tries again by itself."""
    return AsyncWebClient(
        token=bot_token,
        base_url=api_url,
        retry_handlers=[AsyncConnectionErrorRetryHandler(), AsyncRateLimitErrorRetryHandler()],
    )


async def serve(settings: ServeSettings) -> None:
    """Run the control plane until SIGTERM or SIGINT.

    It may be killed at any instant: what matters is in the database, and leases of what was in
    flight run out by themselves.

    Raises:
        SchemaOutOfDate: the database is not at the revision of this release.
        InvalidSetting: Slack refuses the token.
    """
    plane = build(settings)
    if settings.enrol_agent_token is not None:
        token = settings.enrol_agent_token.get_secret_value()
        await plane.run(tokens.add_token, "enrolled by setting", Scope.AGENT, token)
    await plane.run(standing_work.arm)
    server = uvicorn.Server(
        uvicorn.Config(
            plane.web_app,
            host=settings.listen_host,
            port=settings.listen_port,
            log_config=None,
            timeout_graceful_shutdown=3,
        )
    )
    slack = asyncio.create_task(_speak_with_slack(plane))
    slack.add_done_callback(lambda task: _stop_if_failed(task, server))
    team_sync = TeamSync(plane.slack_client, plane.run)
    plane.clockwork.start()
    team_sync.start()
    try:
        await server.serve()
    finally:
        await team_sync.stop()
        await plane.clockwork.stop()
        await plane.watch.close()
        await plane.answering.drain(DRAIN_S)
        slack.cancel()
        results = await asyncio.gather(slack, return_exceptions=True)
        plane.run.close()
        plane.database.close()
    if isinstance(results[0], InvalidSetting):
        raise results[0]


def _stop_if_failed(task: asyncio.Task[None], server: uvicorn.Server) -> None:
    if not task.cancelled() and task.exception() is not None:
        server.should_exit = True


async def _speak_with_slack(plane: ControlPlane) -> None:
    """Connect to Slack, again and again while it is out of reach, and stay until cancelled.

    Raises:
        InvalidSetting: Slack refuses the token; trying again cannot help.
    """
    pause_s = RECONNECT_PAUSE_S
    while True:
        try:
            me = await plane.slack_client.auth_test()
            handler = await _connect(plane)
        except SlackApiError as error:
            code = str(error.response.get("error"))
            if code in _REFUSED_TOKEN:
                raise InvalidSetting(
                    {"BERTH_SLACK_BOT_TOKEN": f"Slack refuses it: {code}"}
                ) from error
            log.warning("slack_out_of_reach", why=code, retry_in_s=pause_s)
        except (OSError, TimeoutError) as error:
            log.warning("slack_out_of_reach", why=repr(error), retry_in_s=pause_s)
        else:
            log.info("slack_connected", team=me["team"], mode=plane.settings.slack_mode)
            await _stay_until_cancelled(handler)
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_RECONNECT_PAUSE_S)


async def _connect(plane: ControlPlane) -> AsyncSocketModeHandler | None:
    app_token = plane.settings.slack_app_token
    if plane.settings.slack_mode == "http" or app_token is None:
        return None
    handler = AsyncSocketModeHandler(
        plane.slack_app, app_token.get_secret_value(), ping_interval=SOCKET_PING_INTERVAL_S
    )
    await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt's own lack
    return handler


async def _stay_until_cancelled(handler: AsyncSocketModeHandler | None) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        if handler is not None:
            await handler.close_async()  # type: ignore[no-untyped-call] # Bolt's own lack
