"""Sixteen at once about one process: adopted once, stopped once, and reports go on meanwhile."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BerthError
from bot.domain.people import Member
from bot.protocol.messages import GpuProcess, GpuReading, Report
from bot.services import hosts, process_answers, process_cards, process_views, queries
from bot.services.transaction import UseCases
from bot.store.database import Database
from tests.support.rival import RIVALS, all_at_once, use_cases_over
from tests.support.world import a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def report(berth: UseCases) -> None:
    """Let the host show its process again."""
    found = GpuProcess(pid=4711, user="bob", command="train", started_at=NOW)
    reading = GpuReading(uuid="GPU-host1-0", process_pids=(4711,), processes=(found,))
    told = Report(host_id=1, sent_at=berth.clock.now(), gpus=(reading,))
    berth.write(hosts.take_report, told)


@pytest.fixture
def berth(database: Database) -> UseCases:
    """Use cases with one process open on a GPU that nobody has booked."""
    early = use_cases_over(database, NOW)
    a_host(early, gpus=1)
    report(early)
    later = use_cases_over(database, NOW + timedelta(seconds=30))
    report(later)
    return later


@pytest.fixture
def people(berth: UseCases) -> list[Member]:
    return [a_member(berth, f"U0P{number:02}", admin=True) for number in range(RIVALS)]


def test_it_is_adopted_by_one_while_the_host_goes_on_reporting(
    berth: UseCases, people: list[Member]
) -> None:
    def act(number: int) -> str:
        if number % 4 == 3:
            report(berth)
            return "reported"
        try:
            berth.write(process_answers.adopt, people[number], 1)
        except BerthError as error:
            return error.code
        return "won"

    outcomes = Counter(all_at_once(act))
    assert outcomes["won"] == 1
    assert set(outcomes) <= {"won", "reported", "process_settled", "cannot_adopt"}
    booked = [view for person in people for view in berth.read(queries.mine, person)]
    assert len(booked) == 1


def test_it_is_asked_to_stop_once_while_the_host_goes_on_reporting(
    berth: UseCases, people: list[Member]
) -> None:
    def act(number: int) -> str:
        if number % 3 == 2:
            report(berth)
        elif number % 3 == 1:
            berth.write(process_answers.deny, people[number], 1)
        else:
            berth.write(process_answers.stop, people[number], 1)
        return "done"

    assert set(all_at_once(act)) == {"done"}
    (wanted,) = berth.read(hosts.desired_state, 1).stop_processes
    assert wanted.pid == 4711
    (view,) = berth.read(process_views.open_ones)
    assert len(view.denied_by) == len([one for one in range(RIVALS) if one % 3 == 1])


def test_a_message_is_taken_by_one_sender(berth: UseCases) -> None:
    taken = all_at_once(lambda number: berth.write(process_cards.claim, f"replica {number}"))
    assert sum(map(len, taken)) == 1
