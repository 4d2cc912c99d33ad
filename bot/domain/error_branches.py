"""The root and the branches of the tree of errors; `bot.domain.errors` draws all of it."""

from __future__ import annotations

from typing import ClassVar


class BerthError(Exception):
    """Base of all anticipated errors. ``code`` is stable; attributes are plain data."""

    code: ClassVar[str] = "error"

    def __init__(self, **data: object) -> None:
        super().__init__(self.code)
        self.data = data

    def __str__(self) -> str:
        """Return code and data, for logs only."""
        details = ", ".join(f"{name}={value!r}" for name, value in self.data.items())
        return f"{self.code}({details})"


class InvalidRequest(BerthError):
    """What was asked makes no sense; asking again the same way will not help."""

    code = "invalid_request"


class NotFound(BerthError):
    """What was named does not exist."""

    code = "not_found"


class NotAllowed(BerthError):
    """The one who asks may not do this."""

    code = "not_allowed"


class Conflict(BerthError):
    """The request made sense, but the world does not allow it as it is now."""

    code = "conflict"


class Unavailable(BerthError):
    """Nothing is wrong with the request; it could not be served now."""

    code = "unavailable"
