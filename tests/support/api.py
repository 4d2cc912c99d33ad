"""Tokens, for tests of the API for programs."""

from __future__ import annotations

from bot.services import tokens
from bot.services.transaction import UseCases


def token_of(berth: UseCases, slack_user_id: str, name: str = "a pipeline") -> dict[str, str]:
    """Return the header with which a request acts as a member whom Berth knows."""
    token = berth.write(tokens.create_member_token, name, slack_user_id)
    return {"Authorization": f"Bearer {token}"}
