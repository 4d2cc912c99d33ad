"""Runs that move from host to host: checkpoints sent, fetched, late, gone and damaged."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from bot.agent.file_transfer import CHUNK_BYTES
from bot.protocol.messages import AttemptState, DesiredAttempt, EndCause, ResumePoint, StopReason
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost, until


@pytest.fixture
def elsewhere(tmp_path: Path, control_plane: FakeControlPlane) -> GpuHost:
    """Another host, with an empty disk."""
    return GpuHost(tmp_path / "elsewhere", control_plane)


async def train_and_preempt(host: GpuHost, control_plane: FakeControlPlane) -> int:
    """Train attempt 1 of run 9 for some epochs, stop it, and return how many are done."""
    async with host.agent():
        wanted = host.attempt(1, data="slow.yaml", run_id=9, epochs=12)
        control_plane.want(wanted)
        await until(lambda: len(control_plane.epochs.get(1, ())) >= 3, "three epochs")
        control_plane.want(wanted.model_copy(update={"stop": StopReason.PREEMPTED}))
        await until(lambda: 1 in control_plane.ends, "the end")
        await until(lambda: not host.folder(1).exists(), "the files forgotten")
    assert control_plane.ends[1].cause is EndCause.STOPPED
    return control_plane.ends[1].epochs_done


def next_attempt(host: GpuHost, resume: ResumePoint) -> DesiredAttempt:
    wanted = host.attempt(2, run_id=9, fence=2, epochs=12)
    return wanted.model_copy(update={"resume": resume})


async def test_a_run_goes_on_at_another_host(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane
) -> None:
    done = await train_and_preempt(host, control_plane)
    history = control_plane.history
    assert history.index("artifact 1 checkpoint.pt") < history.index("end 1")
    assert history.index("artifact 1 checkpoint.csv") < history.index("artifact 1 checkpoint.pt")
    async with elsewhere.agent():
        control_plane.want(next_attempt(elsewhere, control_plane.resume_point(1)))
        await until(lambda: 2 in control_plane.ends, "the end")
        assert control_plane.ends[2].cause is EndCause.SUCCEEDED
        assert control_plane.epochs[2] == list(range(done + 1, 13))
        await until(lambda: (2, "results.csv") in control_plane.artifacts, "the results")
    rows = control_plane.artifacts[2, "results.csv"].decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *map(str, range(1, 13))]


async def test_a_checkpoint_of_this_host_is_not_fetched(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    done = await train_and_preempt(host, control_plane)
    point = control_plane.resume_point(1)
    del control_plane.artifacts[1, "checkpoint.pt"]
    async with host.agent():
        control_plane.want(next_attempt(host, point))
        await until(lambda: 2 in control_plane.ends, "the end")
    assert control_plane.epochs[2] == list(range(done + 1, 13))
    assert control_plane.observations[2].warnings == ()


async def test_while_it_trains_checkpoints_are_sent_as_often_as_wanted(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(data="slow.yaml", epochs=500)
        control_plane.want(wanted.model_copy(update={"checkpoint_every_s": 0.5}))
        await until(lambda: control_plane.epochs_done.get(1, 0) >= 1, "a checkpoint")
        first = control_plane.epochs_done[1]
        await until(lambda: control_plane.epochs_done[1] > first, "a newer one")
        seen = control_plane.observations[1].checkpoint
        assert seen is not None
        assert seen.epochs_done >= first
        assert control_plane.observations[1].state is AttemptState.RUNNING


async def test_between_two_checkpoints_it_is_quiet(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="slow.yaml", epochs=500))
        await until(lambda: control_plane.epochs_done.get(1, 0) >= 1, "a checkpoint")
        first = control_plane.epochs_done[1]
        await until(lambda: control_plane.epochs[1][-1] >= first + 25, "further epochs")
        assert control_plane.epochs_done[1] == first
        seen = control_plane.observations[1].checkpoint
        assert seen is not None
        assert not seen.stored, "what is newer is told of, and that it is not stored"


async def test_a_checkpoint_that_cannot_be_had_now_is_waited_for(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane
) -> None:
    done = await train_and_preempt(host, control_plane)
    control_plane.artifact_status = 503
    async with elsewhere.agent():
        control_plane.want(next_attempt(elsewhere, control_plane.resume_point(1)))
        await until(lambda: _said(control_plane, "could not be fetched yet"), "the reason")
        assert control_plane.observations[2].state is AttemptState.STARTING
        assert elsewhere.starts(2) == 0
        control_plane.artifact_status = None
        await until(lambda: 2 in control_plane.ends, "the end", 30)
        assert control_plane.epochs[2][0] == done + 1


async def test_when_its_time_is_over_it_waits_no_longer_and_never_starts_from_nothing(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane
) -> None:
    await train_and_preempt(host, control_plane)
    control_plane.artifact_status = 503
    async with elsewhere.agent():
        late = elsewhere.attempt(2, run_id=9, fence=2, epochs=12, ends_in_s=2.0, kill_after_s=0.5)
        late = late.model_copy(update={"resume": control_plane.resume_point(1)})
        control_plane.want(late)
        await until(lambda: 2 in control_plane.ends, "the end")
        assert control_plane.ends[2].cause is EndCause.EXPIRED
        assert "could not be fetched" in control_plane.ends[2].detail
    assert elsewhere.starts(2) == 0


@pytest.mark.parametrize(
    ("harm", "words"), [("gone", "is not kept any more"), ("damaged", "arrived damaged")]
)
async def test_what_can_never_be_had_is_done_without_and_told(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane, harm: str, words: str
) -> None:
    await train_and_preempt(host, control_plane)
    point = control_plane.resume_point(1)
    if harm == "gone":
        del control_plane.artifacts[1, "checkpoint.pt"]
    else:
        control_plane.artifacts[1, "checkpoint.pt"] = b"?" * point.size_bytes
    async with elsewhere.agent():
        control_plane.want(next_attempt(elsewhere, point))
        await until(lambda: 2 in control_plane.ends, "the end")
        assert control_plane.epochs[2] == list(range(1, 13))
        (warning,) = control_plane.observations[2].warnings
        assert words in warning
        assert "begins again at the first epoch" in warning


async def test_a_newer_point_to_go_on_from_is_taken_over_while_it_waits(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane
) -> None:
    done = await train_and_preempt(host, control_plane)
    point = control_plane.resume_point(1)
    control_plane.artifacts[8, "checkpoint.pt"] = control_plane.artifacts[1, "checkpoint.pt"]
    control_plane.artifact_status = 503
    async with elsewhere.agent():
        control_plane.want(next_attempt(elsewhere, point))
        await until(lambda: _said(control_plane, "could not be fetched yet"), "the reason")
        del control_plane.artifacts[1, "checkpoint.pt"]
        newer = point.model_copy(update={"attempt_id": 8})
        control_plane.want(next_attempt(elsewhere, newer))
        record = elsewhere.state_dir / "records" / "2.json"
        await until(lambda: '"attempt_id":8' in record.read_text(), "the newer one")
        control_plane.artifact_status = None
        await until(lambda: 2 in control_plane.ends, "the end", 30)
        assert control_plane.epochs[2][0] == done + 1


async def test_without_enough_disk_nothing_starts_and_the_reason_is_told(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    host.changed_options = {"disk_floor_mib": 10**9}
    async with host.agent():
        control_plane.want(host.attempt(1), host.attempt(2, gpu=1))
        await until(lambda: _said(control_plane, "less than the 1000000000 MiB free"), "why")
        assert control_plane.observations[1].state is AttemptState.STARTING
        told = control_plane.reports[-1].host
        assert told is not None
        assert told.disk_free_mib is not None
        assert told.memory_available_mib is not None
        assert 0 < told.disk_free_mib <= (told.disk_total_mib or 0)
        stop = host.attempt(1).model_copy(update={"stop": StopReason.REQUESTED})
        control_plane.want(stop)
        await until(lambda: 1 in control_plane.ends, "the end")
        assert control_plane.ends[1].cause is EndCause.STOPPED
        assert host.starts(1) == 0
        kept = dict(control_plane.attempts)
        control_plane.attempts.clear()
    control_plane.attempts.update(kept)
    host.changed_options = {}
    async with host.agent():
        await until(lambda: 2 in control_plane.ends, "the other one, with room")


async def test_the_log_is_told_while_it_grows_and_sent_when_it_is_over(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    host.changed_options = {"log_section_mib": 0.1}
    tails: list[tuple[str, ...]] = []
    async with host.agent():
        control_plane.want(host.attempt(data="chatty.yaml", epochs=60))
        await until(lambda: 1 in control_plane.ends, "the end")
        await until(lambda: (1, "trainer.log.gz") in control_plane.artifacts, "the log")
    for report in control_plane.reports:
        tails.extend(seen.log_tail for seen in report.observations if seen.log_tail)
    assert len(tails) >= 2
    assert all(one != other for one, other in pairwise(tails)), "told only when it has changed"
    assert all(len(lines) <= 40 and sum(map(len, lines)) <= 8192 for lines in tails)
    log = gzip.decompress(control_plane.artifacts[1, "trainer.log.gz"])
    assert log.startswith(b"epoch 1/60\n")
    assert b"\nepoch 60/60\n" in log
    assert b"was not kept" in log
    assert len(log) < 60 * 20_000 / 2
    assert control_plane.ends[1].log_tail[-1].startswith("60.199 ")


async def test_a_large_checkpoint_goes_in_chunks(
    host: GpuHost, elsewhere: GpuHost, control_plane: FakeControlPlane
) -> None:
    (host.data / "slow.yaml").write_text('{"epoch_s": 0.1, "checkpoint_bytes": 9000000}')
    done = await train_and_preempt(host, control_plane)
    assert max(size for _, size in control_plane.chunks) == CHUNK_BYTES
    async with elsewhere.agent():
        control_plane.want(next_attempt(elsewhere, control_plane.resume_point(1)))
        await until(lambda: 2 in control_plane.ends, "the end")
        assert control_plane.epochs[2][0] == done + 1


def _said(control_plane: FakeControlPlane, words: str) -> bool:
    told = (seen.warnings for seen in control_plane.observations.values())
    return any(words in warning for warnings in told for warning in warnings)
