"""What is wrong with a data set, file by file.

Ultralytics leaves out pictures and labels that it cannot read and says so in its log only.  A run
that trains on half of its data is worth a word, and one without any data a sentence that names
the file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_LEFT_OUT = re.compile(r"(?:[\w-]+: )?(?P<file>/\S.*?): ignoring corrupt [\w/]+: (?P<why>.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN = 3
_PLAINLY = {"No module named 'pi_heif'": "not a picture that can be read"}
"""What Pillow does not know Ultralytics takes for a HEIF picture, and misses its reader."""


@dataclass
class LeftOut:
    """The files of one split that were left out, and why, in the order in which they were met."""

    split: str
    files: list[tuple[str, str]] = field(default_factory=list)

    def note(self, message: str) -> None:
        """Take note of what a log message says, if it is about files that are left out."""
        for line in _COLOUR.sub("", message).splitlines():
            found = _LEFT_OUT.search(line.strip())
            if found:
                why = found["why"].strip()
                self.files.append((Path(found["file"]).name, _PLAINLY.get(why, why)))

    def sentence(self) -> str:
        """Return a sentence that names the first of them, empty if there are none."""
        if not self.files:
            return ""
        named = "; ".join(f"{name} ({why})" for name, why in self.files[:_SHOWN])
        more = f" and {len(self.files) - _SHOWN} more" if len(self.files) > _SHOWN else ""
        count = f"{len(self.files)} file{'s' if len(self.files) > 1 else ''}"
        return f"{count} of {self.split} cannot be used: {named}{more}."


class _Ear(logging.Handler):
    def __init__(self, left_out: LeftOut) -> None:
        super().__init__(logging.INFO)
        self._left_out = left_out

    def emit(self, record: logging.LogRecord) -> None:
        self._left_out.note(record.getMessage())


@contextmanager
def listening(logger: logging.Logger, split: str) -> Iterator[LeftOut]:
    """Hear what ``logger`` says about files of ``split``, however quiet it is set."""
    left_out = LeftOut(split)
    ear, level = _Ear(left_out), logger.level
    logger.addHandler(ear)
    logger.setLevel(min(level, logging.INFO) if level else logging.INFO)
    try:
        yield left_out
    finally:
        logger.setLevel(level)
        logger.removeHandler(ear)
