"""Files of runs: kept whole, known by their digest, and the plot shown once."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.domain.errors import ArtifactDamaged, StaleFence
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import EndCause
from bot.services import artifacts, booking, queries
from bot.services.artifacts import PLOT_NAME, FileOfAttempt
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.tables import ArtifactRow
from tests.support.agent import FakeAgent, Trainer
from tests.support.audit_trail import audited
from tests.support.clockwork import Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

T0 = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
PLOT = b"\x89PNG curves"


class Scene:
    """A run that is under way, and the postman who shows it."""

    def __init__(self, berth: UseCases) -> None:
        self.berth, self.postman = berth, Postman()
        self.agent = FakeAgent(berth, a_host(berth, gpus=1))
        request = ReserveRequest(timedelta(hours=2), run=TINY_RUN)
        self.view = berth.run(booking.reserve, a_member(berth), request)
        fire_due(berth)
        self.agent.look()
        self.agent.work()
        self.agent.report()

    @property
    def trainer(self) -> Trainer:
        (trainer,) = self.agent.trainers.values()
        return trainer

    def end(self) -> None:
        self.agent.finish(self.trainer, EndCause.SUCCEEDED)
        self.agent.report()

    def record(self, content: bytes = PLOT, name: str = PLOT_NAME, fence: int = 1) -> None:
        digest = hashlib.sha256(content).hexdigest().upper()
        file = FileOfAttempt(1, fence, name, digest)
        key = self.berth.write(artifacts.reserve_key, file)
        if key is not None:
            self.berth.write(artifacts.record, file, key, len(content))

    def key(self) -> str:
        (row,) = self.rows()
        assert row.key.startswith("attempts/1/")
        assert row.key.endswith("/results.png")
        return row.key

    def plots(self) -> list[str]:
        self.postman.deliver_all(self.berth)
        return self.postman.plots

    def rows(self) -> list[ArtifactRow]:
        return self.berth.database.read(lambda s: list(s.scalars(select(ArtifactRow))))


@pytest.fixture
def scene(berth: UseCases) -> Scene:
    return Scene(berth)


def test_a_whole_file_is_kept_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    shelf = FsspecArtifactStore(str(tmp_path))
    digest = hashlib.sha256(PLOT).hexdigest()
    assert artifacts.keep(shelf, "a/x", PLOT_NAME, [PLOT], digest.upper()) == len(PLOT)
    assert shelf.get("a/x") == PLOT
    with pytest.raises(ArtifactDamaged) as refusal:
        artifacts.keep(shelf, "a/y", PLOT_NAME, [PLOT, b"?"], digest)
    assert refusal.value.name == PLOT_NAME
    assert shelf.keys() == ("a/x",)


def test_a_plot_that_comes_before_the_end_is_shown_with_it(scene: Scene) -> None:
    with audited(scene.berth) as trail:
        scene.record()
    event = trail.only()
    assert (event.action, event.actor) == ("artifact.stored", "host1")
    assert event.data["name"] == PLOT_NAME
    assert scene.plots() == []
    scene.end()
    assert scene.plots() == [scene.key()]


def test_a_plot_that_comes_after_the_end_is_shown_then(scene: Scene) -> None:
    scene.end()
    assert scene.plots() == []
    scene.record()
    assert scene.plots() == [scene.key()]
    run = scene.berth.run(queries.reservation, scene.view.reservation_id).run
    assert run is not None
    assert run.plot_file_id == "F1"
    card = scene.postman.cards[scene.view.reservation_id]
    assert card.run is not None
    assert card.run.plot_file_id == "F1", "and the card shows it"


@pytest.mark.parametrize("before_the_end", [True, False])
def test_a_plot_that_is_sent_again_is_shown_once(scene: Scene, before_the_end: bool) -> None:
    if before_the_end:
        scene.record()
        scene.record()
        scene.end()
    else:
        scene.end()
        scene.record()
    with audited(scene.berth) as trail:
        scene.record()
    assert trail.actions == []
    assert scene.plots() == [scene.key()]
    (row,) = scene.rows()
    assert row.sha256 == hashlib.sha256(PLOT).hexdigest()


def test_a_file_that_is_sent_anew_is_known_by_its_new_digest(scene: Scene) -> None:
    scene.record()
    scene.record(b"longer than before")
    (row,) = scene.rows()
    assert (row.size_bytes, row.sha256) == (18, hashlib.sha256(b"longer than before").hexdigest())


def test_other_files_are_kept_and_not_shown(scene: Scene) -> None:
    scene.record(name="best.pt")
    scene.end()
    scene.record(name="results.csv")
    assert scene.plots() == []
    assert {row.name for row in scene.rows()} == {"best.pt", "results.csv"}


def test_a_stale_attempt_stores_nothing(scene: Scene) -> None:
    for fence in (0, 2):
        with audited(scene.berth) as trail, pytest.raises(StaleFence):
            scene.record(fence=fence)
        assert trail.actions == []
    unknown = FileOfAttempt(99, 1, PLOT_NAME, "0" * 64)
    with pytest.raises(StaleFence):
        scene.berth.write(artifacts.record, unknown, "a/b", 1)
    assert scene.rows() == []
