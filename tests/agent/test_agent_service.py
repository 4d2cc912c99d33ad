"""The whole agent in this process, against a real HTTP server, with real trainer processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from bot.agent.control_plane import IncompatibleControlPlane
from bot.agent.service import run_agent
from bot.agent.state_dir import StateDirInUse
from bot.bootstrap.system_clock import SystemClock
from bot.protocol.messages import AttemptState, EndCause, StopReason
from tests.agent.fake_control_plane import TOKEN, FakeControlPlane
from tests.agent.gpu_host import GpuHost, until


async def until_state(cp: FakeControlPlane, attempt_id: int, state: AttemptState) -> None:
    def reached() -> bool:
        seen = cp.observations.get(attempt_id)
        return seen is not None and seen.state is state

    await until(reached, f"attempt {attempt_id} {state}")


async def until_end(cp: FakeControlPlane, attempt_id: int = 1) -> EndCause:
    await until(lambda: attempt_id in cp.ends, f"end of attempt {attempt_id}")
    return cp.ends[attempt_id].cause


async def test_a_training_runs_to_its_end(host: GpuHost, control_plane: FakeControlPlane) -> None:
    async with host.agent():
        control_plane.want(host.attempt(epochs=5))
        assert await until_end(control_plane) is EndCause.SUCCEEDED
        end = control_plane.ends[1]
        assert control_plane.epochs[1] == [1, 2, 3, 4, 5]
        assert end.epochs_done == 5
        assert end.metrics == {"metrics/mAP50(B)": 0.5}
        assert end.exit_code == 0
        assert end.log_tail[-1] == "epoch 5/5"
        assert set(end.artifacts) >= {"results.png", "results.csv", "args.yaml"}
        await until(lambda: (1, "best.pt") in control_plane.artifacts, "the weights")
        await until(lambda: not host.folder(1).exists(), "the files forgotten")
    assert host.starts(1) == 1


async def test_the_plot_is_there_before_the_end_is_told(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt())
        await until_end(control_plane)
    history = control_plane.history
    assert history.index("artifact 1 results.png") < history.index("end 1")
    assert control_plane.artifacts[1, "results.png"] == b"\x89PNG plot"


async def test_the_end_is_told_even_when_no_artifact_can_be_sent(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.artifact_status = 500
    async with host.agent():
        control_plane.want(host.attempt())
        assert await until_end(control_plane) is EndCause.SUCCEEDED
        assert control_plane.ends[1].artifacts == ()
        control_plane.artifact_status = None
        await until(lambda: (1, "results.png") in control_plane.artifacts, "the late plot")


async def test_a_soft_stop_lets_the_trainer_save(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(data="endless.yaml")
        control_plane.want(wanted)
        await until_state(control_plane, 1, AttemptState.RUNNING)
        control_plane.want(wanted.model_copy(update={"stop": StopReason.PREEMPTED}))
        assert await until_end(control_plane) is EndCause.STOPPED
        assert control_plane.ends[1].exit_code == 0


async def test_an_attempt_that_is_not_desired_any_more_is_stopped_and_forgotten(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        await until_state(control_plane, 1, AttemptState.RUNNING)
        control_plane.unwant(1)
        assert await until_end(control_plane) is EndCause.STOPPED
        await until(lambda: not host.folder(1).exists(), "its files gone")


@pytest.mark.parametrize("data", ["deaf.yaml", "deaf-escape.yaml"])
async def test_after_the_deadline_every_process_is_killed(
    host: GpuHost, control_plane: FakeControlPlane, data: str
) -> None:
    async with host.agent():
        wanted = host.attempt(data=data, kill_after_s=0.3)
        control_plane.want(wanted)
        await until_state(control_plane, 1, AttemptState.RUNNING)
        assert len(host.processes()) == 2  # the trainer and its child
        control_plane.want(wanted.model_copy(update={"stop": StopReason.REQUESTED}))
        assert await until_end(control_plane) is EndCause.KILLED
        assert host.processes() == []
        assert "did not stop within 0.3 s" in control_plane.ends[1].detail


async def test_the_gpu_is_not_given_back_while_a_child_lingers(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="undead-child.yaml"))
        await until(lambda: control_plane.epochs.get(1) == [1, 2, 3], "all epochs")
        assert control_plane.observations[1].state is AttemptState.RUNNING
        assert await until_end(control_plane) is EndCause.SUCCEEDED  # the child was killed
        assert host.processes() == []


@pytest.mark.parametrize(
    ("data", "cause", "words"),
    [
        ("crash.yaml", EndCause.CRASHED, "status 3"),
        ("die.yaml", EndCause.KILLED, "SIGKILL"),
        ("oom.yaml", EndCause.OUT_OF_MEMORY, "halved to 8"),
    ],
)
async def test_how_a_training_fails_is_told(
    host: GpuHost, control_plane: FakeControlPlane, data: str, cause: EndCause, words: str
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data=data))
        assert await until_end(control_plane) is cause
        assert words in control_plane.ends[1].detail
        assert (1, "results.csv") in control_plane.artifacts


async def test_a_stop_during_the_start_is_a_stop(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(data="booting.yaml")
        control_plane.want(wanted)
        await until(lambda: host.starts(1), "the process")
        control_plane.want(wanted.model_copy(update={"stop": StopReason.REQUESTED}))
        assert await until_end(control_plane) is EndCause.STOPPED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "../secret.yaml"}, "not a path below"),
        ({"data": "absent.yaml"}, "not in this host's data folder"),
        ({"model": "yolov8n.pt"}, "train yolov8n.yaml from scratch"),
    ],
)
async def test_what_cannot_run_here_is_refused(
    host: GpuHost, control_plane: FakeControlPlane, changes: dict[str, str], words: str
) -> None:
    async with host.agent():
        attempt = host.attempt()
        spec = attempt.spec.model_copy(update=changes)
        control_plane.want(attempt.model_copy(update={"spec": spec}))
        assert await until_end(control_plane) is EndCause.REFUSED
        assert words in control_plane.ends[1].detail
    assert host.starts(1) == 0


async def test_a_gpu_of_another_host_is_refused(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        attempt = host.attempt().model_copy(update={"gpu_uuids": ("GPU-elsewhere",)})
        control_plane.want(attempt)
        assert await until_end(control_plane) is EndCause.REFUSED


async def test_the_trainer_sees_neither_the_token_nor_the_agents_environment(
    host: GpuHost, control_plane: FakeControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        await until_state(control_plane, 1, AttemptState.RUNNING)
        environment = json.loads((host.folder(1) / "environment.json").read_text())
        command = host.command_line(control_plane.observations[1].pid)
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["HOME"] == str(host.state_dir / "home")
    assert "SLACK_BOT_TOKEN" not in environment
    assert TOKEN not in json.dumps(environment)
    assert TOKEN not in command


async def test_a_cut_network_loses_and_doubles_nothing(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="slow.yaml", epochs=10))
        await until(lambda: len(control_plane.epochs.get(1, ())) >= 2, "two epochs")
        await control_plane.cut()
        await until(lambda: not host.processes(), "the training's end, unheard")
        await control_plane.mend()
        assert await until_end(control_plane) is EndCause.SUCCEEDED
        assert control_plane.epochs[1] == list(range(1, 11))
        await until(lambda: (1, "results.png") in control_plane.artifacts, "the late plot")
    assert host.starts(1) == 1


async def test_cut_off_it_stops_the_training_before_its_claim_ends(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(data="deaf.yaml", ends_in_s=2.5, kill_after_s=1.0)
        control_plane.want(wanted)
        await until_state(control_plane, 1, AttemptState.RUNNING)
        await control_plane.cut()
        await until(lambda: not host.processes(), "the GPU free")
        assert datetime.now(UTC) < wanted.claim_ends_at
        await control_plane.mend()
        assert await until_end(control_plane) is EndCause.EXPIRED


async def test_the_claim_ends_by_the_control_planes_clock(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.clock_ahead_s = 3600.0
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml", ends_in_s=3602, kill_after_s=1))
        assert await until_end(control_plane) is EndCause.EXPIRED


async def test_a_longer_claim_is_taken_over(host: GpuHost, control_plane: FakeControlPlane) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml", ends_in_s=1.6, kill_after_s=0.5))
        await until_state(control_plane, 1, AttemptState.RUNNING)
        longer = host.attempt(data="endless.yaml", ends_in_s=3600)
        control_plane.want(longer)
        record = host.state_dir / "records" / "1.json"
        ends_at = longer.claim_ends_at.isoformat().replace("+00:00", "Z")
        await until(lambda: ends_at in record.read_text(), "the longer claim on disk")
        await asyncio.sleep(1.6)  # past the first end
        assert control_plane.observations[1].state is AttemptState.RUNNING


async def test_an_attempt_that_has_ended_is_never_started_again(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(run_id=5, fence=3)
        control_plane.want(wanted)
        await until_end(control_plane)
        await until(lambda: not host.folder(1).exists(), "forgotten")
        control_plane.ends.clear()
        control_plane.want(wanted)  # an echo
        assert await until_end(control_plane) is EndCause.SUCCEEDED  # told again, not run again
        control_plane.want(host.attempt(2, run_id=5, fence=2), host.attempt(3, gpu=1))
        await until_end(control_plane, 3)
    assert host.starts(1) == 1
    assert host.starts(2) == 0  # the stale fence


async def test_two_attempts_never_share_a_gpu(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        first, second = host.attempt(1, data="slow.yaml"), host.attempt(2)
        control_plane.want(first, second)
        await until_state(control_plane, 1, AttemptState.RUNNING)
        assert host.starts(2) == 0
        await until_end(control_plane, 2)
        assert control_plane.history.index("end 1") < control_plane.history.index("end 2")


async def test_what_the_control_plane_disowns_is_stopped(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        await until_state(control_plane, 1, AttemptState.RUNNING)
        control_plane.stale.add(1)
        assert await until_end(control_plane) is EndCause.STOPPED


async def test_a_later_attempt_of_a_run_goes_on_from_the_checkpoint(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        wanted = host.attempt(1, data="slow.yaml", run_id=9, fence=1, epochs=8)
        control_plane.want(wanted)
        await until(lambda: len(control_plane.epochs.get(1, ())) >= 2, "two epochs")
        control_plane.want(wanted.model_copy(update={"stop": StopReason.PREEMPTED}))
        assert await until_end(control_plane, 1) is EndCause.STOPPED
        await until(lambda: not host.folder(1).exists(), "the first forgotten")
        done = control_plane.epochs[1][-1]
        control_plane.want(host.attempt(2, run_id=9, fence=2, epochs=8))
        assert await until_end(control_plane, 2) is EndCause.SUCCEEDED
    assert control_plane.epochs[2] == list(range(done + 1, 9))
    rows = control_plane.artifacts[2, "results.csv"].decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *map(str, range(1, 9))]


async def test_simulated_gpus_are_as_busy_as_their_trainings(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml", gpu=1))
        await until_state(control_plane, 1, AttemptState.RUNNING)
        idle, busy = control_plane.reports[-1].gpus
        assert (idle.uuid, busy.uuid) == tuple(host.gpus)
        assert idle.process_pids == ()
        assert busy.process_pids == (control_plane.observations[1].pid,)


async def test_a_host_that_is_not_known_any_more_registers_again(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        await until(lambda: control_plane.reports, "a report")
        control_plane.status = 404
        await until(lambda: control_plane.refused, "a refusal")
        control_plane.status = None
        await until(lambda: len(control_plane.registrations) >= 2, "a second registration")
    assert control_plane.registrations[0] == control_plane.registrations[1]


async def test_a_refused_token_is_logged_once_and_trainings_go_on(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    with capture_logs() as logs:
        async with host.agent():
            control_plane.want(host.attempt(data="endless.yaml"))
            await until_state(control_plane, 1, AttemptState.RUNNING)
            control_plane.status = 401
            await until(lambda: "token_refused" in str(logs), "the log line")
            await asyncio.sleep(0.3)
            assert len(host.processes()) == 1
            os.kill(host.processes()[0], signal.SIGKILL)
            control_plane.attempts.clear()
    assert sum(entry["event"] == "token_refused" for entry in logs) == 1
    assert TOKEN not in str(logs)


async def test_an_incompatible_control_plane_ends_the_agent_with_a_sentence(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.answers_version = 0
    with pytest.raises(IncompatibleControlPlane, match="Upgrade the control plane"):
        await run_agent(host.options(), host.probe, SystemClock(), asyncio.Event())


async def test_two_agents_never_share_a_state_directory(host: GpuHost) -> None:
    async with host.agent():
        await until((host.state_dir / "state-id").exists, "the first agent")
        with pytest.raises(StateDirInUse, match="in use by another agent"):
            await run_agent(host.options(), host.probe, SystemClock(), asyncio.Event())


async def test_an_artifact_arrives_whole(host: GpuHost, control_plane: FakeControlPlane) -> None:
    async with host.agent():
        control_plane.want(host.attempt())
        await until(lambda: (1, "best.pt") in control_plane.artifacts, "the weights")
    body = control_plane.artifacts[1, "best.pt"]
    assert hashlib.sha256(body).digest() == hashlib.sha256(b"w" * 100_000).digest()
