"""Debian's Prometheus, for tests: its tool, and the server on a port of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest


def program(name: str) -> str:
    """Return where ``prometheus`` or ``promtool`` is; without it skip, but never in CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing: make system-packages installs it")
        pytest.skip(f"{name} is missing: make system-packages installs it")
    return found


class Prometheus:
    """A Prometheus that runs; asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, path: str, **parameters: str) -> Any:
        async with httpx.AsyncClient(trust_env=False, base_url=self.url) as client:
            answer = await client.get(f"/api/v1/{path}", params=parameters)
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]

    async def value(self, query: str) -> float | None:
        found = (await self.ask("query", query=query))["result"]
        return float(found[0]["value"][1]) if found else None

    async def eventually(self, query: str, wanted: float, within_s: float = 60.0) -> None:
        seen: float | None = None
        try:
            async with asyncio.timeout(within_s):
                while True:
                    seen = await self.value(query)
                    if seen == wanted:
                        return
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"{query} is {seen}, not {wanted}") from None


@asynccontextmanager
async def running_prometheus(config: Path, data: Path) -> AsyncIterator[Prometheus]:
    """Run Prometheus with a configuration until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=output,
            stderr=output,
        )
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            await _ready(server, process, log)
            yield server
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def _ready(server: Prometheus, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while True:
            assert process.returncode is None, await asyncio.to_thread(log.read_text)
            try:
                if (await client.get(f"{server.url}/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
