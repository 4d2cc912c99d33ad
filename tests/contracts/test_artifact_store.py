"""What every place for files promises, held to by each."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ports.artifact_store import READ_CHUNK_BYTES, ArtifactStore
from bot.store.artifacts import FsspecArtifactStore


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "files")
    return f"memory://{uuid.uuid4().hex}/berth"


@pytest.fixture
def store(url: str) -> ArtifactStore:
    return FsspecArtifactStore(url)


@pytest.fixture
def replica(url: str) -> ArtifactStore:
    """The same place, opened by another process of the control plane."""
    return FsspecArtifactStore(url)


def torn(first: bytes) -> Iterator[bytes]:
    yield first
    raise ConnectionResetError


def test_what_was_put_is_read_in_chunks_of_bounded_size(store: ArtifactStore) -> None:
    pieces = [bytes([number]) * 700_000 for number in range(5)]
    assert store.put("attempts/1/a/best.pt", iter(pieces)) == 3_500_000
    chunks = list(store.read("attempts/1/a/best.pt"))
    assert b"".join(chunks) == b"".join(pieces)
    assert max(map(len, chunks)) <= READ_CHUNK_BYTES
    assert store.size_bytes("attempts/1/a/best.pt") == 3_500_000


@pytest.mark.parametrize(
    ("first", "size", "expected"),
    [(0, None, b"0123456789"), (4, None, b"456789"), (4, 3, b"456"), (8, 9, b"89"), (10, 5, b"")],
)
def test_a_part_is_read_from_any_byte_on(
    store: ArtifactStore, first: int, size: int | None, expected: bytes
) -> None:
    store.put("a/b", [b"01234", b"56789"])
    assert b"".join(store.read("a/b", first, size)) == expected


def test_a_put_that_breaks_off_leaves_the_older_one_and_nothing_else(store: ArtifactStore) -> None:
    store.put("a/b", [b"older"])
    with pytest.raises(ConnectionResetError):
        store.put("a/b", torn(b"new"))
    with pytest.raises(ConnectionResetError):
        store.put("a/c", torn(b"new"))
    assert store.get("a/b") == b"older"
    assert store.keys() == ("a/b",)


def test_a_newer_one_replaces_the_older(store: ArtifactStore, replica: ArtifactStore) -> None:
    store.put("a/b", [b"older"])
    assert replica.size_bytes("a/b") == 5
    store.put("a/b", [b"newer one"])
    assert replica.get("a/b") == b"newer one"
    assert replica.size_bytes("a/b") == 9


def test_a_reader_never_meets_half_a_file(store: ArtifactStore, replica: ArtifactStore) -> None:
    store.put("a/b", [b"x" * 3_000_000])
    seen: set[bytes] = set()
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            content = replica.get("a/b")
            seen.add(content[:1] + content[-1:] + str(len(content)).encode())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for letter in (b"y", b"z") * 5:
            store.put("a/b", (letter * 300_000 for _ in range(10)))
    finally:
        over.set()
        reader.join()
    assert seen <= {b"xx3000000", b"yy3000000", b"zz3000000"}


def test_what_is_not_there_is_told_at_once(store: ArtifactStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("a/nothing")
    with pytest.raises(FileNotFoundError):
        store.size_bytes("a/nothing")
    with pytest.raises(FileNotFoundError):
        store.get("a/nothing")


def test_deleting_twice_is_harmless(store: ArtifactStore) -> None:
    store.put("a/b", [b"x"])
    store.delete("a/b")
    store.delete("a/b")
    assert store.keys() == ()


def test_keys_are_listed_by_folder(store: ArtifactStore, replica: ArtifactStore) -> None:
    assert store.keys("uploads") == ()
    for key in ("uploads/2/x", "uploads/10/y", "attempts/1/z"):
        store.put(key, [b"."])
    assert replica.keys("uploads") == ("uploads/10/y", "uploads/2/x")
    assert replica.keys() == ("attempts/1/z", "uploads/10/y", "uploads/2/x")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../../b"])
def test_a_key_stays_below_the_root(store: ArtifactStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.put(key, [b""])
