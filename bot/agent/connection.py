"""Whether the control plane can be reached, told once per change and not once per failure."""

from __future__ import annotations

import structlog

from bot.agent.backoff import Backoff
from bot.agent.control_plane import ControlPlaneError, MessageRefused, TokenRefused

_log = structlog.get_logger(__name__)
_SLOWLY_S = 30.0


class Connection:
    """What the log has been told so far."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._told: str | None = None

    @property
    def is_up(self) -> bool:
        """Tell whether the control plane answered the last time that it was asked."""
        return self._told == "up"

    def note_up(self) -> None:
        """Take note of an answer."""
        if self._told != "up":
            self._told = "up"
            _log.info("control_plane_reached", url=self._url)

    def note_down(self, error: ControlPlaneError) -> None:
        """Take note of a failure; the same kind of failure is logged once."""
        kind = type(error).__name__
        if self._told == kind:
            return
        self._told = kind
        if isinstance(error, TokenRefused):
            _log.error(
                "token_refused",
                url=self._url,
                advice="Make a new agent token and restart the agent; trainings go on meanwhile.",
            )
        else:
            _log.warning("control_plane_lost", url=self._url, error=str(error))

    def wait_s(self, error: ControlPlaneError, backoff: Backoff) -> float:
        """Return the seconds until the next try; what only an operator can mend is tried slowly."""
        if isinstance(error, TokenRefused | MessageRefused):
            return _SLOWLY_S
        return backoff.next_wait_s()
