"""``/gpu report``."""

from __future__ import annotations

import asyncio

from bot.services import use_reports
from bot.services.report_csv import report_csv
from bot.services.report_picture import alt_text, report_picture
from bot.slack.asked import Asked
from bot.slack.blocks.report import report_card
from bot.slack.desk import Desk
from bot.slack.outbound.file_answers import FileAnswer, send_files
from bot.slack.report_grammar import parse_report


async def show_report(desk: Desk, asked: Asked, rest: str) -> None:
    """Tell who had what; the picture and the CSV go to the one who asked as a direct message.

    Raises:
        UnreadableRequest: it was asked for in words that are not understood.
        Unavailable: Slack does not take the files.
    """
    member, zone = await desk.member(asked)
    start = parse_report(rest, desk.clock.now(), zone)
    report = await desk.run(use_reports.report, member, start)
    await desk.answering.tell(asked, report_card(report, desk.public_url))
    picture = await asyncio.to_thread(report_picture, report)
    files = (
        FileAnswer("report.png", "Who had what", picture, alt_text(report)),
        FileAnswer("report.csv", "The figures", report_csv(report)),
    )
    await send_files(desk.client, asked.user_id, files, "Your report")
