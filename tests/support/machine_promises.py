"""Which errors the docstring of a use case names: it may raise those, and no others."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from bot.domain import errors
from bot.domain.errors import BerthError, ClaimOverlap

_NAMES = re.compile(r"^ {4}([A-Z]\w*(?:, [A-Z]\w*)*):(.*)$")


@cache
def promised_errors(use_case: Callable[..., Any]) -> tuple[type[BerthError], ...]:
    """Return the errors that a use case names below ``Raises:``.

    "BerthError: as `extend` does" stands for those of `extend`.
    """
    text = inspect.getdoc(use_case) or ""
    found: list[type[BerthError]] = []
    for line in text.partition("Raises:\n")[2].splitlines():
        match = _NAMES.match(line)
        if match is None:
            continue
        names, words = match.groups()
        other = re.search(r"as `(\w+)` does", words)
        if names == "BerthError" and other is not None:
            found += promised_errors(getattr(sys.modules[use_case.__module__], other[1]))
        else:
            found += [getattr(errors, name) for name in names.split(", ")]
    return tuple(found)


def is_promised(use_case: Callable[..., Any], error: BerthError) -> bool:
    """Tell whether a use case says that it raises this, to who is alone with the database."""
    if isinstance(error, ClaimOverlap):
        return False  # nobody else is there to lose a race to
    return isinstance(error, promised_errors(use_case))
