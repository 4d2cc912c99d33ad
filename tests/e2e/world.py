"""Everything that `make demo` starts, driven by people and broken on purpose."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from bot.bootstrap.demo import DemoOptions, DemoProcesses, demo
from bot.bootstrap.demo_story import plain_text
from bot.sandbox.client import SandboxClient
from bot.store.database import Database, open_engine

CHANNEL, ALICE, BOB = "C0GPU", "U0ALICE", "U0BOB"
Message = dict[str, Any]


@dataclass
class World:
    """People at the console, the processes behind it, and a look into the database."""

    address: str
    people: SandboxClient
    processes: DemoProcesses
    database: Database

    def card(self, number: int = 1) -> Message | None:
        """Return the card of a reservation, or None before it was posted."""
        cards = self.cards(number)
        return cards[0] if cards else None

    def cards(self, number: int = 1) -> list[Message]:
        """Return every message of the channel that is a card of that reservation."""
        return [
            message
            for message in self.people.messages(CHANNEL)
            if message.get("thread_ts", message["ts"]) == message["ts"]
            and f"*R{number} " in plain_text(message)
        ]

    def card_text(self, number: int = 1) -> str:
        """Return what the card says, or nothing before it was posted."""
        card = self.card(number)
        return plain_text(card) if card else ""

    def epoch_shown(self) -> int:
        """Return the epoch that the card of R1 shows, 0 before the first."""
        found = re.search(r"epoch (\d+)/", self.card_text())
        return int(found[1]) if found else 0

    def wait_for_card(self, words: str, *, number: int = 1, timeout_s: float = 240) -> str:
        """Return the card's text once it contains ``words``."""

        def has_words() -> str | None:
            shown = self.card_text(number)
            return shown if words in shown else None

        return self.people.wait_for(has_words, timeout_s)

    def thread(self) -> list[str]:
        """Return what the thread of R1's card says, without the card itself."""
        card = self.card()
        assert card is not None
        replies = self.people.thread(CHANNEL, card["ts"])
        return [plain_text(reply) for reply in replies if reply["ts"] != card["ts"]]

    def kill(self, name: str) -> dict[str, str]:
        """Kill a process without notice and return the environment it had."""
        process = self.processes.processes[name]
        environment = psutil.Process(process.pid).environ()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        return {key: value for key, value in environment.items() if key.startswith("BERTH_")}

    def start(self, name: str, environment: dict[str, str]) -> None:
        """Start a process anew, as its supervisor would."""
        self.processes.start(name, name, environment=environment)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what a SELECT finds in the database."""
        return self.database.read(
            lambda session: [tuple(row) for row in session.execute(text(statement))]
        )

    def trainer_pids(self) -> set[int]:
        """Return the processes that run a trainer of this world's agent."""
        agent_state = str(self.processes.folder / "agent")
        return {
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if "bot.agent.trainer" in (process.info["cmdline"] or [])
            and any(agent_state in part for part in process.info["cmdline"])
        }


def run_world(folder: Path, options: DemoOptions | None = None) -> Iterator[World]:
    """Yield a running world; everything it started is stopped afterwards."""
    options = options or DemoOptions()
    with demo(folder, options) as (address, processes), SandboxClient(address) as people:
        url = options.database_url or f"sqlite:///{folder / 'berth.db'}"
        database = Database(open_engine(url))
        try:
            yield World(address, people, processes, database)
        finally:
            database.close()
