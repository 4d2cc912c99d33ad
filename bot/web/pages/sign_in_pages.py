"""``/sign-in``: through Slack, or by a link from the bot; and ``/sign-out``."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from bot.domain.errors import BerthError, NotAllowed
from bot.domain.people import Member
from bot.domain.sign_in_errors import LinkOver, NotFromOurPages, SignInRefused
from bot.services import sign_in
from bot.web.pages.application import Desk
from bot.web.pages.page import Content
from bot.web.sign_in import (
    CSRF_FIELD,
    FLOW_COOKIE,
    SESSION_COOKIE,
    clear_session,
    member_of_browser,
    require_csrf,
    require_own_page,
    set_session,
)

LARGEST_FORM_BYTES = 4096
FLOW_PATH = "/sign-in/slack"


def sign_in_router(desk: Desk) -> APIRouter:
    """Return the routes of signing in and out."""
    router = APIRouter(include_in_schema=False)
    pages = SignInPages(desk)
    for path, method, answer in (
        ("/sign-in", "GET", pages.choose),
        (FLOW_PATH, "GET", pages.to_slack),
        (f"{FLOW_PATH}/done", "GET", pages.from_slack),
        ("/sign-in/link", "GET", pages.show_link),
        ("/sign-in/link", "POST", pages.use_link),
        ("/sign-out", "POST", pages.sign_out),
    ):
        router.add_api_route(path, answer, methods=[method], response_model=None)
    return router


class SignInPages:
    """Lets people in and out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def choose(self, request: Request) -> Response:
        """Say how to sign in."""
        next_path = sign_in.own_path(request.query_params.get("next", sign_in.HOME))
        if await member_of_browser(request, self._desk.run) is not None:
            return RedirectResponse(next_path, status_code=303)
        values = {"next": next_path, "by_slack": self._desk.options.slack is not None}
        return self._desk.frame.draw(request, Content("sign_in.html", values, "Sign in"))

    async def to_slack(self, request: Request) -> Response:
        """Send somebody to Slack."""
        slack = self._desk.options.slack
        next_path = request.query_params.get("next", sign_in.HOME)
        if slack is None:
            return RedirectResponse("/sign-in", status_code=303)
        try:
            flow = await self._desk.run(sign_in.begin_flow, next_path)
            address = await slack.address(flow)
        except BerthError as error:
            return self._desk.problem(request, error)
        response = RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            FLOW_COOKIE,
            flow.browser,
            max_age=600,
            path=FLOW_PATH,
            httponly=True,
            secure=self._desk.options.secure,
            samesite="lax",  # Strict would not come back with the redirect from Slack
        )
        return response

    async def from_slack(self, request: Request) -> Response:
        """Let somebody in who comes back from Slack."""
        try:
            opened = await self._opened_by_slack(request)
        except BerthError as error:
            response = self._desk.problem(request, error)
        else:
            response = self._let_in(opened)
        response.delete_cookie(FLOW_COOKIE, path=FLOW_PATH)
        return response

    async def _opened_by_slack(self, request: Request) -> sign_in.Opened:
        """Return the session of somebody who comes back from Slack.

        Raises:
            SignInRefused: they declined, were not sent there, or it is not proven who they are.
            NotAllowed: their account may not act.
            Unavailable: Slack does not answer.
        """
        options, asked = self._desk.options, request.query_params
        if options.slack is None or options.member_of is None:
            raise SignInRefused("stale")
        browser = request.cookies.get(FLOW_COOKIE, "")
        expected = await self._desk.run(sign_in.end_flow, asked.get("state", ""), browser)
        if "code" not in asked:
            raise SignInRefused("declined")
        user_id = await options.slack.slack_user_id(asked["code"], expected)
        member = await options.member_of(user_id)
        return await self._desk.run(sign_in.open_session, member, "slack", expected.next_path)

    async def show_link(self, request: Request) -> Response:
        """Ask whether to sign in by a link; looking at it does not use it up.

        Programs follow links too, to preview or to scan them.
        """
        secret = request.query_params.get("token", "")
        try:
            member = await self._desk.run(sign_in.whose_link, secret)
        except LinkOver as error:
            return self._desk.problem(request, error)
        values = {"name": member.name, "token": secret}
        return self._desk.frame.draw(request, Content("link.html", values, "Sign in"))

    async def use_link(self, request: Request) -> Response:
        """Sign in by a link."""
        try:
            require_own_page(request)
            form = await _form(request)
            secret = form.get("token", "")
            await self._require_standing(await self._desk.run(sign_in.whose_link, secret))
            opened = await self._desk.run(sign_in.use_link, secret)
        except BerthError as error:
            return self._desk.problem(request, error)
        return self._let_in(opened)

    async def _require_standing(self, member: Member) -> None:
        standing_of = self._desk.options.standing_of
        if standing_of is not None and not await standing_of(member.slack_user_id):
            raise NotAllowed

    async def sign_out(self, request: Request) -> Response:
        """Sign out: of this browser, or with ``everywhere`` of all."""
        secret = request.cookies.get(SESSION_COOKIE, "")
        try:
            require_own_page(request)
            form = await _form(request)
            member = await self._desk.run(sign_in.member_of_session, secret)
            if member is not None:
                require_csrf(secret, form.get(CSRF_FIELD, ""))
                if form.get("everywhere"):
                    await self._desk.run(sign_in.sign_out_everywhere, member, "asked for")
                await self._desk.run(sign_in.sign_out, secret)
        except NotFromOurPages as error:
            return self._desk.problem(request, error)
        response = RedirectResponse("/sign-in", status_code=303)
        clear_session(response, secure=self._desk.options.secure)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def _let_in(self, opened: sign_in.Opened) -> Response:
        options = self._desk.options
        response = RedirectResponse(
            opened.next_path, status_code=303, headers={"Cache-Control": "no-store"}
        )
        set_session(response, opened.secret, life_s=options.session_s, secure=options.secure)
        return response


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a small form.

    Raises:
        HTTPException: 413, it is larger than any of ours.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM_BYTES:
            raise HTTPException(413, f"larger than {LARGEST_FORM_BYTES} bytes")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=16)
    return {name: values[0] for name, values in fields.items()}
