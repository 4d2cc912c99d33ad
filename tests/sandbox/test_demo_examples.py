"""The demo's models and data sets are such as its agent takes, one pair for every task."""

from __future__ import annotations

from pathlib import Path

from bot.agent.run_paths import resolve_data, resolve_model
from bot.bootstrap.demo import _write_examples
from bot.domain.run_spec import TASKS, TrainingSpec, check_training_spec


def test_every_task_can_be_tried_in_the_demo(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    _write_examples(tmp_path)
    found = {}
    for model in sorted((tmp_path / "models").iterdir()):
        data = model.stem.replace("tiny", "shapes")
        wish = {"model": model.name, "data": data}
        spec = check_training_spec(wish, TrainingSpec(model="", data=""))
        assert resolve_model(spec.model, (tmp_path / "models",)) == str(model)
        found[spec.task] = resolve_data(spec.data, (tmp_path / "data",), spec.task)
    assert set(found) == set(TASKS)
