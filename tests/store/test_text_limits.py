"""A text that is too long for its column is refused alike on both databases, in words."""

from __future__ import annotations

import pytest

from bot.domain.errors import TextTooLong
from bot.services import people, tokens
from bot.services.tokens import Scope
from bot.services.transaction import UseCases


def test_what_is_too_long_to_keep_is_named_with_how_long_it_may_be(berth: UseCases) -> None:
    with pytest.raises(TextTooLong) as refused:
        berth.write(tokens.create_token, "n" * 256, Scope.AGENT)
    assert dict(refused.value.data) == {"what": "name", "length_chars": 256, "most_chars": 255}
    berth.write(tokens.create_token, "n" * 255, Scope.AGENT)


def test_a_change_is_looked_at_like_what_is_new(berth: UseCases) -> None:
    berth.write(people.ensure_team, "vision", "C1")
    with pytest.raises(TextTooLong):
        berth.write(people.ensure_team, "vision", "C" * 256)
