"""Starts and stops the Slack stand-in."""

from __future__ import annotations

import types
from typing import Self

import aiohttp
from aiohttp import web

from bot.ports.clock import Clock
from bot.sandbox import static_files
from bot.sandbox.console_api import ConsoleApi
from bot.sandbox.control_api import ControlApi
from bot.sandbox.courier import Courier
from bot.sandbox.deliveries import Deliveries
from bot.sandbox.guard import guard
from bot.sandbox.http_mode import HttpMode
from bot.sandbox.options import StandInOptions
from bot.sandbox.socket_mode import SocketMode
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.endpoint import WebApi
from bot.sandbox.web_api.openid import OpenIdApi
from bot.sandbox.web_api.response_urls import ResponseUrlApi

HOST = "127.0.0.1"
BODY_MAX_BYTES = 64 * 2**20


class SlackStandIn:
    """A workspace on loopback. Usable as an async context manager.

    Args:
        clock: gives messages their timestamps and requests their signatures' time.
        options: how it behaves; like Slack by default, on a free port.
    """

    def __init__(self, clock: Clock, options: StandInOptions | None = None) -> None:
        self.options = options or StandInOptions()
        self.state = StandInState(clock, self.options)
        self._sockets = SocketMode(self.state)
        self._port = self.options.port
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._deliveries: Deliveries | None = None
        self._console: ConsoleApi | None = None

    @property
    def port(self) -> int:
        """The TCP port, once started."""
        return self._port

    @property
    def base_url(self) -> str:
        """Where the console is, without a trailing slash."""
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        """What Slack clients take as their `base_url`."""
        return f"{self.base_url}/api/"

    async def start(self) -> None:
        """Listen on 127.0.0.1.

        Raises:
            OSError: if the port is taken.
        """
        # The environment's proxies must not see loopback requests, so trust_env stays off.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._deliveries = Deliveries(self.state, self._courier(self._session))
        self._console = ConsoleApi(self.state, self._deliveries)
        self.state.tell_app = self._deliveries.tell
        runner = web.AppRunner(
            self._application(self._deliveries, self._console),
            access_log=None,
            shutdown_timeout=1.0,
        )
        self._runner = runner
        try:
            await runner.setup()
            site = web.TCPSite(runner, HOST, self.options.port)
            await site.start()
        except OSError:
            await self.stop()
            raise
        self._port = runner.addresses[0][1]
        self.state.base_url = self.base_url

    async def stop(self) -> None:
        """Stop listening and forget every connection. Does nothing if not started."""
        if self._console is not None:
            self._console.stop()
        if self._deliveries is not None:
            await self._deliveries.stop()
        await self._sockets.drop("close")
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        self._console = self._deliveries = self._runner = self._session = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        await self.stop()

    def _courier(self, session: aiohttp.ClientSession) -> Courier:
        if self.options.mode == "socket":
            return self._sockets
        return HttpMode(self.state, session)

    def _application(self, deliveries: Deliveries, console: ConsoleApi) -> web.Application:
        files = static_files.FilesApi(self.state)
        control = ControlApi(self.state, deliveries, self._sockets)
        application = web.Application(
            client_max_size=BODY_MAX_BYTES, middlewares=[guard(lambda: self._port)]
        )
        application.add_routes(
            [
                web.get("/", static_files.page),
                web.get("/console/static/{file}", static_files.static),
                web.get("/archives/{channel}/{message}", static_files.archived),
                *console.routes(),
                *control.routes(),
                *OpenIdApi(self.state).routes(),
                web.route("*", "/api/{method}", WebApi(self.state).endpoint),
                web.get("/link/", self._sockets.endpoint),
                web.post("/respond/{id}", ResponseUrlApi(self.state).endpoint),
                web.post("/upload/v1/{id}", files.upload),
                web.get("/files/{id}/{name}", files.download),
            ]
        )
        return application
