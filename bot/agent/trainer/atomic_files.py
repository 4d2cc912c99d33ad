"""Files that are whole or absent: written beside, synced, then put in place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PosixPath

from typing_extensions import Buffer

PARTIAL_SUFFIX = ".partial"
"""Ends the name of a file that is still being written; one left behind is rubbish."""


def partial_path(target: Path) -> Path:
    """Return where the bytes of ``target`` go until they are complete."""
    return target.with_name(target.name + PARTIAL_SUFFIX)


def sync_and_replace(partial: Path, target: Path) -> None:
    """Force ``partial`` to disk and make it ``target``.

    Raises:
        OSError: The disk is full or fails; ``target`` is then as it was.
    """
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    partial.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Force the folder's entries to disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file so that ``target`` is the old one or the whole new one at any instant.

    Raises:
        OSError: The copy failed; ``target`` is then as it was.
    """
    partial = partial_path(target)
    try:
        shutil.copyfile(source, partial)
        sync_and_replace(partial, target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """Remove what a killed writer has left in ``folder``; a missing folder is fine."""
    for leftover in folder.glob(f"*{PARTIAL_SUFFIX}"):
        leftover.unlink(missing_ok=True)


class AtomicPath(PosixPath):
    """A path whose ``write_bytes`` is atomic.

    Ultralytics writes its checkpoints with ``Path.write_bytes`` alone; handing it paths of this
    kind is enough to keep a kill from leaving half a file.
    """

    def write_bytes(self, data: Buffer) -> int:
        """Write the file whole and return the number of bytes.

        Raises:
            OSError: It could not be written; the old file is then untouched.
        """
        partial = partial_path(Path(self))
        try:
            written = partial.write_bytes(data)
            sync_and_replace(partial, Path(self))
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        return written
