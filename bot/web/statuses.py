"""Which HTTP status an error of the domain has."""

from __future__ import annotations

from http import HTTPStatus

from bot.domain.errors import (
    ArtifactDamaged,
    BerthError,
    Conflict,
    IncompatibleAgent,
    InvalidRequest,
    NotAllowed,
    NotFound,
    TokenRefused,
)

_STATUS_OF: tuple[tuple[type[BerthError], HTTPStatus], ...] = (
    (TokenRefused, HTTPStatus.UNAUTHORIZED),
    (ArtifactDamaged, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidRequest, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (IncompatibleAgent, HTTPStatus.UPGRADE_REQUIRED),
    (Conflict, HTTPStatus.CONFLICT),
)


def status_of(error: BerthError) -> HTTPStatus:
    """Return the status of an error: that of its branch of the tree, unless it has its own."""
    return next(
        (status for kind, status in _STATUS_OF if isinstance(error, kind)),
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
