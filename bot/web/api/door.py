"""Who asks, and what every route of the API has in common."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bot.domain.errors import TokenRefused
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import tokens
from bot.web.api.answers import ErrorAnswer
from bot.web.sign_in import StandingOf, member_of_browser, require_standing, zone_of

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

    def __init__(self, run: UseCaseRunner, standing_of: StandingOf | None = None) -> None:
        self._run = run
        self._standing_of = standing_of

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[
            HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))
        ],
    ) -> Member:
        """Return the member as whom the request acts; of a token, note that it is in use.

        Without a token it is who is signed in at the browser (`bot.web.sign_in`).

        Raises:
            TokenRefused: there is no token that is a member's, and nobody is signed in.
            NotFromOurPages: a browser's change does not come from Berth's own pages.
            NotAllowed: the member's Slack account has been deactivated.
        """
        member = await self._by_token(bearer) if bearer else await self._by_browser(request)
        await require_standing(member, self._run, self._standing_of)
        return member

    async def _by_browser(self, request: Request) -> Member:
        member = await member_of_browser(request, self._run)
        if member is None:
            raise TokenRefused
        request.state.zone = zone_of(member)
        return member

    async def _by_token(self, bearer: HTTPAuthorizationCredentials) -> Member:
        use = await self._run(tokens.use_of, bearer.credentials)
        if use.is_news:
            await self._run(tokens.note_use, use.token_id)
        return use.member


def key_of(member: Member, request_key: str | None) -> str | None:
    """Return the name of an asking: no other member's key, and none of Slack's, is the same."""
    return None if request_key is None else f"api:{member.member_id}:{request_key}"
