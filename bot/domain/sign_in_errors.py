"""Errors of signing in to the pages; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from bot.domain.error_branches import NotAllowed


class LinkOver(NotAllowed):
    """A link for signing in has been used, is too old, or never was."""

    code = "link_over"


class SignInRefused(NotAllowed):
    """Signing in by Slack did not end as it should.

    ``why``: ``declined`` (by the person), ``stale`` (too late, or in another browser),
    ``not_proven`` (what Slack answered cannot be trusted) or ``other_workspace``.
    """

    code = "sign_in_refused"

    def __init__(self, why: str) -> None:
        super().__init__(why=why)
        self.why = why


class NotFromOurPages(NotAllowed):
    """A browser that is signed in sent a change, but not from one of Berth's own pages."""

    code = "not_from_our_pages"
