"""Errors of incidents; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from bot.domain.error_branches import NotFound


class UnknownIncident(NotFound):
    """There is no incident of that number."""

    code = "unknown_incident"

    def __init__(self, incident_id: int) -> None:
        super().__init__(incident_id=incident_id)
        self.incident_id = incident_id
