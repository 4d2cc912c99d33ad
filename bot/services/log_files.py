"""Whole logs as they are kept: packed, and unpacked piece by piece within bounds."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator

from bot.ports.artifact_store import ArtifactStore

PIECE_BYTES = 2**18
LARGEST_LOG_BYTES = 256 * 2**20
"""No log is unpacked beyond that, whatever a file claims to hold."""

LARGEST_UPLOAD_BYTES = 8 * 2**20
"""As much of a log as goes into a thread: its end says why it ended."""

_GZIP = 16 + zlib.MAX_WBITS


def unpacked(chunks: Iterable[bytes], most_bytes: int = LARGEST_LOG_BYTES) -> Iterator[bytes]:
    """Yield what gzipped chunks hold, in pieces of bounded size, at most ``most_bytes`` in all.

    A file that breaks off, or is damaged, yields what could be read of it.
    """
    left = most_bytes
    reader = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            data = chunk
            while data and left > 0:
                piece = reader.decompress(data, min(PIECE_BYTES, left))
                data = reader.unconsumed_tail or reader.unused_data
                if reader.eof:  # several members may follow each other in one file
                    reader = zlib.decompressobj(_GZIP)
                left -= len(piece)
                if piece:
                    yield piece
            if left <= 0:
                return
    except zlib.error:
        return


def text_of_log(store: ArtifactStore, key: str) -> bytes:
    """Return a log as it goes into a thread: its end, with a line where the start was left out.

    Raises:
        FileNotFoundError: there is nothing under that key.
        OSError: the store cannot be read.
    """
    kept: deque[bytes] = deque()
    size = dropped = 0
    for piece in unpacked(store.read(key)):
        kept.append(piece)
        size += len(piece)
        while size - len(kept[0]) >= LARGEST_UPLOAD_BYTES:
            first = kept.popleft()
            size -= len(first)
            dropped += len(first)
    text = b"".join(kept)
    if not dropped:
        return text or b"(the log is empty)\n"
    note = f"[the first {dropped} bytes are left out; the HTTP API has all of it]\n"
    return note.encode() + text.partition(b"\n")[2]
