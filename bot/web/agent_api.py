"""The agents' side of the HTTP API; the contract is `bot.protocol.messages`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from bot.domain.errors import TokenRefused
from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.protocol.messages import (
    DesiredState,
    RegisterRequest,
    RegisterResponse,
    Report,
    ReportResponse,
)
from bot.services import hosts, tokens
from bot.services.tokens import Scope
from bot.web.agent_files import file_router
from bot.web.revision_watch import RevisionWatch

LONGEST_WAIT_S = 30.0


def agent_router(run: UseCaseRunner, watch: RevisionWatch, store: ArtifactStore) -> APIRouter:
    """Return the routes below ``/agent/v1``; every one asks for an agent's token."""

    async def authorise(authorization: Annotated[str, Header()] = "") -> None:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise TokenRefused
        await run(tokens.check_token, token, Scope.AGENT)

    router = APIRouter(prefix="/agent/v1", dependencies=[Depends(authorise)], tags=["agent"])

    @router.post("/register")
    async def register(request: RegisterRequest) -> RegisterResponse:
        return await run(hosts.register, request)

    @router.get("/desired")
    async def desired(
        host_id: int, revision: int = 0, wait_s: Annotated[float, Query(ge=0)] = 0
    ) -> DesiredState:
        state = await run(hosts.desired_state, host_id)
        if state.revision != revision or wait_s == 0:
            return state
        await watch.wait(host_id, revision, min(wait_s, LONGEST_WAIT_S))
        return await run(hosts.desired_state, host_id)

    @router.post("/report")
    async def report(body: Report) -> ReportResponse:
        return await run(hosts.take_report, body)

    router.include_router(file_router(run, store))
    return router
