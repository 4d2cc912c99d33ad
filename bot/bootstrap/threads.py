"""Use cases in worker threads, so that the event loop never waits for the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from bot.domain.errors import BerthError
from bot.ports.measurements import NO_MEASUREMENTS, Measurements
from bot.services.transaction import UseCases

P = ParamSpec("P")
T = TypeVar("T")


class ThreadedUseCases:
    """A `bot.ports.use_cases.UseCaseRunner` over a bounded pool of threads."""

    def __init__(
        self, use_cases: UseCases, threads: int, measurements: Measurements = NO_MEASUREMENTS
    ) -> None:
        self._use_cases = use_cases
        self._measurements = measurements
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="use-case")

    async def __call__(
        self, use_case: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``use_case`` in a worker thread and return what it returns."""
        call = partial(self._measured, use_case, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _measured(
        self, use_case: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        name = f"{use_case.__module__.rpartition('.')[2]}.{use_case.__name__}"
        began = time.perf_counter()
        try:
            result = self._use_cases.run(use_case, *args, **kwargs)
        except BerthError as refusal:
            self._measurements.use_case_done(name, time.perf_counter() - began, refusal.code)
            raise
        except BaseException:
            self._measurements.use_case_failed(name, time.perf_counter() - began)
            raise
        self._measurements.use_case_done(name, time.perf_counter() - began)
        return result

    def close(self) -> None:
        """Wait for what runs and take no more."""
        self._pool.shutdown(wait=True)
