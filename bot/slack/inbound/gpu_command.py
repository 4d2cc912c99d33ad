"""``/gpu …``: finds the sub-command that is meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.slack.asked import Asked
from bot.slack.desk import Desk
from bot.slack.grammar import parse_command, unescape
from bot.slack.inbound.admin_hosts import show_hosts
from bot.slack.inbound.admin_people import move_member, role
from bot.slack.inbound.admin_teams import show_teams, team
from bot.slack.inbound.audit_command import show_audit
from bot.slack.inbound.calendar_command import calendar
from bot.slack.inbound.cancel_command import cancel
from bot.slack.inbound.change_commands import extend, move, shorten
from bot.slack.inbound.click_process import show_processes
from bot.slack.inbound.help_command import show_help
from bot.slack.inbound.logs_command import show_logs
from bot.slack.inbound.mine_command import show_mine
from bot.slack.inbound.outage_commands import (
    broken,
    drain,
    repaired,
    show_or_plan_maintenance,
    undrain,
)
from bot.slack.inbound.plan_command import plan
from bot.slack.inbound.report_command import show_report
from bot.slack.inbound.reserve_command import reserve
from bot.slack.inbound.run_commands import continue_run, retry
from bot.slack.inbound.series import show_series
from bot.slack.inbound.share_command import show_share
from bot.slack.inbound.status_command import show_short_status, show_status
from bot.slack.inbound.swap_command import swap
from bot.slack.inbound.template_command import template
from bot.slack.inbound.train_command import train
from bot.slack.inbound.transfer_command import transfer
from bot.slack.inbound.waitlist_command import show_or_join_queue, show_or_join_waitlist
from bot.slack.inbound.web_command import show_web
from bot.slack.mentions import without_markup

COMMAND = "/gpu"

SubCommand = Callable[[Desk, Asked, str], Awaitable[None]]

SUB_COMMANDS: Mapping[str, SubCommand] = {
    "": show_short_status,
    "reserve": reserve,
    "train": train,
    "template": template,
    "logs": show_logs,
    "status": show_status,
    "share": show_share,
    "mine": show_mine,
    "web": show_web,
    "audit": show_audit,
    "report": show_report,
    "calendar": calendar,
    "cancel": cancel,
    "series": show_series,
    "plan": plan,
    "extend": extend,
    "shorten": shorten,
    "move": move,
    "continue": continue_run,
    "retry": retry,
    "transfer": transfer,
    "swap": swap,
    "waitlist": show_or_join_waitlist,
    "queue": show_or_join_queue,
    "maintenance": show_or_plan_maintenance,
    "drain": drain,
    "undrain": undrain,
    "broken": broken,
    "repaired": repaired,
    "teams": show_teams,
    "team": team,
    "role": role,
    "member": move_member,
    "hosts": show_hosts,
    "processes": show_processes,
    "help": show_help,
}


TAKES_PEOPLE = frozenset({"transfer", "team", "role", "member", "audit"})
"""Those that read mentions themselves; in the words of all others people go by their names."""


async def gpu(desk: Desk, asked: Asked) -> None:
    """Do what was written after ``/gpu``.

    Raises:
        UnknownCommand: there is no such sub-command.
        BerthError: whatever the sub-command raises.
    """
    name, rest = parse_command(unescape(asked.text))
    if name not in TAKES_PEOPLE:
        _, rest = parse_command(unescape(without_markup(asked.text)))
    await SUB_COMMANDS[name](desk, asked, rest)
