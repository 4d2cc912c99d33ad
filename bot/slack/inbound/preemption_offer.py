"""Whose GPUs could be taken back: shown to anybody, and below the refusal of an urgent wish."""

from __future__ import annotations

from bot.domain.errors import NobodyToPreempt, WindowTaken
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.services import preemption_plans, queries
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.preemption import offer_card, with_offer
from bot.slack.desk import Desk
from bot.slack.grammar import read_reserve
from bot.slack.times import zone


async def plan_preemption(desk: Desk, asked: Asked, rest: str) -> None:
    """Answer ``/gpu plan p0 4 now 4h``: who would lose what; nothing happens.

    Raises:
        UnreadableTime, UnreadableRequest, InvalidRunSpec: the line cannot be read.
        MayNotPreempt, NobodyToPreempt: nothing can be taken back.
    """
    member, tz = await desk.member(asked)
    form = await desk.run(queries.booking_form)
    understood = read_reserve(
        rest, now=form.now, tz=tz, run_defaults=form.run_defaults, gpu_models=form.gpu_models
    )
    request = understood.request
    plan = await desk.run(preemption_plans.preview, member, request)
    await desk.answering.tell(asked, offer_card(plan, request, tz))


async def with_preemption(
    desk: Desk, member: Member, request: ReserveRequest, card: Card, error: WindowTaken
) -> Card:
    """Return a refusal with whose GPUs could be taken back, where the priority allows it."""
    if not error.holdings or request.second is not None:
        return card
    allowed = await desk.run(preemption_plans.may_preempt, member, request)
    if not allowed:
        return card
    try:
        plan = await desk.run(preemption_plans.preview, member, request)
    except NobodyToPreempt:
        return card
    return with_offer(card, plan, request, zone(member.time_zone))
