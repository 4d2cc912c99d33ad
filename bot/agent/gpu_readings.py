"""Keeps a driver that hangs from hanging the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

import structlog

from bot.agent.gpus_simulated import SimulatedProbe
from bot.ports.gpu_probe import GpuProbe, GpuProbeFailed
from bot.protocol.messages import GpuInventory, GpuReading

_log = structlog.get_logger(__name__)
_Answer = TypeVar("_Answer")
_TIMEOUT_S = 5.0


class GpuReadings:
    """Asks a probe from a thread, one question at a time, and remembers the last inventory.

    A call into a wedged driver never returns; the thread is then given up and no second one is
    started while it hangs.
    """

    def __init__(self, probe: GpuProbe) -> None:
        self._probe = probe
        self._asking: Thread | None = None
        self._inventory: tuple[GpuInventory, ...] = ()
        self._failing = False
        self._turn = asyncio.Lock()

    async def inventory(self) -> tuple[GpuInventory, ...]:
        """Return the GPUs of the host, or those last seen if the driver does not answer."""
        try:
            async with self._turn:
                answer = await self._ask(self._probe.inventory)
        except GpuProbeFailed as error:
            self._note_failure(str(error))
        else:
            self._inventory = answer
            self._failing = False
        return self._inventory

    async def read(self, pids_by_gpu: dict[str, tuple[int, ...]]) -> tuple[GpuReading, ...]:
        """Return the current readings, or none if the driver does not answer."""
        try:
            async with self._turn:
                if isinstance(self._probe, SimulatedProbe):
                    self._probe.occupy(pids_by_gpu)
                readings = await self._ask(self._probe.read)
        except GpuProbeFailed as error:
            self._note_failure(str(error))
            return ()
        self._failing = False
        return readings

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        if self._asking is not None and self._asking.is_alive():
            raise GpuProbeFailed("the driver has not answered the last question yet")
        answer: Future[_Answer] = Future()
        # A daemon thread, unlike one of an executor, cannot keep a stopping agent from ending.
        self._asking = Thread(target=_answer, args=(question, answer), daemon=True)
        self._asking.start()
        try:
            # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes with the answer,
            # and an agent that is asked to stop would go on (bpo-37658).
            async with asyncio.timeout(_TIMEOUT_S):
                return await asyncio.wrap_future(answer)
        except TimeoutError as error:
            raise GpuProbeFailed(f"no answer within {_TIMEOUT_S:g} s") from error

    def _note_failure(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("gpus_unreadable", why=why)


def _answer(question: Callable[[], _Answer], answer: Future[_Answer]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        value = question()
    except Exception as error:  # noqa: BLE001 - carried over to the one who asked
        answer.set_exception(error)
    else:
        answer.set_result(value)
