"""Kinds of GPUs as people write them in a booking: ``4xA100``, ``2 x h100``, ``a100``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.domain.gpu_types import matching_models

TYPE = r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*"
_WORD = re.compile(rf"{TYPE}\Z")
_COUNT_AND_TYPE = re.compile(rf"(\d{{1,6}})[x\u00d7]({TYPE})\Z", re.IGNORECASE)
_PLAIN_COUNT = re.compile(r"\d+x?(?:gpus?|cards?)?\Z", re.IGNORECASE)
_TIMES = frozenset({"x", "\u00d7"})
_LIKE_A_NAME = re.compile(r"[a-z]{1,6}-?\d{1,4}[a-z]{0,2}(?:[-_][a-z0-9]+)*\Z", re.IGNORECASE)
_WELL_KNOWN = re.compile(
    r"(?:[abh]?[abh]\d00|h20|a(?:10|16|30|40)g?|l4|l40s?|t4|v100s?|p100|k80|g[bh][23]00|b300"
    r"|a[2456]000|rtx-?\d{4}|mi\d{2,3}x?)(?:[-_][a-z0-9]+)*\Z",
    re.IGNORECASE,
)
LONGEST_TYPE = 60


def read_count_and_type(words: Sequence[str]) -> tuple[int, str, int] | None:
    """Read ``4xA100`` or ``2 x h100``.

    Returns:
        How many, which kind, and how many words that took; or None if the words start otherwise.
    """
    first = words[0].rstrip(",")
    if _PLAIN_COUNT.match(first) and (len(words) < 2 or words[1].lower() not in _TIMES):
        return None
    if match := _COUNT_AND_TYPE.match(first):
        return int(match[1]), match[2][:LONGEST_TYPE], 1
    spread = len(words) > 2 and words[1].lower() in _TIMES and first.isdecimal() and len(first) < 7
    if spread and _WORD.match(kind := words[2].rstrip(",")):
        return int(first), kind[:LONGEST_TYPE], 3
    return None


def read_type(word: str, models: Sequence[str]) -> str | None:
    """Return the kind of GPU that a word alone names, or None.

    It must look like the name of one, and be one that Berth has; or one that everybody knows, so
    that a kind which is not there is refused by its name instead of becoming a note.
    """
    bare = word.rstrip(",")
    if len(bare) > LONGEST_TYPE or not _LIKE_A_NAME.match(bare):
        return None
    known = bool(matching_models(bare, models)) or bool(_WELL_KNOWN.match(bare))
    return bare if known else None
