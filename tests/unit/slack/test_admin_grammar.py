"""What administrators write, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BerthError, UnknownPerson, UnreadableRequest
from bot.domain.people import Role
from bot.domain.priority import Priority
from bot.domain.teams import PALETTE, TeamChange, colour_name, colour_of, next_colour
from bot.slack.admin_grammar import Mention, parse_member, parse_role, parse_team, read_mention
from tests.strategies import MODEST


def test_a_team_with_everything() -> None:
    wish = parse_team(
        "create vision channel=#vision colour=blue group=<!subteam^S0VISION|@vision> gpus=8"
        " hours=400.5 approvals=<#C0LEADS|leads>"
    )
    assert (wish.verb, wish.name) == ("create", "vision")
    assert wish.change == TeamChange(
        colour=PALETTE["blue"], gpus_at_once=8, gpu_hours_per_week=400.5
    )
    assert wish.mentions == {
        "channel": Mention(name="vision"),
        "group": Mention(slack_id="S0VISION"),
        "approvals": Mention(slack_id="C0LEADS"),
    }


def test_none_takes_a_limit_away() -> None:
    wish = parse_team('set "vision lab" gpus=none hours=0')
    assert wish.name == "vision lab"
    assert wish.change == TeamChange(gpus_at_once=0, gpu_hours_per_week=0)


def test_what_bookings_get_that_name_no_priority() -> None:
    wish = parse_team("set vision priority=P1 preemptible=no")
    assert wish.change == TeamChange(priority=Priority.P1, preemptible=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "delete vision",
        "create",
        "create gpus=8",
        "create vision gpus",
        "create vision gpus=",
        "create vision gpus=-1",
        "create vision gpus=1.5",
        "create vision hours=nan",
        "create vision hours=inf",
        "create vision gpus=many",
        "create vision colour=mauve",
        "create vision size=3",
        "set vision priority=p0",
        "set vision priority=high",
        "set vision preemptible=maybe",
        "create vision channel=<!channel>",
        "set vision",
        "sync vision now",
    ],
)
def test_what_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(UnreadableRequest):
        parse_team(text)


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("<@U0BOB|bob>", Mention(slack_id="U0BOB")),
        ("<@U0BOB>", Mention(slack_id="U0BOB")),
        ("U0BOB", Mention(slack_id="U0BOB")),
        ("@bob", Mention(name="bob")),
        ("@Bob.Smith", Mention(name="bob.smith")),
    ],
)
def test_people(text: str, mention: Mention) -> None:
    assert read_mention(text, "person") == mention
    assert parse_role(f"{text} Lead") == (mention, Role.LEAD)
    assert parse_member(f"{text} vision") == (mention, "vision")


@pytest.mark.parametrize("text", ["", "@bob", "@bob king", "@bob lead now"])
def test_roles_that_are_none(text: str) -> None:
    with pytest.raises((UnknownPerson, UnreadableRequest)):
        parse_role(text)


@MODEST
@given(st.text(max_size=60))
def test_no_text_raises_anything_but_our_own_errors(text: str) -> None:
    for parse in (parse_team, parse_role, parse_member):
        for said in (text, f"set vision {text}", f"@bob {text}"):
            try:
                parse(said)
            except BerthError as error:
                assert error.code  # noqa: PT017 - any of our own errors will do


def test_colours_are_of_the_palette_and_none_comes_twice_before_all_are_used() -> None:
    used: list[str] = []
    for _ in PALETTE:
        used.append(next_colour(used))
    assert set(used) == set(PALETTE.values())
    assert next_colour([*used, used[0]]) != used[0]
    assert colour_of("BLUE") == colour_of(PALETTE["blue"]) == PALETTE["blue"]
    assert colour_of("#123456") is None
    assert colour_name(PALETTE["sky"]) == "sky"
