"""The pages put together: each behind the sign-in, with what its reader may see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from bot.domain.errors import BerthError
from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.web.api.refusals import SentenceIn, SentenceOf
from bot.web.open_id import SlackSignIn
from bot.web.pages.frame import Frame
from bot.web.pages.page import Content, Page, Permalink, Visit, may_see
from bot.web.sign_in import StandingOf, member_of_browser, require_standing, zone_of
from bot.web.statuses import status_of

STATIC = Path(__file__).parent.parent / "static"
MemberOf = Callable[[str], Awaitable[Member]]
"""Finds the member behind a Slack user id; a newcomer becomes one."""


async def _nowhere(_channel_id: str, _ts: str) -> str:
    return ""


@dataclass(frozen=True)
class PagesOptions:
    """What the pages need of the world.

    Attributes:
        public_url: where browsers reach Berth, without a trailing slash; its scheme decides
            whether cookies are ``Secure``.
        session_s: how long somebody stays signed in, in seconds.
        slack: signs people in through Slack; None where that is not set up.
        member_of: who stands behind a Slack user id.
        standing_of: whether an account may still act.
        sentence_of: the words for an error.
        permalink: the address of a message in Slack.
        sentence_in: the words for an error, with times in the reader's zone.
    """

    public_url: str = ""
    session_s: int = 12 * 3600
    slack: SlackSignIn | None = None
    member_of: MemberOf | None = None
    standing_of: StandingOf | None = None
    sentence_of: SentenceOf = field(default=str)
    permalink: Permalink = field(default=_nowhere)
    sentence_in: SentenceIn | None = None

    @property
    def secure(self) -> bool:
        """Whether browsers reach Berth over HTTPS only."""
        return self.public_url.startswith("https:")


@dataclass(frozen=True)
class Desk:
    """What the routes of all pages share."""

    run: UseCaseRunner
    frame: Frame
    options: PagesOptions

    def problem(
        self, request: Request, error: BerthError, member: Member | None = None
    ) -> Response:
        """Return the page that says why not, and what to do now."""
        options = self.options
        says = (
            options.sentence_in(error, zone_of(member))
            if options.sentence_in
            else options.sentence_of(error)
        )
        content = Content(
            "problem.html",
            {"sentence": says, "code": error.code},
            "That did not work",
        )
        return self.frame.draw(request, content, member=member, status=status_of(error))


def pages_router(desk: Desk, pages: Sequence[Page]) -> APIRouter:
    """Return the routes of all pages; who is not signed in is led to the sign-in and back."""
    router = APIRouter(include_in_schema=False)
    for page in pages:
        router.add_api_route(
            page.path, _behind_sign_in(desk, page), methods=["GET"], response_model=None
        )
    return router


def _behind_sign_in(desk: Desk, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        member = await member_of_browser(request, desk.run)
        if member is None:
            return _to_sign_in(request)
        try:
            await require_standing(member, desk.run, desk.options.standing_of)
            if not may_see(member, page):
                content = Content("not_for_you.html", {"needed": page.min_role.value})
                return desk.frame.draw(request, content, page=page, member=member, status=403)
            shown = await page.shows(Visit(member, desk.run, request, desk.options.permalink))
        except BerthError as error:
            return desk.problem(request, error, member)
        if isinstance(shown, Response):
            return shown
        return desk.frame.draw(request, shown, page=page, member=member)

    return answer


def _to_sign_in(request: Request) -> Response:
    path = request.url.path
    wanted = f"{path}?{request.url.query}" if request.url.query else path
    return RedirectResponse(f"/sign-in?{urlencode({'next': wanted})}", status_code=303)
