"""The stop request: kept from the first instant, told once, and harmless when repeated."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from bot.agent.trainer.stop import StoppedError, StopRequest


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    request = StopRequest()
    request.install()
    yield request
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_stop_is_told_once_however_often_it_is_asked(stop: StopRequest) -> None:
    told: list[str] = []
    stop.on_request(lambda: told.append("told"))
    stop.raise_if_requested()
    assert stop.waited_s() == 0
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
    assert told == ["told"]
    assert stop.waited_s() > 0
    with pytest.raises(StoppedError):
        stop.raise_if_requested()


def test_a_stop_before_anybody_listens_is_not_lost(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    told: list[str] = []
    stop.on_request(lambda: told.append("told"))
    assert told == ["told"]


def test_an_interrupt_from_a_terminal_is_ignored(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    assert not stop.requested


def test_after_closing_no_signal_is_taken(stop: StopRequest) -> None:
    stop.close()
    os.kill(os.getpid(), signal.SIGTERM)
    assert not stop.requested


def test_no_except_exception_can_swallow_a_stop() -> None:
    assert not issubclass(StoppedError, Exception)
