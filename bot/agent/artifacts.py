"""Which files of a training are worth sending to the control plane."""

from __future__ import annotations

from pathlib import Path

SHOWN_WITH_THE_END = ("results.png", "results.csv", "args.yaml")
"""Small, and wanted on the card that tells the end; they are sent before it."""

_PLACES = {name: name for name in SHOWN_WITH_THE_END} | {"best.pt": "weights/best.pt"}
_MIB = 1024 * 1024


def artifact_path(run_dir: Path, name: str) -> Path | None:
    """Return the file that ``name`` stands for, or None if it is not a plain file of the run."""
    path = run_dir / _PLACES.get(name, name)
    inside = path.resolve().is_relative_to(run_dir.resolve())
    return path if inside and path.is_file() else None


def find_artifacts(run_dir: Path, largest_weights_mib: int) -> tuple[str, ...]:
    """Return the names to upload, the small files first."""
    found: list[str] = []
    for name in _PLACES:
        path = artifact_path(run_dir, name)
        if path is not None and path.stat().st_size <= largest_weights_mib * _MIB:
            found.append(name)
    return tuple(found)
