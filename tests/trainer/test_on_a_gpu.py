"""The same on a real GPU, where there is one: workers, half precision, memory of the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.agent.trainer_contract import CheckpointSaved, TrainStarted
from bot.protocol.messages import EndCause
from tests.support.trainings import STOP_IN_EPOCH, MakeAttempt, figures

pytestmark = [
    pytest.mark.training,
    pytest.mark.timeout(900),
    pytest.mark.gpu,
]

ON_GPU: dict[str, Any] = {
    "gpu_count": 1,
    "epochs": 5,
    "seed": 3,
    "extra": {"close_mosaic": 1, "workers": 2},
}
LESS_MEMORY = (
    "if trainer.epoch == 1 and number % 4 == 2:\n"
    "        import torch\n"
    "        total = torch.cuda.get_device_properties(0).total_memory\n"
    "        torch.cuda.empty_cache()\n"
    "        torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_reserved() / total)\n"
    "        batch['img'] = batch['img'].repeat(1, 1, 16, 16)"
)


def test_a_resumed_run_ends_with_the_figures_of_an_undisturbed_one(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    whole = attempt("whole", run_dir=str(tmp_path / "whole-run"), **ON_GPU)
    assert whole.run().cause is EndCause.SUCCEEDED, whole.log()
    first = attempt("first", run_dir=str(tmp_path / "first-run"), **ON_GPU)
    assert first.run(fault=STOP_IN_EPOCH.format(index=3)).cause is EndCause.STOPPED
    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)][-1]
    second = attempt("second", resume_from=saved.path, **ON_GPU)
    ended = second.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5)
    started = next(event for event in second.events() if isinstance(event, TrainStarted))
    assert started.device == "cuda:0"
    expected, found = figures(whole), figures(first, second)
    assert expected.keys() == found.keys()
    for epoch, (losses, _) in expected.items():
        # Equal where every kernel is deterministic; these few are not on every device.
        assert found[epoch][0] == pytest.approx(losses, rel=0.05), epoch


def test_memory_of_the_gpu_that_runs_out_tells_which_batch_fits(attempt: MakeAttempt) -> None:
    one = attempt(**ON_GPU)
    ended = one.run(fault=LESS_MEMORY)
    assert ended.cause is EndCause.OUT_OF_MEMORY, ended.detail
    assert ended.batch_that_fits is not None
    assert 1 <= ended.batch_that_fits < 8
    assert "MiB per image" in ended.detail
