"""Modals, their stacks, and App Home tabs."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import Any

from bot.sandbox.changes import Changes
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.messages import with_ids
from bot.sandbox.options import APP_ID, BOT_ID, TEAM_ID

STACK_LIMIT = 3
"""The root view and two pushed on it. https://docs.slack.dev/surfaces/modals"""


class ViewBook:
    """Open modals per person (a stack of at most three) and published home tabs."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.by_id: dict[str, Json] = {}
        self.stacks: dict[str, list[str]] = defaultdict(list)
        self.homes: dict[str, str] = {}

    def stack(self, user: str) -> list[Json]:
        """Return the person's open modals, the visible one last."""
        return [self.by_id[view_id] for view_id in self.stacks[user]]

    def home(self, user: str) -> Json | None:
        """Return the person's home tab, if one was published."""
        return self.by_id.get(self.homes.get(user, ""))

    def get(self, view_id: str | None, external_id: str | None = None) -> Json:
        """Return an open modal or a home tab.

        Raises:
            SlackError: `not_found`.
        """
        if view_id in self.by_id:
            return self.by_id[view_id or ""]
        for view in self.by_id.values():
            if external_id and view["external_id"] == external_id:
                return view
        raise SlackError("not_found")

    def seen_by(self, user: str, view_id: str) -> Json:
        """Return one of the person's own modals, or their home tab.

        Raises:
            SlackError: `not_found`.
        """
        if view_id in self.stacks[user] or view_id == self.homes.get(user):
            return self.by_id[view_id]
        raise SlackError("not_found")

    def open(self, user: str, view: Json) -> Json:
        """Open a modal as the root of a new stack.

        Raises:
            SlackError: `duplicate_external_id`.
        """
        self._refuse_duplicate(view, None)
        self.drop_stack(user)
        return self._put(user, _build(view))

    def push(self, user: str, view: Json) -> Json:
        """Open a modal above the visible one.

        Raises:
            SlackError: `not_found` without an open modal, `push_limit_reached`,
                `duplicate_external_id`.
        """
        stack = self.stacks[user]
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise SlackError("push_limit_reached")
        self._refuse_duplicate(view, None)
        built = _build(view, previous_view_id=stack[-1], root_view_id=stack[0])
        return self._put(user, built)

    def update(self, old: Json, view: Json, hash_: str | None) -> Json:
        """Replace what a view shows.

        Args:
            old: the view as stored.
            view: what it shall show.
            hash_: if given, the hash that the caller saw last.

        Raises:
            SlackError: `hash_conflict`, `duplicate_external_id`.
        """
        if hash_ and hash_ != old["hash"]:
            raise SlackError("hash_conflict")
        self._refuse_duplicate(view, old["id"])
        kept = {key: old[key] for key in ("id", "root_view_id", "previous_view_id")}
        self.by_id[old["id"]] = _build(view, **kept)
        self._changes.bump()
        return self.by_id[old["id"]]

    def publish(self, user: str, view: Json, hash_: str | None) -> Json:
        """Set a person's home tab.

        Raises:
            SlackError: `hash_conflict`, `duplicate_external_id`.
        """
        old = self.home(user)
        if old is not None:
            return self.update(old, view, hash_)
        self._refuse_duplicate(view, None)
        built = _build(view)
        self.by_id[built["id"]] = built
        self.homes[user] = built["id"]
        self._changes.bump()
        return built

    def pop(self, user: str) -> None:
        """Close the visible modal; the one below shows again."""
        if self.stacks[user]:
            self.by_id.pop(self.stacks[user].pop(), None)
            self._changes.bump()

    def drop_stack(self, user: str) -> None:
        """Close every modal of a person."""
        while self.stacks[user]:
            self.pop(user)

    def _put(self, user: str, view: Json) -> Json:
        self.by_id[view["id"]] = view
        self.stacks[user].append(view["id"])
        self._changes.bump()
        return view

    def _refuse_duplicate(self, view: Json, own_id: str | None) -> None:
        wanted = view.get("external_id")
        for other in self.by_id.values():
            if wanted and other["external_id"] == wanted and other["id"] != own_id:
                raise SlackError("duplicate_external_id")


def _build(view: Json, **given: Any) -> Json:
    view_id = f"V{secrets.token_hex(5).upper()}"
    built: Json = {
        "id": view_id,
        "team_id": TEAM_ID,
        "type": view["type"],
        "blocks": with_ids(view["blocks"]),
        "private_metadata": view.get("private_metadata", ""),
        "callback_id": view.get("callback_id", ""),
        "state": {"values": {}},
        "hash": f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}",
        "title": view.get("title"),
        "clear_on_close": view.get("clear_on_close", False),
        "notify_on_close": view.get("notify_on_close", False),
        "close": view.get("close"),
        "submit": view.get("submit"),
        "previous_view_id": None,
        "root_view_id": view_id,
        "app_id": APP_ID,
        "external_id": view.get("external_id", ""),
        "app_installed_team_id": TEAM_ID,
        "bot_id": BOT_ID,
    }
    return {**built, **given}
