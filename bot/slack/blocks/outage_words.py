"""What holders and admins read about maintenance and hardware out of service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import singledispatch

from bot.domain.maintenance import Effects, MaintenancePlan, Outages
from bot.domain.notice_base import Notice
from bot.domain.outage_notices import (
    CancelledByOutage,
    CutShort,
    GpuTrouble,
    MovedToOtherGpus,
    NeedsNewWindow,
    OutageOver,
)
from bot.domain.time_window import TimeWindow
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    escape,
    gpu_list,
    gpu_names_text,
    safe,
    section,
    slack_date,
    window_text,
)
from bot.slack.carried_change import CarriedChange, Change, change_to_value

MOVE_ACTION = "maintenance.move"
"""The ``action_id`` of a button that moves a reservation out of the way; its value a change."""

FALLBACK_CHARS = 1000
_DETAIL_CHARS = 300


def outage_message(notice: Notice) -> Card:
    """Return the words for a notice about an outage.

    Raises:
        TypeError: it is none.
    """
    return _words(notice)


@singledispatch
def _words(notice: Notice) -> Card:
    raise TypeError(f"no words for notice {notice.kind!r}")


@_words.register
def _moved(notice: MovedToOtherGpus) -> Card:
    return _card(
        f":twisted_rightwards_arrows: R{notice.reservation_id} has other GPUs now:"
        f" {gpu_names_text(notice.new_gpus)} instead of {gpu_names_text(notice.old_gpus)}.",
        f"{_why(notice.why, notice.detail)} The models and the window stay as you booked them,"
        f" from {slack_date(notice.starts_at)} on; there is nothing for you to do.",
    )


@_words.register
def _needs_window(notice: NeedsNewWindow) -> Card:
    number, gpus = f"R{notice.reservation_id}", gpu_names_text(notice.lost_gpus)
    window = window_text(TimeWindow(notice.starts_at, notice.ends_at))
    decides = slack_date(notice.decides_at)
    fate = "it is cancelled" if notice.starts_at >= notice.decides_at else "it ends"
    if notice.why == "broken":
        fate = "it is cancelled unless they are repaired by then"
    lines = [
        f":construction: {number} ({window}) needs another window: {gpus} will be out of service.",
        f"{_why(notice.why, notice.detail)} No other GPUs of that kind are free at that time. If"
        f" you do nothing, {fate} at {decides}.",
    ]
    clicks = [_choice(notice, start) for start in notice.choices]
    if clicks:
        lines.append("These starts fit, as long as before; it is checked again when you click:")
        return _card(*lines, more=[*clicks, actions([reserve_button()])])
    lines.append("I found no other time that fits; the button shows what can be booked.")
    return _card(*lines, more=[actions([reserve_button()])])


def _choice(notice: NeedsNewWindow, start: str) -> Block:
    instant = datetime.fromisoformat(start)
    length = notice.ends_at - notice.starts_at
    value = change_to_value(CarriedChange(notice.reservation_id, Change.START, instant))
    click = button("Move there", MOVE_ACTION, value, style="primary")
    return section(window_text(TimeWindow(instant, instant + length)), accessory=click)


@_words.register
def _cut(notice: CutShort) -> Card:
    return _card(
        f":construction: R{notice.reservation_id} ends {slack_date(notice.ends_at)}, not"
        f" {slack_date(notice.old_ends_at)}.",
        f"{_why('maintenance', notice.detail)} {gpu_names_text(notice.lost_gpus)} are needed for"
        " it. A training saves a checkpoint and stops in time; book again for the rest.",
        more=[actions([reserve_button()])],
    )


@_words.register
def _cancelled(notice: CancelledByOutage) -> Card:
    return _card(
        f":heavy_minus_sign: R{notice.reservation_id}, which was to start"
        f" {slack_date(notice.starts_at)}, is cancelled: {gpu_names_text(notice.lost_gpus)} out of"
        " service, and no others of that kind free.",
        f"{_why(notice.why, notice.detail)} I am sorry. The button shows what can be booked.",
        more=[actions([reserve_button()])],
    )


@_words.register
def _trouble(notice: GpuTrouble) -> Card:
    return _card(
        f":warning: {gpu_names_text(notice.lost_gpus)} of R{notice.reservation_id}, which has"
        " started, is out of service.",
        f"{_why('broken', notice.detail)} What runs on it may fail. Release the reservation and"
        " book again if you need all of its GPUs.",
        more=[actions([reserve_button()])],
    )


@_words.register
def _over(notice: OutageOver) -> Card:
    what = "The maintenance is called off" if notice.why == "maintenance" else "The GPU is back"
    return _card(
        f":white_check_mark: {what}: R{notice.reservation_id} stays as it was booked, from"
        f" {slack_date(notice.starts_at)} on."
    )


def _why(why: str, detail: str) -> str:
    reason = "There is maintenance" if why == "maintenance" else "The hardware is broken"
    return f"{reason}: {safe(detail, _DETAIL_CHARS)}." if detail.strip() else f"{reason}."


def _card(*lines: str, more: Sequence[Block] = ()) -> Card:
    return Card(clip(lines[0], FALLBACK_CHARS), (section("\n".join(lines)), *more))


def planned_card(plan: MaintenancePlan, tz: tzinfo) -> Card:
    """Return what the admin who planned maintenance is told."""
    view = plan.view
    return _card(
        f":construction: *Maintenance R{view.reservation_id}* of {gpu_list(view.gpus)},"
        f" {window_text(view.window, tz)}.",
        effects_words(plan.effects),
        f"`/gpu cancel R{view.reservation_id}` calls it off.",
    )


def effects_words(effects: Effects) -> str:
    """Return what an outage did to reservations, in one line."""
    parts = (
        (effects.moved, "moved to other GPUs"),
        (effects.asked, "asked for another window"),
        (effects.shortened, "cut short at its start"),
        (effects.warned, "warned, since they have started"),
    )
    told = [f"{_numbers(ids)} {what}" for ids, what in parts if ids]
    return f"{'; '.join(told)}. Their holders know." if told else "Nothing was in the way."


def _numbers(reservation_ids: Sequence[int]) -> str:
    return ", ".join(f"R{number}" for number in reservation_ids)


def broken_card(names: Sequence[str], effects: Effects) -> Card:
    """Return what the admin who marked GPUs as broken is told."""
    return _card(
        f":no_entry_sign: {_targets(names)} takes nothing new until `/gpu repaired`.",
        effects_words(effects),
    )


def repaired_card(names: Sequence[str], count: int) -> Card:
    """Return what the admin who took GPUs back into service is told."""
    if not count:
        return _card(f"{_targets(names)} was not marked as broken; nothing was changed.")
    return _card(f":white_check_mark: {_targets(names)} can be booked again.")


def drained_card(host_name: str, *, drained: bool, changed: bool) -> Card:
    """Return what the admin who drained a host, or took it back, is told."""
    host = safe(host_name, 100)
    if not changed:
        state = "drained already" if drained else "not drained"
        return _card(f"{host} is {state}; nothing was changed.")
    if drained:
        return _card(
            f":construction: {host} is drained: nothing new is booked or started on it.",
            "What is booked there stays. `/gpu undrain` takes it back.",
        )
    return _card(f":white_check_mark: {host} can be booked again.")


def outages_card(outages: Outages, tz: tzinfo) -> Card:
    """Return all that is out of service now or later."""
    lines = [
        f"• *R{view.reservation_id}* {gpu_list(view.gpus)} · {window_text(view.window, tz)}"
        + (f" · “{safe(view.note, 120)}”" if view.note.strip() else "")
        for view in outages.windows[:20]
    ]
    if len(outages.windows) > len(lines):
        lines.append(f"• and {len(outages.windows) - len(lines)} more")
    named = (
        ("Drained", [escape(name) for name in outages.drained_hosts]),
        ("Broken", [escape(name) for name in outages.broken_gpus]),
        ("No longer reported by its host", [escape(name) for name in outages.absent_gpus]),
    )
    lines += [f"• {what}: {clip(', '.join(names), 800)}" for what, names in named if names]
    if not lines:
        return _card(":white_check_mark: Everything is in service, and no maintenance is planned.")
    return _card(":construction: *Out of service, now or later*", *lines)


def _targets(names: Sequence[str]) -> str:
    return clip(", ".join(escape(name) for name in names), 400)
