"""The ``Range`` header, as far as it serves to go on with a download that broke off.

Reference: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import HTTPException

_ONE_RANGE = re.compile(r"^bytes=(\d{1,18})-(\d{1,18})?$")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file: ``size_bytes`` from the byte ``first`` on."""

    first: int
    size_bytes: int


def wanted_range(header: str | None, file_bytes: int) -> ByteRange | None:
    """Return the part that is asked for, or None for the whole.

    A form that is not understood (several ranges, a suffix) means the whole, as the standard has
    it.

    Raises:
        HTTPException: 416, the part begins at or behind the end of the file.
    """
    found = _ONE_RANGE.match(header or "")
    if found is None:
        return None
    first = int(found[1])
    last = min(int(found[2]) if found[2] else file_bytes - 1, file_bytes - 1)
    if first >= file_bytes or last < first:
        raise HTTPException(
            416, "nothing there", headers={"Content-Range": f"bytes */{file_bytes}"}
        )
    return ByteRange(first, last - first + 1)
