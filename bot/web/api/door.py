"""Who asks, and what every route of the API has in common."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Path
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bot.domain.errors import TokenRefused
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import tokens
from bot.web.api.answers import ErrorAnswer

PREFIX = "/api/v1"

Number = Annotated[int, Path(ge=1, le=2**53, description="12 for what people call R12")]
RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="names this asking: sent again with the same key, it changes nothing more",
    ),
]
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": what}
    for status, what in {
        401: "the token is unknown, revoked or not a member's",
        403: "the member may not do that",
        404: "there is no such thing",
        409: "the world does not allow it now; what fits instead is in `alternatives`",
        413: "the body is too large",
        422: "the request makes no sense",
        503: "try again",
    }.items()
}


class Door:
    """Finds out who asks.

    Its answer is a dependency of every route: ``member: Member = door``.
    """

    def __init__(self, run: UseCaseRunner) -> None:
        self._run = run

    async def __call__(
        self,
        bearer: Annotated[
            HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))
        ],
    ) -> Member:
        """Return the member as whom the token acts, and note now and then that it is in use.

        Raises:
            TokenRefused: there is none, or it is not a member's.
        """
        if bearer is None:
            raise TokenRefused
        use = await self._run(tokens.use_of, bearer.credentials)
        if use.is_news:
            await self._run(tokens.note_use, use.token_id)
        return use.member


def key_of(member: Member, request_key: str | None) -> str | None:
    """Return the name of an asking: no other member's key, and none of Slack's, is the same."""
    return None if request_key is None else f"api:{member.member_id}:{request_key}"
