"""Everything that Slack can send to Berth, in one table.

A test compares it with app_manifest.yml and docs/commands.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.slack.asked import Asked
from bot.slack.blocks import (
    again_button,
    forecast_words,
    handover_modals,
    handovers,
    incident_words,
    logs,
    preemption,
    process_words,
    templates,
    train_modal,
    waiting,
)
from bot.slack.blocks.admin import DRAIN_ACTION, UNDRAIN_ACTION
from bot.slack.blocks.approval import APPROVE_ACTION, DECLINE_ACTION, DECLINE_CALLBACK
from bot.slack.blocks.audit import OLDER_ACTION
from bot.slack.blocks.booking_modal import CALLBACK, TRAIN_ACTION
from bot.slack.blocks.change_buttons import EXTEND_ACTION, MOVE_ACTION
from bot.slack.blocks.mine import OPEN_ACTION
from bot.slack.blocks.outage_words import MOVE_ACTION as MAINTENANCE_MOVE_ACTION
from bot.slack.blocks.plan_modal import CALLBACK as PLAN_CALLBACK
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.slack.blocks.retry_words import RETRY_ACTION
from bot.slack.blocks.run_menu import MENU_ACTION
from bot.slack.blocks.series import CANCEL_ACTION as CANCEL_SERIES_ACTION
from bot.slack.blocks.series import CONFIRM_ACTION, DISMISS_ACTION, SKIP_ACTION
from bot.slack.blocks.swap_ideas import ASK_ACTION as ASK_SWAP_ACTION
from bot.slack.blocks.understood import CHANGE_ACTION as CHANGE_REQUEST_ACTION
from bot.slack.blocks.understood import CONFIRM_ACTION as CONFIRM_REQUEST_ACTION
from bot.slack.blocks.usage_buttons import KEEP_ACTION, RELEASE_ACTION, RELEASE_AT_ACTION
from bot.slack.blocks.web_link import OPEN_ACTION as OPEN_PAGES_ACTION
from bot.slack.desk import Desk
from bot.slack.inbound import (
    answer_offer,
    click_forecast,
    click_incident,
    click_process,
    click_waiting,
    logs_command,
    preemption_clicks,
    submit_handover,
    template_command,
    train_command,
)
from bot.slack.inbound.admin_hosts import click_drain, click_undrain
from bot.slack.inbound.ask_swap import ask_swap
from bot.slack.inbound.audit_command import show_older
from bot.slack.inbound.click_cancel import click_cancel
from bot.slack.inbound.click_change import click_change
from bot.slack.inbound.click_usage import choose_end, click_keep, click_release
from bot.slack.inbound.confirm_request import change_request, confirm_request
from bot.slack.inbound.decide_approval import click_approve, click_decline, submit_decline
from bot.slack.inbound.gpu_command import COMMAND, gpu
from bot.slack.inbound.home_opened import EVENT, home_opened
from bot.slack.inbound.link_previews import EVENT as LINK_SHARED
from bot.slack.inbound.link_previews import preview_links
from bot.slack.inbound.message_shortcut import MESSAGE_SHORTCUT, open_form_for_message
from bot.slack.inbound.open_form import SHORTCUT, open_form
from bot.slack.inbound.plan_command import submit_plan
from bot.slack.inbound.run_commands import click_retry
from bot.slack.inbound.series import (
    click_cancel_series,
    confirm_series,
    dismiss_series,
    skip_next,
)
from bot.slack.inbound.submit_form import Submitted, submit_form
from bot.slack.inbound.take_alternative import take_alternative
from bot.slack.inbound.toggle_training import toggle_training
from bot.slack.inbound.transfer_command import click_transfer
from bot.slack.inbound.web_command import click_link

Work = Callable[[Desk, Asked], Awaitable[None]]
"""What is done after the acknowledgement."""

Submission = Callable[[Desk, Asked], Awaitable[Submitted]]
"""What a submitted form turns into; the acknowledgement carries it."""

COMMANDS: Mapping[str, Work] = {COMMAND: gpu}
ACTIONS: Mapping[str, Work] = {
    OPEN_ACTION: open_form,
    TRAIN_ACTION: toggle_training,
    again_button.AGAIN_ACTION: train_command.click_again,
    train_modal.TEMPLATE_ACTION: train_command.choose_template,
    templates.DELETE_ACTION: template_command.click_delete,
    MENU_ACTION: logs_command.choose_from_menu,
    logs.AGAIN_ACTION: logs_command.refresh_log,
    logs.FULL_ACTION: logs_command.full_log,
    incident_words.ACKNOWLEDGE_ACTION: click_incident.click_acknowledge,
    process_words.ADOPT_ACTION: click_process.click_adopt,
    process_words.DENY_ACTION: click_process.click_deny,
    process_words.STOP_ACTION: click_process.click_stop,
    ALTERNATIVE_ACTION: take_alternative,
    ASK_SWAP_ACTION: ask_swap,
    CONFIRM_REQUEST_ACTION: confirm_request,
    CHANGE_REQUEST_ACTION: change_request,
    CANCEL_ACTION: click_cancel,
    waiting.JOIN_ACTION: click_waiting.join_waitlist,
    waiting.LEAVE_ACTION: click_waiting.leave_waitlist,
    waiting.ACCEPT_ACTION: click_waiting.accept_window,
    waiting.DECLINE_ACTION: click_waiting.decline_window,
    waiting.QUEUE_ACTION: click_waiting.join_queue,
    waiting.DEQUEUE_ACTION: click_waiting.leave_queue,
    EXTEND_ACTION: click_change,
    MOVE_ACTION: click_change,
    RETRY_ACTION: click_retry,
    handovers.TRANSFER_OPEN_ACTION: click_transfer,
    handovers.TRANSFER_ACCEPT_ACTION: answer_offer.accept_transfer,
    handovers.TRANSFER_DECLINE_ACTION: answer_offer.decline_transfer,
    handovers.TRANSFER_WITHDRAW_ACTION: answer_offer.withdraw_transfer,
    handovers.SWAP_ACCEPT_ACTION: answer_offer.accept_swap,
    handovers.SWAP_DECLINE_ACTION: answer_offer.decline_swap,
    handovers.SWAP_WITHDRAW_ACTION: answer_offer.withdraw_swap,
    CONFIRM_ACTION: confirm_series,
    DISMISS_ACTION: dismiss_series,
    SKIP_ACTION: skip_next,
    CANCEL_SERIES_ACTION: click_cancel_series,
    APPROVE_ACTION: click_approve,
    DECLINE_ACTION: click_decline,
    preemption.ASK_ACTION: preemption_clicks.click_ask,
    preemption.APPROVE_ACTION: preemption_clicks.click_approve,
    preemption.YIELD_ACTION: preemption_clicks.click_yield,
    preemption.EPOCH_ACTION: preemption_clicks.click_epoch,
    preemption.OBJECT_ACTION: preemption_clicks.click_object,
    preemption.WITHDRAW_ACTION: preemption_clicks.click_withdraw,
    preemption.STAND_ACTION: preemption_clicks.click_stand,
    KEEP_ACTION: click_keep,
    RELEASE_ACTION: click_release,
    RELEASE_AT_ACTION: choose_end,
    MAINTENANCE_MOVE_ACTION: click_change,
    forecast_words.ASK_ACTION: click_forecast.ask_minutes,
    forecast_words.GIVE_ACTION: click_forecast.give_minutes,
    forecast_words.KEEP_ACTION: click_forecast.keep_minutes,
    forecast_words.CONTINUE_ACTION: click_forecast.continue_later,
    forecast_words.FIT_ACTION: click_forecast.fit_to_slot,
    forecast_words.SHORTEN_ACTION: click_forecast.give_back_the_rest,
    OPEN_PAGES_ACTION: click_link,
    OLDER_ACTION: show_older,
    DRAIN_ACTION: click_drain,
    UNDRAIN_ACTION: click_undrain,
}
SHORTCUTS: Mapping[str, Work] = {SHORTCUT: open_form, MESSAGE_SHORTCUT: open_form_for_message}
EVENTS: Mapping[str, Work] = {EVENT: home_opened, LINK_SHARED: preview_links}
VIEWS: Mapping[str, Submission] = {
    CALLBACK: submit_form,
    PLAN_CALLBACK: submit_plan,
    train_modal.CALLBACK: train_command.submit_train,
    templates.SAVE_CALLBACK: template_command.submit_template,
    DECLINE_CALLBACK: submit_decline,
    preemption.OBJECT_CALLBACK: preemption_clicks.submit_objection,
    handover_modals.TRANSFER_CALLBACK: submit_handover.submit_transfer,
    handover_modals.DECLINE_CALLBACK: submit_handover.submit_decline,
}
