"""The description of a data set may name pictures below the allowed folders, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.described_data import DataOutside, require_inside
from bot.agent.run_paths import SpecRefused, check_extra, resolve_data
from bot.protocol.messages import RunSpec


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "set/images/train").mkdir(parents=True)
    (folder / "other").mkdir()
    (tmp_path / "secret").mkdir()
    (folder / "set/link").symlink_to(tmp_path / "secret")
    return folder


def describe(root: Path, text: str) -> Path:
    path = root / "set/data.yaml"
    path.write_text(text.replace("ROOT", str(root)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "train: images/train\nval: images/val\n",
        "path: .\ntrain: images/train\n",
        "path: ROOT/set\ntrain: [images/train, ROOT/other]\nval: ../other\n",
        "path: ../other\ntrain: .\ntest:\n",
        "train: absent/for/now\n",
        "{}",
    ],
)
def test_what_lies_below_the_root_may_be_named(root: Path, text: str) -> None:
    require_inside(describe(root, text), (root,))
    assert resolve_data("set", (root,)) == str(root / "set/data.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "path: /etc\ntrain: .\n",
        "path: ../..\ntrain: root/set\n",
        "train: /etc\nval: images\n",
        "train: images\nval: ../../secret\n",
        "train: [images, ../../secret]\n",
        "train: link\n",
        "path: link/../..\ntrain: x\n",
        "test: ~/../../../etc\n",
        "validation: /tmp\n",
    ],
)
def test_what_leads_out_is_refused_before_anything_runs(root: Path, text: str) -> None:
    describe(root, text)
    with pytest.raises(SpecRefused, match=r"data\.yaml points outside of this host's data folders"):
        resolve_data("set", (root,))


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "a: [", "a: !!python/object:os.x {}"])
def test_what_is_no_description_is_told(root: Path, text: str) -> None:
    with pytest.raises(DataOutside, match=r"The dataset data\.yaml"):
        require_inside(describe(root, text), (root,))


def test_a_list_of_pictures_is_read_line_by_line(root: Path) -> None:
    described = describe(root, "train: train.txt\nval: images\n")
    listing = root / "set/train.txt"
    listing.write_text(f"./images/train/1.png\n\n{root}/other/2.png\n", encoding="utf-8")
    require_inside(described, (root,))
    listing.write_text("./images/train/1.png\n./../../secret/2.png\n", encoding="utf-8")
    with pytest.raises(DataOutside, match=r"Line 2 of train\.txt .* \./\.\./\.\./secret/2\.png"):
        require_inside(described, (root,))


def test_to_classify_the_dataset_is_a_folder_of_folders(root: Path, tmp_path: Path) -> None:
    (root / "shapes/train/square").mkdir(parents=True)
    assert resolve_data("shapes", (root,), "classify") == str(root / "shapes")
    with pytest.raises(SpecRefused, match="one folder per class"):
        resolve_data("set", (root,), "classify")
    (root / "shapes/val").symlink_to(tmp_path / "secret")
    with pytest.raises(SpecRefused, match="folder val of “shapes” is a link"):
        resolve_data("shapes", (root,), "classify")


def test_a_value_out_of_its_bounds_is_refused_here_too() -> None:
    def spec(**extra: object) -> RunSpec:
        return RunSpec(model="a.pt", data="b", epochs=1, imgsz=64, batch=1, extra=extra)

    check_extra(spec(lr0=0.1, cos_lr=True))
    with pytest.raises(SpecRefused, match="lr0 must be"):
        check_extra(spec(lr0=7))
