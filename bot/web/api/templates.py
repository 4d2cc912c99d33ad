"""The API of templates: a team's trainings by name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from bot.domain.people import Member
from bot.ports.use_cases import UseCaseRunner
from bot.services import templates
from bot.web.api.run_answers import TemplateAnswer, TemplateList

Name = Annotated[str, Path(max_length=100, description="with or without its `@`")]


class TemplateWish(BaseModel):
    """Whose training is kept."""

    reservation_id: int = Field(ge=1, le=2**53)


def template_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of the member's team's templates."""
    router = APIRouter(tags=["templates"])

    @router.get("/templates", summary="The templates of your team")
    async def listed(member: Member = door) -> TemplateList:
        found = await run(templates.of_team, member)
        return TemplateList(templates=[TemplateAnswer.of(one) for one in found])

    @router.get("/templates/{name}", summary="One template of your team")
    async def one(name: Name, member: Member = door) -> TemplateAnswer:
        return TemplateAnswer.of(await run(templates.find, member, name))

    @router.put("/templates/{name}", summary="Keep the training of a reservation under a name")
    async def save(name: Name, wish: TemplateWish, member: Member = door) -> TemplateAnswer:
        return TemplateAnswer.of(await run(templates.save, member, name, wish.reservation_id))

    @router.delete("/templates/{name}", summary="Forget a template; returns what it was")
    async def delete(name: Name, member: Member = door) -> TemplateAnswer:
        return TemplateAnswer.of(await run(templates.delete, member, name))

    return router
