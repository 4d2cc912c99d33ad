import json
from dataclasses import fields
from datetime import datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.notices import (
    ALL_NOTICES,
    EndsSoon,
    Notice,
    RunEnded,
    RunStarted,
    notice_from_json,
    notice_to_json,
)
from tests.strategies import MODEST, MONDAY, utc_instants

text = st.text(max_size=40)
finite = st.floats(allow_nan=False, allow_infinity=False)
BY_HINT: dict[str, st.SearchStrategy[Any]] = {
    "<class 'int'>": st.integers(-(2**53), 2**53),
    "<class 'str'>": text,
    "<class 'bool'>": st.booleans(),
    "int | None": st.none() | st.integers(0, 2**53),
    "<class 'float'>": finite,
    "<class 'datetime.datetime'>": utc_instants,
    "datetime.datetime | None": st.none() | utc_instants,
    "float | None": st.none() | finite,
    "tuple[str, ...]": st.lists(text, max_size=4).map(tuple),
    "collections.abc.Mapping[str, float]": st.dictionaries(text, finite, max_size=4),
}


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    kind = draw(st.sampled_from(ALL_NOTICES))
    hints = get_type_hints(kind)
    return kind(
        **{name: draw(BY_HINT[str(hints[name])]) for name in [each.name for each in fields(kind)]}
    )


@MODEST
@given(notices())
def test_a_notice_survives_being_kept(notice: Notice) -> None:
    kept = json.loads(json.dumps(notice_to_json(notice)))
    assert kept["kind"] == type(notice).kind
    assert kept["v"] == 1
    assert notice_from_json(kept) == notice


@MODEST
@given(notices(), st.dictionaries(st.text(min_size=1).map("new_".__add__), st.integers()))
def test_fields_of_a_newer_release_are_ignored(notice: Notice, newer: dict[str, int]) -> None:
    assert notice_from_json({**notice_to_json(notice), **newer}) == notice


def test_what_an_older_release_did_not_write_takes_its_default() -> None:
    kept = {"v": 1, "kind": "ends_soon", "reservation_id": 3, "holder_slack_id": "U1"}
    full = {**kept, "minutes": 30, "ends_at": "2026-11-23T00:00:00+00:00"}
    assert notice_from_json(full) == EndsSoon(3, "U1", 30, MONDAY)
    with pytest.raises(ValueError, match="incomplete notice"):
        notice_from_json(kept)


@pytest.mark.parametrize("payload", [{}, {"kind": "notice"}, {"kind": None}, {"kind": "tomorrow"}])
def test_an_unknown_kind_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="unknown notice"):
        notice_from_json(payload)


def test_kinds_are_unique_and_the_channel_hears_only_of_starts_and_ends() -> None:
    assert len({kind.kind for kind in ALL_NOTICES}) == len(ALL_NOTICES)
    assert [kind for kind in ALL_NOTICES if kind.broadcast] == [RunStarted, RunEnded]
    assert all(kind.kind != "notice" for kind in ALL_NOTICES)


def test_an_instant_comes_back_aware() -> None:
    kept = notice_to_json(EndsSoon(1, "U1", 60, MONDAY))
    assert kept["ends_at"] == "2026-11-23T00:00:00+00:00"
    restored = notice_from_json(kept)
    assert isinstance(restored, EndsSoon)
    assert isinstance(restored.ends_at, datetime)
    assert restored.ends_at.utcoffset() is not None
