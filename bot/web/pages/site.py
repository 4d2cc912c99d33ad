"""All that browsers are shown, joined to the web application."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from bot.ports.use_cases import UseCaseRunner
from bot.web.pages.application import STATIC, Desk, PagesOptions, pages_router
from bot.web.pages.frame import Frame, SecurityHeaders
from bot.web.pages.registry import PAGES
from bot.web.pages.sign_in_pages import sign_in_router


def add_site(app: FastAPI, run: UseCaseRunner, options: PagesOptions) -> None:
    """Add every page, the sign-in and what pages are made of to ``app``."""
    desk = Desk(run, Frame(PAGES), options)
    app.add_middleware(SecurityHeaders)
    app.include_router(sign_in_router(desk))
    app.include_router(pages_router(desk, PAGES))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
