"""What a page of the browser consists of; `bot.web.pages.registry` lists all pages.

A page is a row in that list: where it stands, who may see it, and a coroutine that says what it
shows.  The frame around it (navigation, sign-in, security headers) is `bot.web.pages.frame`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import Request, Response

from bot.domain.people import Member, Role
from bot.ports.use_cases import UseCaseRunner

Permalink = Callable[[str, str], Awaitable[str]]
"""The address of a message in Slack, of its channel and timestamp; empty where it is unknown."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page by somebody who is signed in.

    ``request.path_params`` and ``request.query_params`` hold what stands in the address;
    ``run`` calls the services, ``permalink`` leads to a message in Slack.
    """

    member: Member
    run: UseCaseRunner
    request: Request
    permalink: Permalink


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows: a template of ``bot/web/pages/templates`` and the values for it.

    Templates extend ``frame.html`` and fill its block ``content``; every value is escaped.
    ``title`` is the page's own where it is empty.
    """

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    title: str = ""


Shows = Callable[[Visit], Awaitable[Content | Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        path: where it stands, in FastAPI's form: ``/runs/{run_id:int}``.
        title: what it is called, in the navigation and in the window.
        shows: says what it shows; a `Response` of its own, such as a file, is sent as it is.
        min_role: who sees less than that role is told that the page is not for them.
        in_navigation: whether the frame leads to it.
        scripts: ES modules of ``bot/web/static`` that it needs.
        styles: style sheets of ``bot/web/static`` that it needs besides ``frame.css``.
    """

    path: str
    title: str
    shows: Shows
    min_role: Role = Role.VIEWER
    in_navigation: bool = False
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


RANKS: Mapping[Role, int] = {Role.VIEWER: 0, Role.MEMBER: 1, Role.LEAD: 2, Role.ADMIN: 3}


def may_see(member: Member, page: Page) -> bool:
    """Tell whether a member's role is enough for a page."""
    return RANKS[member.role] >= RANKS[page.min_role]
