"""Every error of the tree has words that say why and what next."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain import errors
from bot.domain.errors import BerthError
from bot.domain.holdings import Alternative, Holding
from bot.domain.limits import Rule, RuleKind
from bot.domain.recurrence import Missed
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.sandbox.block_kit_rules import message_problems
from bot.slack.blocks.error_sentences import MrkdwnWords, PlainWords, has_own_words, sentence
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION, refusal_card
from bot.slack.carried_request import request_from_value

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
H = timedelta(hours=1)
WINDOW = TimeWindow(NOW, NOW + 4 * H)
HOLDING = Holding(12, "U0BOB", "Bob", "vision", 3, WINDOW)
NASTY = "<!channel> `*_~ @here\n> <@U0EVE> &amp; " + "🎉" * 3000

VALUES: dict[str, Any] = {
    "what": "drain a host",
    "word": NASTY,
    "nearest": "reserve",
    "text": NASTY,
    "wanted": 1000,
    "available": 8,
    "gpu_type": NASTY,
    "length_chars": 300,
    "most_chars": 255,
    "action": "book",
    "role": "viewer",
    "name": NASTY,
    "known": tuple(f"gpu{number}@host" for number in range(40)),
    "start": NOW - H,
    "now": NOW,
    "slot": 2 * H,
    "longest": 168 * H,
    "last_start": NOW + 720 * H,
    "problems": {"model": NASTY, NASTY[:50]: "is not an argument that Berth passes on"},
    "reservation_id": 12,
    "series_id": 3,
    "next_start": NOW + 800 * H,
    "missed": [Missed(NOW.date(), WINDOW, "window_taken", (HOLDING,) * 9)] * 30,
    "ends_at": NOW + 4 * H,
    "starts_at": NOW,
    "host_name": NASTY,
    "host_id": 3,
    "holder_slack_id": "U0BOB",
    "wanted_gpus": 4,
    "free_gpus": 1,
    "holdings": [HOLDING] * 9,
    "alternatives": [Alternative(4, WINDOW.starting_at(NOW + 6 * H)), Alternative(1, WINDOW)],
    "largest_host_gpus": 4,
    "state": "cancelled",
    "attempt_id": 1,
    "fence": 2,
    "agent_version": 0,
    "oldest_version": 1,
    "found": None,
    "offer": NASTY,
    "offer_id": NASTY,
    "person": NASTY,
    "why": "several_hosts",
    "approval_id": NASTY,
    "run_state": "failed",
    "source_id": 12,
    "source_ends_at": NOW,
    "target_id": 13,
    "target_starts_at": NOW,
    "team_name": NASTY,
    "approver_slack_ids": ("U0ALICE",),
    "by_slack_id": "U0ALICE",
    "number": 3,
    "attempts": 2,
    "run_id": 7,
    "process_id": 5,
    "incident_id": 6,
    "preemption_id": 6,
    "priority": "p1",
    "allowed": ("p0",),
    "protected_minutes": 30,
    "gpu_name": NASTY,
    "until": NOW + H,
    "most": 60,
    "rules": (Rule(RuleKind.GPUS_AT_ONCE, 6, 4), Rule(RuleKind.GPU_HOURS, 120.5, 100, NOW)),
}
DURATIONS = (errors.TooShort, errors.TooLong)
INSTANTS = (errors.EndNotLater, errors.EndNotEarlier, errors.NothingLeft)


def kinds(kind: type[BerthError] = BerthError) -> Iterator[type[BerthError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def an_error(kind: type[BerthError]) -> BerthError:
    names = [
        parameter.name
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    given = {name: VALUES[name] for name in names}
    if kind in DURATIONS:
        given["wanted"] = H
    elif kind in INSTANTS:
        given["wanted"] = NOW + 2 * H
    elif kind is errors.UnreadableRequest:
        given["wanted"] = "a start: `now`"
    elif kind is errors.SchemaOutOfDate:
        given["wanted"] = "abc"
    return kind(**given)


KINDS = list(dict.fromkeys(kinds()))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_words_of_its_own_in_both_places(kind: type[BerthError]) -> None:
    assert has_own_words(kind)
    error = an_error(kind)
    for words in (PlainWords(PARIS), MrkdwnWords(PARIS)):
        written = sentence(error, words)
        assert written.says[0].isupper() or not written.says[0].isalpha()
        assert written.says.endswith(".")
        assert written.next_step.endswith((".", "?", ":"))
        assert len(str(written)) < 2900
    assert "<!date" not in str(sentence(error, PlainWords(PARIS)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_a_message_that_slack_takes(kind: type[BerthError]) -> None:
    card = refusal_card(an_error(kind), PARIS, ReserveRequest(length=4 * H, gpu_count=4))
    assert message_problems(list(card.blocks)) == []
    said = card.text + str(card.blocks)
    assert "<!channel>" not in said
    assert "<@U0EVE>" not in said
    assert len(card.text) <= 1000


def test_the_numbers_and_the_people_are_named() -> None:
    taken = str(sentence(an_error(errors.WindowTaken), MrkdwnWords(PARIS)))
    assert "4 GPUs" in taken
    assert "only one is free all that time" in taken
    assert "<@U0BOB> holds 3 GPUs (R12)" in taken
    assert f"<!date^{int(NOW.timestamp())}^" in taken
    count = str(sentence(errors.InvalidGpuCount(1000, 8), PlainWords(PARIS)))
    assert "1000" in count
    assert "1 to 8" in count
    past = str(sentence(errors.PastStart(NOW - H, NOW), PlainWords(PARIS)))
    assert "Mon 23 Nov 11:00" in past
    assert "12:00" in past


def test_alternatives_are_buttons_that_carry_the_whole_request() -> None:
    request = ReserveRequest(length=4 * H, gpu_count=4, start=NOW, note="n")
    card = refusal_card(an_error(errors.WindowTaken), PARIS, request)
    offers = [block["accessory"] for block in card.blocks if "accessory" in block]
    carried = [request_from_value(offer["value"], request_key=None) for offer in offers]
    assert {offer["action_id"] for offer in offers} == {ALTERNATIVE_ACTION}
    assert [(one.gpu_count, one.start, one.note) for one in carried] == [
        (4, NOW + 6 * H, "n"),
        (1, NOW, "n"),
    ]


def test_too_short_offers_one_slot() -> None:
    card = refusal_card(errors.TooShort(H, 2 * H), PARIS, ReserveRequest(length=H))
    offer = card.blocks[-1]["elements"][0]
    assert request_from_value(offer["value"], request_key=None).length == 2 * H
    assert "queue" in card.text
