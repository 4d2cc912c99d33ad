"""The web application: routes put together, errors answered in one place."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

import bot
from bot.domain.errors import BerthError
from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.services import queries
from bot.web.agent_api import agent_router
from bot.web.api.refusals import SentenceOf
from bot.web.api.routes import PREFIX, api_app
from bot.web.feed_routes import feed_router
from bot.web.metrics import MeasuredRequests, PrometheusMeasurements, metrics_router
from bot.web.pages.application import PagesOptions
from bot.web.pages.site import add_site
from bot.web.revision_watch import RevisionWatch
from bot.web.statuses import status_of

log = structlog.get_logger(__name__)

SlackEndpoint = Callable[[Request], Awaitable[Response]]


def build_web_app(
    run: UseCaseRunner,
    watch: RevisionWatch,
    store: ArtifactStore,
    slack_endpoint: SlackEndpoint | None = None,
    sentence_of: SentenceOf = str,
    pages: PagesOptions | None = None,
    measurements: PrometheusMeasurements | None = None,
    metrics_token: str | None = None,
) -> FastAPI:
    """Return the web application.

    Args:
        run: runs use cases.
        watch: answers the long polls of agents.
        store: keeps the files of runs.
        slack_endpoint: takes Slack's requests in HTTP mode.
        sentence_of: the words for an error, for people who use the API for programs.
        pages: what the pages in the browser need of the world; by default only links sign in.
        measurements: counts requests, and is what ``/metrics`` tells.
        metrics_token: what Prometheus shows; without one there is no ``/metrics``.
    """
    app = FastAPI(title="Berth", version=bot.__version__, docs_url=None, redoc_url=None)
    app.include_router(agent_router(run, watch, store))
    pages = pages or PagesOptions(sentence_of=sentence_of)
    app.mount(PREFIX, api_app(run, sentence_of, pages.standing_of, store, pages.sentence_in))
    add_site(app, run, pages)
    app.include_router(feed_router(run, pages.public_url))
    app.add_exception_handler(BerthError, _answer_anticipated)
    app.add_exception_handler(Exception, _answer_unexpected)
    if slack_endpoint is not None:
        app.add_route("/slack/events", slack_endpoint, methods=["POST"])

    if measurements is not None:
        app.add_middleware(MeasuredRequests, measurements=measurements)
        if metrics_token is not None:
            app.include_router(metrics_router(run, measurements, metrics_token))

    @app.get("/healthz", tags=["health"])
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def ready() -> dict[str, object]:
        status = await run(queries.status)
        return {"status": "ready", "gpus": status.gpu_count, "hosts": len(status.hosts)}

    return app


async def _answer_anticipated(_request: Request, error: Exception) -> Response:
    if not isinstance(error, BerthError):
        raise error
    return JSONResponse({"error": error.code, "detail": str(error)}, status_code=status_of(error))


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("request_failed", reference=reference, path=request.url.path, exc_info=error)
    return JSONResponse(
        {"error": "internal", "reference": reference},
        status_code=HTTPStatus.INTERNAL_SERVER_ERROR,
    )
