"""What the database refused, as errors of the domain."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from bot.domain.errors import ClaimOverlap
from bot.store import claim_guard

# PostgreSQL: serialization failure, deadlock, lock not available.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
_EXCLUSION_VIOLATION, _UNIQUE_VIOLATION = "23P01", "23505"


def is_claim_overlap(error: DBAPIError) -> bool:
    """Tell whether the guard against overlapping claims spoke."""
    return claim_guard.NAME in str(error.orig) or _sqlstate(error) == _EXCLUSION_VIOLATION


def is_worth_retrying(error: DBAPIError) -> bool:
    """Tell whether the same transaction may succeed when it is simply run again.

    That is so for lost races: a deadlock, a busy SQLite file, and a unique row that another
    transaction wrote first, which the second run finds and uses.
    """
    if isinstance(error, IntegrityError):
        return _sqlstate(error) == _UNIQUE_VIOLATION or "UNIQUE constraint" in str(error.orig)
    if _sqlstate(error) in _RETRYABLE_SQLSTATES:
        return True
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


def translate(error: DBAPIError) -> Exception:
    """Return the domain's error for a refusal it knows, else the error itself."""
    return ClaimOverlap() if is_claim_overlap(error) else error


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
