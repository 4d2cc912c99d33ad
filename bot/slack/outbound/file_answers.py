"""Files as answers: put where the one who asked can see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file; ``alt_text`` tells what a picture shows."""

    name: str
    title: str
    content: bytes
    alt_text: str = ""


async def send_files(
    client: AsyncWebClient, slack_user_id: str, files: Sequence[FileAnswer], comment: str
) -> None:
    """Send files to one person alone: nothing that only they see in a channel can hold files.

    https://docs.slack.dev/reference/methods/files.getUploadURLExternal (scope ``files:write``)

    Raises:
        Unavailable: Slack does not take them.
    """
    try:
        opened = await client.conversations_open(users=[slack_user_id])
        await client.files_upload_v2(
            channel=str(opened["channel"]["id"]),
            initial_comment=comment,
            file_uploads=[
                {
                    "filename": one.name,
                    "title": one.title,
                    "content": one.content,
                    **({"alt_txt": one.alt_text} if one.alt_text else {}),
                }
                for one in files
            ],
        )
    except (SlackApiError, OSError, TimeoutError) as error:
        raise Unavailable from error
