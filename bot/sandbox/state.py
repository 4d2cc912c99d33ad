"""Everything one stand-in remembers, in one place."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from bot.ports.clock import Clock
from bot.sandbox.call_log import CallLog
from bot.sandbox.changes import Changes
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.faults import Faults
from bot.sandbox.files import FileShelf
from bot.sandbox.messages import MessageBook
from bot.sandbox.options import StandInOptions
from bot.sandbox.rate_limits import RateLimits
from bot.sandbox.triggers import ResponseUrls, Triggers
from bot.sandbox.views import ViewBook
from bot.sandbox.workspace import Workspace


class StandInState:
    """The workspace, what was written in it, and what the app did.

    Attributes:
        base_url: where the stand-in listens, without a trailing slash; set when it starts.
        tell_app: sends an event to the app in the background; set when it starts.
    """

    def __init__(self, clock: Clock, options: StandInOptions) -> None:
        self.clock = clock
        self.options = options
        self.changes = Changes()
        self.workspace = Workspace(clock)
        self.messages = MessageBook(clock, self.changes)
        self.files = FileShelf()
        self.views = ViewBook(self.changes)
        self.triggers = Triggers(options.trigger_life_s)
        self.response_urls = ResponseUrls(options.response_url_uses, options.response_url_life_s)
        self.log = CallLog()
        self.faults = Faults()
        self.limits = RateLimits(enabled=options.rate_limits)
        self.base_url = ""
        self.tell_app: Callable[[Json], None] = _tell_nobody
        self._socket_tickets: set[str] = set()

    def issue_socket_ticket(self) -> str:
        """Return a ticket for one Socket Mode connection."""
        ticket = secrets.token_hex(16)
        self._socket_tickets.add(ticket)
        return ticket

    def spend_socket_ticket(self, ticket: str) -> bool:
        """Use a ticket up. Returns False if it never existed or was used."""
        known = ticket in self._socket_tickets
        self._socket_tickets.discard(ticket)
        return known

    def file_ids(self) -> set[str]:
        """Return the ids of the files that blocks may refer to."""
        return {stored.id for stored in self.files.by_id.values() if stored.complete}

    def human(self, user: str) -> None:
        """Check that someone may act as this person.

        Raises:
            SlackError: `user_not_found` (also for the bot), `user_disabled`.
        """
        person = self.workspace.person(user)
        if person.is_bot:
            raise SlackError("user_not_found")
        if person.deleted:
            raise SlackError("user_disabled")


def _tell_nobody(_event: Json) -> None:
    """Stand in until the stand-in has started."""
