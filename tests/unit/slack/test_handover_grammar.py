"""What follows ``/gpu transfer`` and ``/gpu swap``, and how Slack writes people and links."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import UnknownReservation, UnreadableRequest
from bot.slack.blocks.handovers import swap_from_value
from bot.slack.handover_grammar import SwapWish, TransferWish, parse_swap, parse_transfer
from bot.slack.mentions import Mentioned, leading_person, without_markup
from tests.strategies import MODEST

BOB = Mentioned("U0BOB", "bob")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", TransferWish(None)),
        ("R12", TransferWish(12)),
        ("r12 <@U0BOB|bob>", TransferWish(12, BOB)),
        ("#12 <@U0BOB|bob> on leave", TransferWish(12, BOB, "on leave")),
        ("12 to <@U0BOB> “on leave”", TransferWish(12, Mentioned("U0BOB"), "on leave")),
        ("R12 @bob.smith, on leave", TransferWish(12, Mentioned(name="bob.smith"), "on leave")),
        (
            "R12 <@U0BOB|Bob Smith> ask <@U1|eve>",
            TransferWish(12, Mentioned("U0BOB", "Bob Smith"), "ask @eve"),
        ),
    ],
)
def test_a_transfer_is_read(text: str, wish: TransferWish) -> None:
    assert parse_transfer(text) == wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("R12 with R15", SwapWish(12, 15)),
        ("R12 R15", SwapWish(12, 15)),
        ("12 for 15 earlier please", SwapWish(12, 15, "earlier please")),
        ("r12 WITH #15, why not", SwapWish(12, 15, "why not")),
    ],
)
def test_a_swap_is_read(text: str, wish: SwapWish) -> None:
    assert parse_swap(text) == wish


@pytest.mark.parametrize("text", ["R12 bob", "R12 <!channel>", f"R12 @bob {'x' * 301}"])
def test_what_names_no_person_is_named(text: str) -> None:
    with pytest.raises(UnreadableRequest):
        parse_transfer(text)


@pytest.mark.parametrize("text", ["banana R15", "R12 with banana"])
def test_a_swap_needs_numbers(text: str) -> None:
    with pytest.raises(UnknownReservation):
        parse_swap(text)


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("ask <@U0BOB|bob> or <@U0EVE>", "ask @bob or @U0EVE"),
        ("<#C0GPU|gpu> and <#C0GPU>", "#gpu and #channel"),
        ("<https://x.test/a?b=1|x.test> <mailto:a@b.test|a@b.test>", "x.test a@b.test"),
        ("<https://x.test/a>", "https://x.test/a"),
        ("loss &lt; 0.1 <3 gpu3@host2", "loss &lt; 0.1 <3 gpu3@host2"),
    ],
)
def test_markup_is_shown_as_it_was_written(sent: str, written: str) -> None:
    assert without_markup(sent) == written


words = st.text(st.sampled_from(list("R12 <>@U0BOB|#&with-to“x\n")), max_size=40) | st.text(
    max_size=40
)


@MODEST
@given(words)
def test_no_text_is_more_than_an_error_of_ours(text: str) -> None:
    for read in (parse_transfer, parse_swap, without_markup):
        with contextlib.suppress(UnreadableRequest, UnknownReservation):
            read(text)


@MODEST
@given(st.from_regex(r"[UW][A-Z0-9]{1,10}", fullmatch=True), st.text("abc .-", max_size=10))
def test_whoever_is_mentioned_is_read_back(slack_id: str, name: str) -> None:
    assert leading_person(f"<@{slack_id}|{name}> rest") == (Mentioned(slack_id, name), "rest")


@pytest.mark.parametrize("value", ["", "x", "{}", "[]", '{"id":1}', '{"id":1,"v":[1]}', '{"v":1}'])
def test_a_button_of_another_release_is_refused(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of them is told as an old button
        swap_from_value(value)


def test_the_versions_that_a_button_shows_come_back() -> None:
    assert swap_from_value('{"id":5,"v":[1,2]}') == (5, (1, 2))
    assert swap_from_value("5") == (5, None)
