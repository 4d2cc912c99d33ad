"""Where the description of a data set points: only below the folders that the host allows.

A YAML below an allowed folder may name pictures anywhere.  It is read here, before anything runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_SPLITS = ("train", "val", "validation", "test", "minival")
_MOST_BYTES = 4 * 1024 * 1024


class DataOutside(Exception):
    """A description leads out of the allowed folders, or says nothing; the text is a sentence."""


def require_inside(description: Path, roots: tuple[Path, ...]) -> None:
    """Check every path that ``description`` names, links resolved, and every list of pictures.

    What does not exist is left to the trainer to tell.

    Raises:
        DataOutside: One leads out of ``roots``, or the file is not a description.
    """
    real_roots = tuple(root.resolve() for root in roots)
    described = _read(description)
    for key, path in _named(described, description.parent):
        real = path.resolve()
        if not _inside(real, real_roots):
            raise DataOutside(
                f"The dataset {description.name} points outside of this host's data folders: its "
                f"“{key}” is {str(path)[:200]}. Put the pictures below a data folder."
            )
        if real.is_file():
            _require_listed_inside(real, real_roots)


def _read(description: Path) -> dict[str, Any]:
    try:
        if description.stat().st_size > _MOST_BYTES:
            raise DataOutside(f"The dataset {description.name} is too large for a description.")
        described = yaml.safe_load(description.read_text(encoding="utf-8", errors="replace"))
    except (yaml.YAMLError, OSError, RecursionError) as error:
        where = " ".join(str(error).split())[:300]
        raise DataOutside(f"The dataset {description.name} cannot be read: {where}") from error
    if not isinstance(described, dict):
        raise DataOutside(f"The dataset {description.name} names neither “train” nor “val”.")
    return described


def _named(described: dict[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every path with its key, as Ultralytics puts them together."""
    base = folder / str(described.get("path") or ".")
    yield "path", base
    for key in _SPLITS:
        value = described.get(key)
        for one in value if isinstance(value, list) else [value]:
            if one:
                yield key, base / str(one)


def _require_listed_inside(listing: Path, roots: tuple[Path, ...]) -> None:
    """Check a text file of picture paths, one per line; only in their wording, for there are many.

    Raises:
        DataOutside: One leads out of ``roots``.
    """
    with listing.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            path = Path(os.path.normpath(listing.parent / text))
            if text and not _inside(path, roots):
                raise DataOutside(
                    f"Line {number} of {listing.name} points outside of this host's data folders: "
                    f"{text[:200]}."
                )


def _inside(path: Path, roots: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(root) for root in roots)
