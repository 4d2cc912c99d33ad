"""The demo data set: deterministic, in the YOLO layout, and refusing what cannot be drawn."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from PIL import Image

from bot.sandbox.data.shapes_dataset import CLASS_NAMES, main, write_shapes_dataset


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".png", ".txt"})
    parts = [str(path.relative_to(folder)).encode() + path.read_bytes() for path in files]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_shapes_dataset(tmp_path / name, 4, 2, 64, seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_the_layout_is_the_one_yolo_reads(tmp_path: Path) -> None:
    data_yaml = write_shapes_dataset(tmp_path, 5, 3, 96, 7)
    described = yaml.safe_load(data_yaml.read_text())
    assert Path(described["path"]).is_absolute()
    assert list(described["names"].values()) == list(CLASS_NAMES)
    for split, count in (("train", 5), ("val", 3)):
        images = sorted((tmp_path / described[split]).glob("*.png"))
        assert len(images) == count
        for path in images:
            with Image.open(path) as image:
                assert image.size == (96, 96)
            rows = (tmp_path / "labels" / split / f"{path.stem}.txt").read_text().splitlines()
            assert 1 <= len(rows) <= 3
            for row in rows:
                class_id, x, y, width, height = (float(part) for part in row.split())
                assert class_id in {0.0, 1.0, 2.0}
                assert x - width / 2 >= 0
                assert x + width / 2 <= 1
                assert y - height / 2 >= 0
                assert y + height / 2 <= 1


@pytest.mark.parametrize("arguments", [(0, 1, 64), (1, 0, 64), (1, 1, 16)])
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"image|shapes"):
        write_shapes_dataset(tmp_path, *arguments, seed=1)


def test_the_command_line_prints_where_the_data_set_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "out"), "--train-images", "2", "--val-images", "1"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text().startswith("path: ")


@pytest.mark.parametrize(("task", "columns"), [("segment", 6), ("obb", 8), ("pose", 13)])
def test_each_task_has_labels_of_its_own_within_the_picture(
    tmp_path: Path, task: str, columns: int
) -> None:
    data_yaml = write_shapes_dataset(tmp_path, 5, 3, 64, 7, task)
    assert ("kpt_shape" in yaml.safe_load(data_yaml.read_text())) == (task == "pose")
    for path in (tmp_path / "labels").rglob("*.txt"):
        for row in path.read_text().splitlines():
            numbers = [float(part) for part in row.split()[1:]]
            assert len(numbers) >= columns if task == "segment" else len(numbers) == columns
            assert all(0 <= number <= 1 or number == 2 for number in numbers)


def test_pictures_to_classify_lie_in_folders_of_their_class(tmp_path: Path) -> None:
    assert write_shapes_dataset(tmp_path, 6, 3, 64, 7, "classify") == tmp_path
    for split, each in (("train", 2), ("val", 1)):
        found = {
            folder.name: len(list(folder.iterdir())) for folder in (tmp_path / split).iterdir()
        }
        assert found == dict.fromkeys(CLASS_NAMES, each)


def test_a_task_without_shapes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dance"):
        write_shapes_dataset(tmp_path, task="dance")
