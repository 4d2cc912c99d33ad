"""``/gpu hosts``, and the buttons of its list."""

from __future__ import annotations

from bot.domain.people import Role
from bot.services import hardware, host_list, incident_views
from bot.slack.asked import Asked
from bot.slack.blocks.admin import hosts_card
from bot.slack.blocks.outage_words import drained_card
from bot.slack.desk import Desk


async def show_hosts(desk: Desk, asked: Asked, _rest: str) -> None:
    """List the hosts: whether each answers, what it has, which agent it runs."""
    member, tz = await desk.member(asked)
    hosts = await desk.run(host_list.list_hosts)
    wrong = await desk.run(incident_views.open_ones)
    card = hosts_card(hosts, tz, with_buttons=member.role is Role.ADMIN, incidents=wrong)
    await desk.answering.tell(asked, card)


async def click_drain(desk: Desk, asked: Asked) -> None:
    """Let nothing new onto the host that the button names; the list shows it.

    Raises:
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    member, _ = await desk.member(asked)
    changed = await desk.run(hardware.drain, member, asked.value, "")
    await _show_again(desk, asked, drained_card(asked.value, drained=True, changed=changed).text)


async def click_undrain(desk: Desk, asked: Asked) -> None:
    """Let the host that the button names be booked again; the list shows it.

    Raises:
        AdminsOnly, UnknownHostName: told where the person stands.
    """
    member, _ = await desk.member(asked)
    changed = await desk.run(hardware.undrain, member, asked.value)
    await _show_again(desk, asked, drained_card(asked.value, drained=False, changed=changed).text)


async def _show_again(desk: Desk, asked: Asked, notice: str) -> None:
    _, tz = await desk.member(asked)
    hosts = await desk.run(host_list.list_hosts)
    wrong = await desk.run(incident_views.open_ones)
    card = hosts_card(hosts, tz, with_buttons=True, notice=notice, incidents=wrong)
    await desk.answering.tell(asked, card, replace=True)
