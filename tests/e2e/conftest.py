"""A whole Berth in processes of its own: stand-in, control plane, agent, trainer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import World, run_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A running Berth with two simulated GPUs on one host."""
    yield from run_world(tmp_path / "demo")
