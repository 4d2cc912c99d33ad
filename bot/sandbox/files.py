"""Uploaded files."""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import BOT_USER_ID


@dataclass
class StoredFile:
    """A file on its way up, or uploaded."""

    id: str
    name: str
    length: int
    created_s: int
    title: str = ""
    content: bytes | None = None
    complete: bool = False
    shares: dict[str, list[str]] = field(default_factory=dict)

    @property
    def mimetype(self) -> str:
        """The media type that the name suggests."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def path(self) -> str:
        """Where the stand-in serves the content."""
        return f"/files/{self.id}/{quote(self.name, safe='')}"

    def json(self, base_url: str) -> Json:
        """Return the file object of the Web API."""
        return {
            "id": self.id,
            "created": self.created_s,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": PurePosixPath(self.name).suffix.lstrip(".") or "binary",
            "size": self.length,
            "user": BOT_USER_ID,
            "url_private": f"{base_url}{self.path}",
            "url_private_download": f"{base_url}{self.path}",
            "permalink": f"https://berth.slack.com/files/{BOT_USER_ID}/{self.id}",
            "channels": sorted(self.shares),
            "shares": {
                "public": {
                    channel: [{"ts": ts} for ts in stamps]
                    for channel, stamps in self.shares.items()
                }
            },
        }


class FileShelf:
    """Files by id, through the three steps of Slack's external upload."""

    def __init__(self) -> None:
        self.by_id: dict[str, StoredFile] = {}

    def expect(self, name: str, length: int, created_s: int) -> StoredFile:
        """Promise a place for a file of `length` bytes."""
        file_id = f"F{secrets.token_hex(5).upper()}"
        self.by_id[file_id] = StoredFile(file_id, name, length, created_s)
        return self.by_id[file_id]

    def get(self, file_id: str) -> StoredFile:
        """Return an uploaded and completed file.

        Raises:
            SlackError: `file_not_found`.
        """
        stored = self.by_id.get(file_id)
        if stored is None or not stored.complete:
            raise SlackError("file_not_found")
        return stored

    def complete(self, file_id: str, title: str) -> StoredFile:
        """Finish an upload.

        Raises:
            SlackError: `file_not_found` if nothing was uploaded.
        """
        stored = self.by_id.get(file_id)
        if stored is None or stored.content is None:
            raise SlackError("file_not_found")
        stored.title = title
        stored.complete = True
        return stored
