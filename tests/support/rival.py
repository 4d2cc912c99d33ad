"""Writers that compete: from threads over one database, and from processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier as ProcessBarrier
from threading import Barrier
from typing import TypeVar

from bot.domain.errors import BerthError, WindowTaken
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.services import booking
from bot.services.transaction import Defaults, UseCases
from bot.store.database import Database, open_engine
from tests.support.clock import SetClock
from tests.support.world import a_member

T = TypeVar("T")
RIVALS = 16


def use_cases_over(database: Database, now: datetime) -> UseCases:
    """The use cases with default policies, at a fixed instant."""
    defaults = Defaults("everyone", "C0GPU", TrainingSpec("tiny.yaml", "shapes/data.yaml"))
    return UseCases(database, SetClock(now), Policy(progress_edit_interval=timedelta(0)), defaults)


def all_at_once(act: Callable[[int], T], rivals: int = RIVALS) -> list[T]:
    """Let that many threads act at the same moment; each is told its number."""
    gate = Barrier(rivals)

    def wait_and_act(number: int) -> T:
        gate.wait(30)
        return act(number)

    with ThreadPoolExecutor(rivals) as pool:
        return list(pool.map(wait_and_act, range(rivals)))


Outcome = tuple[str, tuple[str, ...]]
"""``("won", (own name,))``, or the code of an error with the names of who was in the way."""


def try_to_book(berth: UseCases, name: str, request: ReserveRequest) -> Outcome:
    """Book for a member of that name, and tell what came of it."""
    try:
        berth.run(booking.reserve, a_member(berth, name), request)
    except WindowTaken as refusal:
        return refusal.code, tuple(held.holder_slack_id for held in refusal.holdings)
    except BerthError as refusal:
        return refusal.code, ()
    return "won", (name,)


def processes_book(url: str, now: datetime, request: ReserveRequest) -> Sequence[Outcome]:
    """Let 16 processes book the same at the same moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.rival"])
    gate = context.Barrier(RIVALS)
    with context.Pool(RIVALS, initializer=_keep_gate, initargs=(gate,)) as pool:
        tasks = [
            pool.apply_async(_book_in_process, (url, now, f"U0P{number}", request))
            for number in range(RIVALS)
        ]
        return [task.get(60) for task in tasks]


_gate: list[ProcessBarrier] = []


def _keep_gate(gate: ProcessBarrier) -> None:
    _gate[:] = [gate]


def _book_in_process(url: str, now: datetime, name: str, request: ReserveRequest) -> Outcome:
    database = Database(open_engine(url))
    berth = use_cases_over(database, now)
    a_member(berth, name)
    _gate[0].wait(30)
    try:
        return try_to_book(berth, name, request)
    finally:
        database.close()
