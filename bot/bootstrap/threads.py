"""Use cases in worker threads, so that the event loop never waits for the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from bot.services.transaction import UseCases

P = ParamSpec("P")
T = TypeVar("T")


class ThreadedUseCases:
    """A `bot.ports.use_cases.UseCaseRunner` over a bounded pool of threads."""

    def __init__(self, use_cases: UseCases, threads: int) -> None:
        self._use_cases = use_cases
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="use-case")

    async def __call__(
        self, use_case: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``use_case`` in a worker thread and return what it returns."""
        call = partial(self._use_cases.run, use_case, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Wait for what runs and take no more."""
        self._pool.shutdown(wait=True)
