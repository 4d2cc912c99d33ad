"""What is shown of preemptions: the plan, the question to who approves, the notice to who loses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from bot.domain.notice_base import Notice
from bot.domain.preemption_notices import (
    GpusTakenBack,
    ObjectionAnswered,
    PreemptionAsked,
    PreemptionObjected,
    PreemptionUndone,
    TeamLosesGpus,
)
from bot.domain.preemption_views import (
    PlanView,
    PreemptionView,
    VictimView,
    victim_from_text,
)
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.approval import DECLINE_ACTION, value_of
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import MOVE_ACTION
from bot.slack.blocks.preemption_plan import MOST_VICTIMS, plan_blocks, victim_line
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    count_text,
    duration_text,
    gpu_names_text,
    person,
    plain,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.carried_change import CarriedChange, Change, change_to_value
from bot.slack.carried_request import VALUE_CHARS, request_to_value

ASK_ACTION = "preemption.ask"
APPROVE_ACTION = "preemption.approve"
YIELD_ACTION = "preemption.yield"
EPOCH_ACTION = "preemption.epoch"
OBJECT_ACTION = "preemption.object"
WITHDRAW_ACTION = "preemption.withdraw"
STAND_ACTION = "preemption.stand"
"""The ``action_id`` of each button; their values are numbers, or JSON with a version."""

OBJECT_CALLBACK = "preemption_object"
REASON_BLOCK = "reason"
REASON_CHARS = 300
VERSION = 1
FALLBACK_CHARS = 1000


def approve_to_value(preemption_id: int, digest: str) -> str:
    """Return what Approve brings back: the preemption, and the plan that was seen."""
    return json.dumps({"v": VERSION, "id": preemption_id, "plan": digest}, separators=(",", ":"))


def approve_from_value(value: str) -> tuple[int, str]:
    """Return the preemption and the plan that was seen.

    Raises:
        ValueError: it is the value of another release.
    """
    return _carried(value, "id", int), _carried(value, "plan", str)


def stand_to_value(preemption_id: int, victim_id: int) -> str:
    """Return what the answers to an objection bring back."""
    return json.dumps({"v": VERSION, "id": preemption_id, "r": victim_id}, separators=(",", ":"))


def stand_from_value(value: str) -> tuple[int, int]:
    """Return the preemption, and the reservation whose holder objects.

    Raises:
        ValueError: it is the value of another release.
    """
    return _carried(value, "id", int), _carried(value, "r", int)


def _carried(value: str, name: str, kind: Callable[[Any], Any]) -> Any:
    try:
        carried = json.loads(value)
        if carried["v"] != VERSION:
            raise ValueError(value)
        return kind(carried[name])
    except (KeyError, TypeError) as error:
        raise ValueError(value) from error


def offer_card(plan: PlanView, request: ReserveRequest, tz: tzinfo) -> Card:
    """Return the answer to a dry run, with the button that asks for it."""
    head = (
        f":scales: *{plan.priority.value.upper()}: {gpu_names_text(plan.gpu_names)}"
        f" from {slack_date(plan.takes_at, tz)}* until {slack_date(plan.window.end, tz)}."
        " Nothing has happened; this is who would lose what:"
    )
    return Card(
        clip(head, FALLBACK_CHARS), (section(head), *plan_blocks(plan, tz), *_ask(plan, request))
    )


def with_offer(card: Card, plan: PlanView, request: ReserveRequest, tz: tzinfo) -> Card:
    """Return a refusal with the plan below it: whose GPUs could be taken back."""
    head = (
        f":scales: A lead or an admin may let you have {gpu_names_text(plan.gpu_names)}"
        f" from {slack_date(plan.takes_at, tz)}:"
    )
    more = (section(head), *plan_blocks(plan, tz), *_ask(plan, request))
    return Card(card.text, (*card.blocks, *more))


def _ask(plan: PlanView, request: ReserveRequest) -> list[Block]:
    value = request_to_value(request)
    if len(value) > VALUE_CHARS or plan.fits:
        return []
    return [actions([button("Ask to take them (needs approval)", ASK_ACTION, value)])]


def asked_card(view: PreemptionView) -> Card:
    """Return what whoever asked is told."""
    text = (
        f":raised_hand: *R{view.reservation_id} waits for approval.* A lead or an admin sees the"
        " plan and decides; nobody loses anything before that. You are told either way."
    )
    return Card(text, (section(text),))


def decided_card(view: PreemptionView) -> Card:
    """Return what whoever clicked Approve is told: it is done, or the plan is another one now."""
    if view.changed:
        head = (
            f":warning: *The plan for R{view.reservation_id} has changed; nothing has happened.*"
            " Please look at it again:"
        )
        blocks = (
            section(head),
            *plan_blocks(view.plan),
            actions(_decisions(view.preemption_id, view.plan.digest, view.approval_id)),
        )
        return Card(clip(head, FALLBACK_CHARS), blocks)
    holders = ", ".join(sorted({person(each.holder_slack_id) for each in view.plan.victims}))
    told = f" {holders} have been told and have until then." if holders else ""
    when = slack_date(view.takes_at) if view.takes_at else "then"
    text = f":white_check_mark: *R{view.reservation_id} is approved and begins {when}.*{told}"
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def _decisions(preemption_id: int, digest: str, approval_id: int) -> list[Block]:
    dialog = confirm_dialog(
        "Take these GPUs back?",
        "Every holder is told now; at the end of the notice their trainings save a checkpoint,"
        " stop, and go on as shown.",
        "Approve",
        "Not yet",
        style="danger",
    )
    value = approve_to_value(preemption_id, digest)
    return [
        button("Approve this plan", APPROVE_ACTION, value, style="danger", confirm=dialog),
        button("Decline…", DECLINE_ACTION, value_of(approval_id, in_notice=True)),
    ]


def preemption_message(notice: Notice) -> Card:
    """Return the message that tells a notice of `bot.domain.preemption_notices`."""
    return _WRITERS[type(notice)](notice)


def _asked(notice: PreemptionAsked) -> Card:
    window = window_text(TimeWindow(notice.starts_at, notice.ends_at))
    head = (
        f":rotating_light: {person(notice.asked_by_slack_id)} ({safe(notice.team_name, 60)}) asks"
        f" for {gpu_names_text(notice.gpu_names)} as {notice.priority.upper()}, {window},"
        f" which others hold (R{notice.reservation_id})."
    )
    note = f"“{safe(notice.note, 300)}”\n" if notice.note.strip() else ""
    who = ", ".join(person(one) for one in notice.approver_slack_ids[:5])
    lead = f"{note}{who or 'A lead or an admin'}: please decide by {slack_date(notice.expires_at)}."
    victims = tuple(victim_from_text(text) for text in notice.victims)
    lines = "\n".join(victim_line(victim) for victim in victims[:MOST_VICTIMS])
    blocks = [
        section(f"{head}\n{lead}"),
        section(lines or "Nobody would lose anything."),
        actions(_decisions(notice.preemption_id, notice.digest, notice.approval_id)),
    ]
    return Card(clip(head, FALLBACK_CHARS), tuple(blocks))


def _taken_back(notice: GpusTakenBack) -> Card:
    victim = victim_from_text(notice.victim)
    gpus, number = count_text(len(victim.gpu_names), "GPU"), f"R{notice.reservation_id}"
    by, when = person(notice.by_slack_id), slack_time(notice.takes_at)
    why = f" “{safe(notice.reason, 300)}”" if notice.reason.strip() else ""
    left = f" in {count_text(notice.minutes, 'minute')}," if notice.minutes else ""
    if not victim.begun:
        head = (
            f":twisted_rightwards_arrows: {person(victim.holder_slack_id)}, your {gpus} of"
            f" {number} go to {by} (R{notice.for_reservation_id},"
            f" {notice.priority.upper()}).{why}"
        )
        then = f"{number} is booked again whole: {window_text(victim.next_window)}."
    else:
        head = (
            f":rotating_light: {person(victim.holder_slack_id)}, your {gpus} of {number} will be"
            f" taken back{left} at {when} for {by} (R{notice.for_reservation_id},"
            f" {notice.priority.upper()}); save a checkpoint.{why}"
        )
        then = _what_then(victim, notice.takes_at)
    blocks = [section(f"{head}\n{then}"), actions(_answers(notice, victim))]
    return Card(clip(head, FALLBACK_CHARS), (*blocks, *_moves(notice, victim)))


def _moves(notice: GpusTakenBack, victim: VictimView) -> list[Block]:
    """Return the other windows to which the rest can be moved, each with its button."""
    length, found = victim.next_window.length, []
    for text in notice.choices[:3]:
        start = datetime.fromisoformat(text)
        value = change_to_value(CarriedChange(victim.next_id, Change.START, start))
        move = button("Move me there", MOVE_ACTION, value)
        found.append(
            section(f"Or {window_text(TimeWindow(start, start + length))}", accessory=move)
        )
    return found


def _what_then(victim: VictimView, takes_at: datetime) -> str:
    goes_on = f"goes on by itself {window_text(victim.next_window)} (R{victim.next_id})"
    if victim.run_id is None:
        return f"The rest of your time is booked again: {window_text(victim.next_window)}."
    saved = "It has no checkpoint yet"
    if victim.checkpoint_at is not None:
        saved = f"Last checkpoint {slack_time(victim.checkpoint_at)}"
        if victim.lost_work > timedelta(minutes=1):
            saved += f", {duration_text(victim.lost_work)} ago"
    done = f", done about {slack_date(victim.finishes_at)}" if victim.finishes_at else ""
    return (
        f"{saved}; epoch {victim.epoch} of {victim.epochs}. If you do nothing, it saves a"
        f" checkpoint and stops before {slack_time(takes_at)}, and {goes_on}{done}."
    )


def _answers(notice: GpusTakenBack, victim: VictimView) -> list[Block]:
    value, found = str(notice.reservation_id), []
    if victim.begun:
        found.append(button("Save and yield now", YIELD_ACTION, value, style="primary"))
    if notice.can_finish_epoch:
        found.append(button("Finish this epoch", EPOCH_ACTION, value))
    found.append(button("Object…", OBJECT_ACTION, value))
    return found


def _team_loses(notice: TeamLosesGpus) -> Card:
    victims = tuple(victim_from_text(text) for text in notice.victims)
    count = sum(len(victim.gpu_names) for victim in victims)
    head = (
        f":rotating_light: {count_text(count, 'GPU')} will be taken back at"
        f" {slack_time(notice.takes_at)} for {person(notice.by_slack_id)}"
        f" (R{notice.reservation_id}, {notice.priority.upper()}), approved by"
        f" {person(notice.approved_by_slack_id)}."
    )
    lines = "\n".join(victim_line(victim) for victim in victims[:MOST_VICTIMS])
    return Card(clip(head, FALLBACK_CHARS), (section(f"{head}\n{lines}"),))


def _undone(notice: PreemptionUndone) -> Card:
    text = (
        f":relieved: {person(notice.holder_slack_id)}, R{notice.for_reservation_id} was called off:"
        f" R{notice.reservation_id} keeps its GPUs until {slack_date(notice.ends_at)}, as if"
        " nothing had been."
    )
    return Card(text, (section(text),))


def _objected(notice: PreemptionObjected) -> Card:
    head = (
        f":speech_balloon: {person(notice.by_slack_id)} objects to giving up R{notice.victim_id}"
        f" for R{notice.reservation_id} at {slack_time(notice.takes_at)}:"
        f" “{safe(notice.reason, REASON_CHARS)}”"
    )
    value = stand_to_value(notice.preemption_id, notice.victim_id)
    dialog = confirm_dialog(
        f"Call R{notice.reservation_id} off?",
        "Everybody keeps their GPUs as if nothing had been.",
        "Call off",
        "Not yet",
    )
    clicks = [
        button("Let it stand", STAND_ACTION, value),
        button("Call it off", WITHDRAW_ACTION, value, style="danger", confirm=dialog),
    ]
    return Card(clip(head, FALLBACK_CHARS), (section(head), actions(clicks)))


def _answered(notice: ObjectionAnswered) -> Card:
    text = (
        f":speech_balloon: {person(notice.by_slack_id)} has read your objection, and lets"
        f" R{notice.for_reservation_id} stand: the GPUs of R{notice.reservation_id} are taken back"
        f" at {slack_time(notice.takes_at)}."
    )
    return Card(text, (section(text),))


def yielded_card(view: ReservationView, *, after_epoch: bool) -> Card:
    """Return what a holder is told who yields."""
    number, after = f"R{view.reservation_id}", view.goes_on
    when = "after the epoch that runs" if after_epoch else "now"
    goes_on = f" It goes on {window_text(after.window)} (R{after.reservation_id})." if after else ""
    text = f":handshake: *{number} saves a checkpoint and stops {when}.*{goes_on} Thank you."
    return Card(text, (section(text),))


def said_card(text: str) -> Card:
    """Return a plain answer."""
    return Card(text, (section(text),))


def object_modal(reservation_id: int) -> Block:
    """Return the form that asks why a holder objects."""
    return {
        "type": "modal",
        "callback_id": OBJECT_CALLBACK,
        "private_metadata": str(reservation_id),
        "title": plain(f"Object: R{reservation_id}", 24),
        "submit": plain("Send", 24),
        "close": plain("Back", 24),
        "blocks": [
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "label": plain("Why should it keep its GPUs?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON_BLOCK,
                    "multiline": True,
                    "max_length": REASON_CHARS,
                },
            }
        ],
    }


_WRITERS: Mapping[type[Notice], Callable[[Any], Card]] = {
    PreemptionAsked: _asked,
    GpusTakenBack: _taken_back,
    TeamLosesGpus: _team_loses,
    PreemptionUndone: _undone,
    PreemptionObjected: _objected,
    ObjectionAnswered: _answered,
}
