"""The version of the wire contract, and which versions may talk to each other."""

from __future__ import annotations

PROTOCOL_VERSION = 1
OLDEST_COMPATIBLE_VERSION = 1


def is_compatible(other: int) -> bool:
    """Tell whether a peer that speaks version ``other`` can be understood.

    Newer peers are accepted because they only add fields; see the package's docstring.
    """
    return other >= OLDEST_COMPATIBLE_VERSION
