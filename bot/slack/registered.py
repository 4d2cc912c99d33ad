"""Everything that Slack can send to Berth, in one table.

A test compares it with app_manifest.yml and docs/commands.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.slack.asked import Asked
from bot.slack.blocks import waiting
from bot.slack.blocks.booking_modal import CALLBACK, TRAIN_ACTION
from bot.slack.blocks.change_buttons import EXTEND_ACTION, MOVE_ACTION
from bot.slack.blocks.mine import OPEN_ACTION
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.slack.desk import Desk
from bot.slack.inbound import click_waiting
from bot.slack.inbound.click_cancel import click_cancel
from bot.slack.inbound.click_change import click_change
from bot.slack.inbound.gpu_command import COMMAND, gpu
from bot.slack.inbound.home_opened import EVENT, home_opened
from bot.slack.inbound.open_form import SHORTCUT, open_form
from bot.slack.inbound.submit_form import Submitted, submit_form
from bot.slack.inbound.take_alternative import take_alternative
from bot.slack.inbound.toggle_training import toggle_training

Work = Callable[[Desk, Asked], Awaitable[None]]
"""What is done after the acknowledgement."""

Submission = Callable[[Desk, Asked], Awaitable[Submitted]]
"""What a submitted form turns into; the acknowledgement carries it."""

COMMANDS: Mapping[str, Work] = {COMMAND: gpu}
ACTIONS: Mapping[str, Work] = {
    OPEN_ACTION: open_form,
    TRAIN_ACTION: toggle_training,
    ALTERNATIVE_ACTION: take_alternative,
    CANCEL_ACTION: click_cancel,
    waiting.JOIN_ACTION: click_waiting.join_waitlist,
    waiting.LEAVE_ACTION: click_waiting.leave_waitlist,
    waiting.ACCEPT_ACTION: click_waiting.accept_window,
    waiting.DECLINE_ACTION: click_waiting.decline_window,
    waiting.QUEUE_ACTION: click_waiting.join_queue,
    waiting.DEQUEUE_ACTION: click_waiting.leave_queue,
    EXTEND_ACTION: click_change,
    MOVE_ACTION: click_change,
}
SHORTCUTS: Mapping[str, Work] = {SHORTCUT: open_form}
EVENTS: Mapping[str, Work] = {EVENT: home_opened}
VIEWS: Mapping[str, Submission] = {CALLBACK: submit_form}
