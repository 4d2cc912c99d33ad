"""Words for people: durations, windows, GPUs, and text that other people wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.holdings import GpuOnHost
from bot.domain.time_window import TimeWindow
from bot.slack.blocks.text import (
    clip,
    code_block,
    count_text,
    duration_text,
    escape,
    gpu_list,
    person,
    slack_date,
    window_text,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EN_DASH = "\u2013"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=59.7), "1 min"),
        (timedelta(minutes=45), "45 min"),
        (timedelta(minutes=59, seconds=45), "1 h"),
        (timedelta(hours=2, minutes=30), "2 h 30 min"),
        (timedelta(hours=8), "8 h"),
        (timedelta(hours=50, minutes=31), "2 d 3 h"),
        (timedelta(days=7), "7 d"),
    ],
)
def test_a_duration_reads_as_people_say_it(length: timedelta, words: str) -> None:
    assert duration_text(length) == words


def test_an_instant_is_in_the_zone_of_the_reader_and_has_a_fallback() -> None:
    seconds = int(NOON.timestamp())
    assert (
        slack_date(NOON) == f"<!date^{seconds}^{{date_short_pretty}} {{time}}|2026-11-23 12:00 UTC>"
    )
    assert "|2026-11-23 13:00 CET>" in slack_date(NOON, ZoneInfo("Europe/Paris"))


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        slack_date(NOON.replace(tzinfo=None))


def test_only_a_long_window_has_two_dates() -> None:
    short = window_text(TimeWindow(NOON, NOON + timedelta(hours=8)))
    long = window_text(TimeWindow(NOON, NOON + timedelta(hours=24)))
    assert short.count("{date_short_pretty}") == 1
    assert short.endswith("(8 h)")
    assert long.count("{date_short_pretty}") == 2


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        ([], "no GPU"),
        ([("host1", 0)], "gpu0 on host1"),
        ([("host1", 1), ("host1", 0)], "gpu0, gpu1 on host1"),
        ([("host1", index) for index in (0, 1, 2, 3, 6)], f"gpu0{EN_DASH}gpu3, gpu6 on host1"),
        ([("b", 0), ("a", 2)], "gpu2 on a; gpu0 on b"),
        ([("<b>", 0)], "gpu0 on &lt;b&gt;"),
    ],
)
def test_gpus_are_listed_by_host(gpus: list[tuple[str, int]], words: str) -> None:
    listed = [GpuOnHost(n, 1, index, host, "A100") for n, (host, index) in enumerate(gpus)]
    assert gpu_list(listed) == words


def test_one_is_not_plural() -> None:
    assert [count_text(number, "GPU") for number in (0, 1, 2)] == ["0 GPUs", "1 GPU", "2 GPUs"]


def test_only_a_user_id_becomes_a_mention() -> None:
    assert person("U0ALICE") == "<@U0ALICE>"
    assert person("!channel") == "!channel"
    assert person("U1> <!here") == "U1&gt; &lt;!here"


def test_file_names_and_mail_addresses_stay_as_they_are() -> None:
    text = "runs/my_model_v2.yaml by a.b@example.com :tada: 日本語"
    assert escape(text) == text


@given(st.text())
def test_escaped_text_is_one_line_that_formats_nothing(text: str) -> None:
    line = escape(text)
    assert "\n" not in line
    assert not set("<>*~`") & set(line)
    assert escape("") == ""


@given(st.text("&<>ab", max_size=60), st.integers(0, 40))
def test_clipping_never_cuts_an_entity(text: str, limit: int) -> None:
    shown = clip(escape(text), limit)
    assert len(shown) <= limit
    plain = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in plain


@given(st.integers(0, 60))
def test_clipping_never_cuts_a_date_or_a_mention(limit: int) -> None:
    text = f"{slack_date(datetime(2026, 11, 23, tzinfo=UTC))} {person('U0BOB')}"
    shown = clip(text, limit)
    assert shown.count("<") == shown.count(">")


@given(st.lists(st.text(max_size=600), max_size=60), st.integers(50, 2500))
def test_a_code_block_keeps_its_limit_and_its_fences(lines: list[str], limit: int) -> None:
    block = code_block(lines, limit)
    assert len(block) <= limit
    if block:
        assert block.startswith("```\n")
        assert block.endswith("\n```")
        assert block.count("`") == 6


def test_a_code_block_keeps_the_end_of_a_log() -> None:
    block = code_block([f"epoch {number}" for number in range(1000)], 200)
    assert "epoch 999" in block
    assert "epoch 100\n" not in block


def test_a_log_line_shows_what_a_terminal_would() -> None:
    assert code_block(["10%\r50%\r\x1b[32m100%\x1b[0m\n"]) == "```\n100%\n```"
