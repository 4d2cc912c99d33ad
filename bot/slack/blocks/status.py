"""Every GPU now: free until when, or held by whom until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from itertools import groupby

from bot.domain.holdings import Holding
from bot.domain.views import GpuStatus, HostStatus, Status
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    context,
    count_text,
    duration_text,
    header,
    person,
    safe,
    section,
    slack_date,
)
from bot.slack.blocks.web_link import OPEN_ACTION

MESSAGE_CHARS = 10_000
"""Slack refuses messages of about 13,000 characters of block text (msg_blocks_too_long)."""

MOST_HOSTS = 30


def status_card(status: Status, tz: tzinfo, timeline_url: str = "") -> Card:
    """Return who holds which GPU now and next, host by host, and what to press."""
    summary = summary_text(status)
    blocks = (header("GPUs now"), *host_blocks(status, tz), _buttons(timeline_url))
    return Card(summary, blocks)


def _buttons(timeline_url: str) -> Block:
    """Return the Reserve button, and the way to the timeline where there is one."""
    link = [button("Timeline", OPEN_ACTION, url=timeline_url)] if timeline_url else []
    return actions([reserve_button(), *link])


def short_status_card(status: Status, timeline_url: str = "") -> Card:
    """Return the one line that answers a bare ``/gpu``, with what else can be said."""
    summary = summary_text(status)
    hint = "Try `/gpu reserve 2 tomorrow 18:00 8h`, `/gpu status`, `/gpu mine` or `/gpu help`."
    return Card(summary, (section(summary), context(hint), _buttons(timeline_url)))


def summary_text(status: Status) -> str:
    """Return how many GPUs are free now."""
    if not status.hosts:
        return "No host has reported yet. Start `berth agent` on a GPU host."
    free, known = status.free_count, status.gpu_count
    hosts = count_text(len(status.hosts), "host")
    silent = sum(not host.online for host in status.hosts)
    text = (
        f"*{free} of {count_text(known, 'GPU')} {'is' if free == 1 else 'are'} free now* on {hosts}"
    )
    return f"{text}; {count_text(silent, 'host')} not answering." if silent else f"{text}."


def host_blocks(status: Status, tz: tzinfo) -> Iterator[Block]:
    """Yield one section per host, as many as a message takes, and how many more there are."""
    room = MESSAGE_CHARS
    for number, host in enumerate(status.hosts):
        text = _host_text(host, status, tz)
        room -= len(text)
        if number >= MOST_HOSTS or room < 0:
            yield context(f"and {count_text(len(status.hosts) - number, 'more host')}")
            return
        yield section(text)
    if not status.hosts:
        yield section(summary_text(status))


def _host_text(host: HostStatus, status: Status, tz: tzinfo) -> str:
    free = sum(gpu.holding is None and not gpu.broken for gpu in host.gpus) * (not host.drained)
    kind = "simulated GPU" if host.simulated else "GPU"
    title = f"*{safe(host.name, 100)}* · {free} of {count_text(len(host.gpus), kind)} free"
    if not host.online:
        seen = ""
        if host.last_seen_at is not None:
            seen = f" for {duration_text(status.now - host.last_seen_at)}"
        title = f":warning: *{safe(host.name, 100)}* · not answering{seen}"
    if host.drained:
        title += " · :construction: drained, nothing new is booked here"
    lines = [title]
    for (holding, following, broken), gpus in groupby(host.gpus, key=_holdings):
        names = ", ".join(f"gpu{gpu.gpu.index}" for gpu in gpus)
        state = f"{_held(holding, following, tz)}{' · :no_entry_sign: broken' if broken else ''}"
        lines.append(f"• {names}: {state}")
    return clip("\n".join(lines), 2900)


def _holdings(gpu: GpuStatus) -> tuple[Holding | None, Holding | None, bool]:
    return gpu.holding, gpu.next_holding, gpu.broken


def _held(holding: Holding | None, following: Holding | None, tz: tzinfo) -> str:
    if holding is not None:
        text = f"R{holding.reservation_id} {_holder(holding)} until "
        text += slack_date(holding.window.end, tz)
        if following is not None:
            text += f", then R{following.reservation_id} {_holder(following)}"
        return text
    if following is not None:
        start = slack_date(following.window.start, tz)
        return f"free until {start}, then R{following.reservation_id} {_holder(following)}"
    return "free"


def _holder(holding: Holding) -> str:
    if holding.holder_slack_id:
        return person(holding.holder_slack_id)
    return safe(holding.holder_name, 60)
