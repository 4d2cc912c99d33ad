"""A specification names files below the host's folders, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.run_paths import SpecRefused, check_extra, resolve_data, resolve_model
from bot.protocol.messages import RunSpec


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "team/set").mkdir(parents=True)
    for name in ("a.yaml", "team/b.yaml", "team/set/data.yaml", "mine.pt", "yolo11n.pt", "x.py"):
        (folder / name).write_text("{}")
    (tmp_path / "secret.yaml").write_text("{}")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "out").symlink_to(tmp_path)
    (folder / "in.yaml").symlink_to(folder / "a.yaml")
    return folder


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.yaml", "a.yaml"),
        ("team/b.yaml", "team/b.yaml"),
        ("team/set", "team/set/data.yaml"),
        ("in.yaml", "a.yaml"),
    ],
)
def test_a_dataset_below_the_root_is_found(root: Path, name: str, found: str) -> None:
    assert resolve_data(name, (root,)) == str(root / found)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../secret.yaml",
        "team/../../secret.yaml",
        "link.yaml",
        "out/secret.yaml",
        "~/secret.yaml",
        "https://example.com/a.yaml",
        "a\0.yaml",
        "team\\b.yaml",
        "absent.yaml",
        "team",
        "x.py",
        "coco8.yaml",
    ],
)
def test_anything_else_is_refused_as_a_dataset(root: Path, name: str) -> None:
    with pytest.raises(SpecRefused):
        resolve_data(name, (root,))


def test_the_first_root_that_has_it_counts(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.yaml").write_text("{}")
    assert resolve_data("a.yaml", (other, root)) == str(other / "a.yaml")
    assert resolve_data("team/b.yaml", (other, root)) == str(root / "team/b.yaml")


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo12x.yaml", "yolov8n-seg.yaml"])
def test_an_ultralytics_yaml_needs_no_file(root: Path, name: str) -> None:
    assert resolve_model(name, (root,)) == name


@pytest.mark.parametrize("name", ["yolo11n.pt", "yolo11n"])
def test_weights_are_taken_from_the_model_folder(root: Path, name: str) -> None:
    assert resolve_model(name, (root,)) == str(root / "yolo11n.pt")


@pytest.mark.parametrize("name", ["yolov8n.pt", "yolov8n"])
def test_missing_weights_are_not_silently_trained_from_scratch(root: Path, name: str) -> None:
    with pytest.raises(SpecRefused, match=r"yolov8n\.pt are not on this host.*yolov8n\.yaml"):
        resolve_model(name, (root,))


@pytest.mark.parametrize("name", ["../m.pt", "/m.pt", "absent.pt", "x.py", "team", "link.yaml"])
def test_anything_else_is_refused_as_a_model(root: Path, name: str) -> None:
    with pytest.raises(SpecRefused):
        resolve_model(name, (root,))


def test_an_argument_that_is_not_on_the_allow_list_is_refused_here_too() -> None:
    spec = RunSpec(model="a.yaml", data="d.yaml", epochs=1, imgsz=64, batch=1)
    check_extra(spec.model_copy(update={"extra": {"lr0": 0.1}}))
    with pytest.raises(SpecRefused, match="project"):
        check_extra(spec.model_copy(update={"extra": {"project": "/etc"}}))
