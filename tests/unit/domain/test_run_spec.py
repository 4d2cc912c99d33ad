from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot
from bot.domain.errors import InvalidRunSpec
from bot.domain.run_arguments import EXTRA_ARGUMENTS, REFUSED_ARGUMENTS, Range, wanted
from bot.domain.run_spec import (
    LARGEST_BATCH,
    LARGEST_EPOCHS,
    LARGEST_IMGSZ_PX,
    MODEL_NAME,
    RELATIVE_PATH,
    TrainingSpec,
    check_training_spec,
)
from tests.strategies import MODEST

DEFAULTS = TrainingSpec(model="yolo11n.pt", data="coco8.yaml", extra={"patience": 50})


def check(**fields: object) -> TrainingSpec:
    return check_training_spec(fields, DEFAULTS)


def problems(**fields: object) -> dict[str, str]:
    with pytest.raises(InvalidRunSpec) as refusal:
        check(**fields)
    return refusal.value.problems


def test_nothing_said_means_the_defaults() -> None:
    assert check() == DEFAULTS
    assert check(model="", epochs=None, data="", patience="") == DEFAULTS


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("epochs", 1, LARGEST_EPOCHS),
        ("imgsz", 32, LARGEST_IMGSZ_PX),
        ("batch", 1, LARGEST_BATCH),
        ("seed", 0, 2**31 - 1),
    ],
)
def test_whole_numbers_at_and_over_their_edges(name: str, low: int, high: int) -> None:
    for edge in (low, high):
        assert getattr(check(**{name: edge}), name) == edge
        assert getattr(check(**{name: f" {edge} "}), name) == edge
    for beyond in (low - 1, high + 1, 10**30):
        assert f"from {low} to {high}" in problems(**{name: beyond})[name]
    for senseless in (
        "many",
        "1e3",
        "1.5",
        2.5,
        True,
        "1_0",
        "\u0663",
        "\uff11\uff12",
        "3\n4",
        "9" * 5000,
        "0x10",
    ):
        assert "must be a whole number" in problems(**{name: senseless})[name]


NUMBERS = {
    name: allowed
    for name, allowed in EXTRA_ARGUMENTS.items()
    if isinstance(allowed, Range) and allowed.kind is not bool
}


@pytest.mark.parametrize("name", NUMBERS)
def test_extra_numbers_at_and_over_their_edges(name: str) -> None:
    allowed = NUMBERS[name]
    for edge in (allowed.low, allowed.high):
        value = check(**{name: str(edge)}).extra[name]
        assert value == edge
        assert type(value) is allowed.kind
    step = 1 if allowed.kind is int else 1e-9
    for beyond in (
        allowed.low - step,
        allowed.high + step,
        "nan",
        "inf",
        "-inf",
        "much",
        "\u0663",
        "1_0",
    ):
        assert "must be" in problems(**{name: beyond})[name]


def test_an_optimizer_is_one_of_the_known_ones() -> None:
    assert check(optimizer="adamw").extra["optimizer"] == "AdamW"
    assert "one of auto, SGD" in problems(optimizer="os.system")["optimizer"]


@pytest.mark.parametrize("name", ["cos_lr", "amp", "single_cls"])
def test_yes_and_no(name: str) -> None:
    for text in ("true", "YES", " 1 ", True):
        assert check(**{name: text}).extra[name] is True
    for text in ("false", "No", "0", False):
        assert check(**{name: text}).extra[name] is False
    for text in ("2", "maybe", "on"):
        assert "yes or no" in problems(**{name: text})[name]


@pytest.mark.parametrize(
    "model",
    ["yolo11n", "yolo11n.pt", "yolov8l", "yolov8x-seg.yaml", "yolo26m-pose", "yolov9e", "yolov10b",
     "best.pt", "team-a/runs/best.pt", "a..b/c.pt"],
)  # fmt: skip
def test_models_by_name_or_by_path(model: str) -> None:
    assert check(model=model).model == model


PATHS_REFUSED = [
    "/etc/passwd", "../secret.pt", "a/../../b", "a/..", "..", ".", "./a", "a/./b", "-rf", "a b.pt",
    "best.pt\n", "\nbest.pt", "best.pt\x00", "~/a.pt", "a\\b", "$(id)", "http://x/y.pt", "été.pt",
    "yolo\u0661\u0661n", "yolo11n\n", "x" * 201, ".hidden", "a;b", "a/b/../c", " ",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS_REFUSED)
def test_paths_that_lead_out_or_hide_something_are_refused(path: str) -> None:
    assert set(problems(model=path, data=path)) == {"model", "data"}


def test_digits_of_other_scripts_are_no_model_name() -> None:
    assert MODEL_NAME.match("yolo11n")
    assert not MODEL_NAME.match("yolo\u0661\u0661n")
    assert not MODEL_NAME.match("yolo11n\n")
    assert not RELATIVE_PATH.match("data.yaml\n")


def test_a_path_may_have_200_characters() -> None:
    assert check(data="x" * 200).data == "x" * 200


def test_all_faults_are_named_at_once() -> None:
    found = problems(
        model="../x", data="/y", epochs=0, imgsz="big", batch=-1, seed="x", lr0=9, device="cpu"
    )
    assert set(found) == {"model", "data", "epochs", "imgsz", "batch", "seed", "lr0", "device"}


def test_an_argument_that_is_not_on_the_list_is_refused() -> None:
    for name in ("__class__", "lr", "shell"):
        assert "not an argument" in problems(**{name: "1"})[name]
    assert "did you mean patience?" in problems(patiense=3)["patiense"]


@pytest.mark.parametrize(
    "name",
    ["project", "name", "save_dir", "exist_ok", "resume", "device", "cfg", "source", "paths"],
)
def test_a_dangerous_argument_is_refused_with_its_reason(name: str) -> None:
    assert problems(**{name: "1"})[name] == REFUSED_ARGUMENTS[name]
    assert name not in EXTRA_ARGUMENTS


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("yolo11n", "detect"),
        ("yolo11n.pt", "detect"),
        ("yolov8x-seg.yaml", "segment"),
        ("yolo11n-cls", "classify"),
        ("yolo26m-pose.pt", "pose"),
        ("yolo11n-obb", "obb"),
        ("team-a/ours-seg.pt", "segment"),
        ("team-seg/best.pt", "detect"),
        ("tiny.yaml", "detect"),
    ],
)
def test_the_task_is_told_by_the_name_of_the_model(model: str, task: str) -> None:
    assert check(model=model).task == task
    assert check(model=model, task=f" {task.upper()} ").task == task


def test_a_file_of_ones_own_may_be_for_any_task() -> None:
    assert check(model="best.pt", task="obb").task == "obb"
    assert check(model="best.pt", task="seg").task == "segment"


def test_a_task_that_the_model_does_not_do_is_refused_with_one_that_does() -> None:
    found = problems(model="yolo11n-seg.yaml", task="pose")["task"]
    assert found.startswith("is pose, but “yolo11n-seg.yaml” is a model to segment")
    assert found.endswith("yolo11n-pose.yaml")
    assert problems(model="yolo11n", task="segment")["task"].endswith("yolo11n-seg")
    assert problems(model="a/b-seg.pt", task="pose")["task"].endswith("a model to pose")
    assert "must be one of detect, segment" in problems(task="dance")["task"]


def test_the_task_of_the_default_model_is_not_that_of_another() -> None:
    own = TrainingSpec(model="own.pt", data="d.yaml", task="pose")
    assert check_training_spec({}, own).task == "pose"
    assert check_training_spec({"model": "other.pt"}, own).task == "detect"
    assert check_training_spec({}, TrainingSpec("yolo11n-seg", "d.yaml")).task == "segment"


def test_the_page_on_trainings_lists_every_argument_with_its_bounds() -> None:
    page = (Path(bot.__file__).parents[1] / "docs" / "trainings.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {wanted(allowed)} |" for name, allowed in EXTRA_ARGUMENTS.items()]
    rows += [f"| `{name}` | {why} |" for name, why in REFUSED_ARGUMENTS.items()]
    assert [row for row in rows if row not in page] == []


def test_extra_arguments_are_added_to_the_default_ones() -> None:
    assert check(lr0="0.01").extra == {"patience": 50, "lr0": 0.01}
    assert check(patience=10).extra == {"patience": 10}


def test_a_long_wrong_value_is_quoted_short() -> None:
    assert len(problems(epochs="x" * 10_000)["epochs"]) < 100


names = st.sampled_from(
    ["model", "data", "epochs", "imgsz", "batch", "seed", "task", *EXTRA_ARGUMENTS]
)
values = (
    st.text() | st.none() | st.integers() | st.floats() | st.booleans() | st.binary()
    | st.lists(st.text()) | st.from_regex(r"[a-z0-9./_-]+\Z")
)  # fmt: skip


@MODEST
@given(st.dictionaries(names | st.text(), values))
def test_arbitrary_input_is_either_checked_or_refused_by_field(fields: dict[str, object]) -> None:
    try:
        spec = check_training_spec(fields, DEFAULTS)
    except InvalidRunSpec as refusal:
        faults = refusal.problems
    else:
        faults = {}
        assert_harmless(spec)
    assert set(faults) <= set(fields)


def assert_harmless(spec: TrainingSpec) -> None:
    for path in (spec.model, spec.data):
        assert ".." not in path.split("/")
        assert not path.startswith("/")
        assert path.isascii()
        assert path.isprintable()
    assert 1 <= spec.epochs <= LARGEST_EPOCHS
    assert set(spec.extra) <= set(EXTRA_ARGUMENTS)
    assert check_training_spec({}, spec) == spec
