"""``/gpu maintenance``, ``drain``, ``undrain``, ``broken`` and ``repaired``."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.errors import UnreadableRequest
from bot.services import hardware, maintenance
from bot.slack.asked import Asked
from bot.slack.blocks.outage_words import (
    broken_card,
    drained_card,
    outages_card,
    planned_card,
    repaired_card,
)
from bot.slack.desk import Desk
from bot.slack.outage_grammar import Named, parse_maintenance, parse_named

_A_HOST = "a host, such as `host2`"
_GPUS = "GPUs, such as `gpu3@host2`"


async def show_or_plan_maintenance(desk: Desk, asked: Asked, rest: str) -> None:
    """Plan maintenance; without more, list all that is out of service.

    Raises:
        UnreadableTime, UnreadableRequest: the line cannot be read.
        BerthError: as `maintenance.plan` does.
    """
    member, tz = await desk.member(asked)
    if not rest:
        outages = await desk.run(hardware.out_of_service)
        await desk.answering.tell(asked, outages_card(outages, tz))
        return
    maintenance.require_admin(member, "plan maintenance")
    wish = parse_maintenance(rest, now=desk.clock.now(), tz=tz)
    wish = replace(wish, request_key=asked.key)
    plan = await desk.run(maintenance.plan, member, wish)
    await desk.answering.tell(asked, planned_card(plan, tz))


async def drain(desk: Desk, asked: Asked, rest: str) -> None:
    """Let nothing new onto a host.

    Raises:
        UnreadableRequest: no host is named.
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    named = _one_host(rest)
    member, _ = await desk.member(asked)
    changed = await desk.run(hardware.drain, member, named.names[0], named.reason)
    card = drained_card(named.names[0], drained=True, changed=changed)
    await desk.answering.tell(asked, card)


async def undrain(desk: Desk, asked: Asked, rest: str) -> None:
    """Let a host be booked again.

    Raises:
        UnreadableRequest: no host is named.
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    name = _one_host(rest).names[0]
    member, _ = await desk.member(asked)
    changed = await desk.run(hardware.undrain, member, name)
    await desk.answering.tell(asked, drained_card(name, drained=False, changed=changed))


async def broken(desk: Desk, asked: Asked, rest: str) -> None:
    """Take GPUs out of service.

    Raises:
        UnreadableRequest: no GPU is named.
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    named = parse_named(rest, _GPUS)
    member, _ = await desk.member(asked)
    effects = await desk.run(hardware.mark_broken, member, named.names, named.reason)
    await desk.answering.tell(asked, broken_card(named.names, effects))


async def repaired(desk: Desk, asked: Asked, rest: str) -> None:
    """Take GPUs back into service.

    Raises:
        UnreadableRequest: no GPU is named.
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    named = parse_named(rest, _GPUS)
    member, _ = await desk.member(asked)
    count = await desk.run(hardware.mark_repaired, member, named.names)
    await desk.answering.tell(asked, repaired_card(named.names, count))


def _one_host(text: str) -> Named:
    named = parse_named(text, _A_HOST)
    if len(named.names) > 1:
        raise UnreadableRequest(text[:60], "one host at a time")
    return named
