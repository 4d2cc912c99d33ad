"""A stand-in workspace, the real app and the real services, to act in as a person."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

import uvicorn
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from bot.bootstrap.system_clock import SystemClock
from bot.bootstrap.threads import ThreadedUseCases
from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.domain.views import ReservationView
from bot.sandbox.client import SandboxClient
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from bot.services import queries
from bot.services.transaction import Defaults, UseCases
from bot.slack.answering import Answering
from bot.slack.app import build_slack_app
from bot.slack.http_front_door import slack_events_endpoint
from bot.store.database import Database
from tests.support.clock import SetClock
from tests.support.world import a_host, a_member

P = ParamSpec("P")
T = TypeVar("T")
Json = dict[str, Any]
ANSWER_S = 3.0
PATH = "/slack/events"


@dataclass
class Obstacles:
    """Stands before the services: what is named here is slow, or fails."""

    run: ThreadedUseCases
    delay_s: dict[str, float] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)

    async def __call__(
        self, use_case: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        name = use_case.__name__
        await asyncio.sleep(self.delay_s.get(name, 0))
        if name in self.failures:
            raise self.failures[name]
        return await self.run(use_case, *args, **kwargs)


@dataclass
class Office:
    """What a test acts with. Persons are `U0ALICE` (Paris, admin), `U0BOB` (New York), …"""

    slack: SlackStandIn
    client: SandboxClient
    berth: UseCases
    obstacles: Obstacles
    app: AsyncApp

    async def say(self, text: str, user: str = "U0ALICE", channel: str = "C0GPU") -> Json:
        """Run a command and return what only that person reads; it must come within 3 s."""
        before = len(self.ephemerals(user))
        started_s = time.monotonic()
        said = await asyncio.to_thread(self.client.say, user, channel, text)
        assert said["ok"], said
        assert said["ack_ms"] < 3000
        answer = await self.eventually(lambda: self.ephemerals(user)[before:])
        assert time.monotonic() - started_s < ANSWER_S
        return answer[0]

    async def open_form(self, user: str = "U0ALICE", text: str = "/gpu reserve") -> Json:
        """Open the booking form by a command."""
        said = await asyncio.to_thread(self.client.say, user, "C0GPU", text)
        assert said["ok"], said
        stack = await self.eventually(lambda: self.slack.state.views.stack(user))
        return stack[-1]

    async def submit(self, values: Json | None = None, user: str = "U0ALICE") -> Json:
        """Submit the visible modal."""
        return await asyncio.to_thread(self.client.submit, user, None, values or {})

    async def click(self, message: Json, action: str, value: Any, user: str = "U0ALICE") -> None:
        """Click a button in a message."""
        done = await asyncio.to_thread(
            self.client.click, user, message["channel"], message["ts"], action, value
        )
        assert done["ok"], done

    async def click_in_view(
        self, action: str, value: Any, user: str = "U0ALICE", **more: Any
    ) -> None:
        """Click or choose in a modal or in the home tab."""
        done = await asyncio.to_thread(
            lambda: self.client.click_in_view(user, action, value, **more)
        )
        assert done["ok"], done

    def ephemerals(self, user: str) -> list[Json]:
        """What only this person reads."""
        return [one for one in self.slack.state.messages.ephemerals if one["to"] == user]

    def direct(self, user: str) -> list[Json]:
        """The direct messages to this person, newest first."""
        return self.slack.state.messages.history(f"D{user[1:]}")

    async def calls(self, method: str) -> list[Json]:
        """The app's calls of one Web API method."""
        return await asyncio.to_thread(self.client.calls, method)

    def modal(self, user: str = "U0ALICE") -> Json | None:
        """The visible modal."""
        stack = self.slack.state.views.stack(user)
        return stack[-1] if stack else None

    def reservations(self, user: str = "U0ALICE") -> tuple[ReservationView, ...]:
        """What is booked for this person."""
        return self.berth.read(queries.mine, a_member(self.berth, user))

    @staticmethod
    async def eventually(found: Callable[[], T], timeout_s: float = 8.0) -> T:
        """Poll until ``found`` returns something true."""
        deadline_s = time.monotonic() + timeout_s
        while not (value := found()):
            assert time.monotonic() < deadline_s, "it did not happen in time"
            await asyncio.sleep(0.01)
        return value


def text_of(thing: Json | None) -> str:
    """Everything that a message or a view shows."""
    return "" if thing is None else f"{thing.get('text', '')} {thing.get('blocks', '')}"


def values_of(message: Json, action: str) -> list[str]:
    """The values of the buttons with that action."""
    found: list[str] = []
    for block in message["blocks"]:
        elements = [*block.get("elements", []), block.get("accessory") or {}]
        found += [one["value"] for one in elements if one.get("action_id") == action]
    return found


@contextlib.asynccontextmanager
async def open_office(
    mode: str, database: Database, clock: SetClock, *, gpus: int = 4
) -> AsyncIterator[Office]:
    """Start everything, with one host, over Socket Mode or signed HTTP."""
    defaults = Defaults("everyone", "C0GPU", TrainingSpec("tiny.yaml", "shapes.yaml", epochs=5))
    berth = UseCases(database, clock, Policy(), defaults)
    a_host(berth, gpus=gpus)
    run = ThreadedUseCases(berth, threads=4)
    obstacles = Obstacles(run)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with contextlib.AsyncExitStack() as stack:
            slack = await stack.enter_async_context(_stand_in(mode, listener))
            client = AsyncWebClient(slack.options.bot_token, base_url=slack.api_url)
            answering = Answering(client)
            secret = slack.options.signing_secret
            app = build_slack_app(
                client, obstacles, clock, signing_secret=secret, answering=answering
            )
            connect = _sockets(app) if mode == "socket" else _http(app, secret, listener)
            await stack.enter_async_context(connect)
            person = stack.enter_context(SandboxClient(slack.base_url))
            yield Office(slack, person, berth, obstacles, app)
            await answering.drain()
    run.close()


def _stand_in(mode: str, listener: socket.socket) -> SlackStandIn:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
    options = (
        StandInOptions(rate_limits=False)
        if mode == "socket"
        else StandInOptions(mode="http", request_url=url, rate_limits=False)
    )
    return SlackStandIn(SystemClock(), options)


@contextlib.asynccontextmanager
async def _sockets(app: AsyncApp) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, "xapp-local", ping_interval=5)
    await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt's own lack
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call] # Bolt's own lack


@contextlib.asynccontextmanager
async def _http(app: AsyncApp, secret: str, listener: socket.socket) -> AsyncIterator[None]:
    endpoint = slack_events_endpoint(app, secret, SystemClock())
    site = Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(site, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await Office.eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
