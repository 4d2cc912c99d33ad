"""Turns the names of a specification into files of this host, and refuses everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bot.agent.described_data import DataOutside, require_inside
from bot.domain.run_arguments import EXTRA_ARGUMENTS, read_value, wanted
from bot.domain.run_spec import MODEL_NAME
from bot.protocol.messages import RunSpec

_MODEL_SUFFIXES = frozenset({".pt", ".yaml", ".yml"})
_DATA_SUFFIXES = frozenset({".yaml", ".yml"})


class SpecRefused(Exception):
    """The specification cannot run on this host; the text is a sentence for the run's owner."""


def resolve_model(name: str, roots: tuple[Path, ...]) -> str:
    """Return the path of a model below one of ``roots``, or an Ultralytics ``.yaml`` name as is.

    Weights are never fetched from the network, and a missing ``.pt`` is never replaced by the
    ``.yaml`` of the same name: that would train from scratch unasked.

    Raises:
        SpecRefused: it leads out of the roots, is missing, or is no model file.
    """
    _require_relative("model", name)
    is_known = MODEL_NAME.match(name) is not None
    wanted = f"{name}.pt" if is_known and "." not in name else name
    if PurePosixPath(wanted).suffix not in _MODEL_SUFFIXES:
        raise SpecRefused(f"The model “{name}” is neither a .yaml nor a .pt file.")
    found = _find("model", wanted, roots)
    if found is not None and found.is_file():
        return str(found)
    if is_known and wanted.endswith(".yaml"):
        return wanted
    if is_known:
        scratch = PurePosixPath(wanted).with_suffix(".yaml")
        raise SpecRefused(
            f"The weights {wanted} are not on this host, and Berth downloads none. Ask the "
            f"operator to put them into its model folder, or train {scratch} from scratch."
        )
    raise SpecRefused(
        f"The model “{name}” is not in this host's model folder. Put it there, or use an "
        "Ultralytics name such as yolov8n.yaml."
    )


def resolve_data(name: str, roots: tuple[Path, ...], task: str = "detect") -> str:
    """Return the path of a dataset's YAML below one of ``roots``.

    A folder stands for the ``data.yaml`` in it.  To classify, the dataset is the folder itself.
    What the YAML points to lies below the roots, too.

    Raises:
        SpecRefused: it leads out of the roots, is missing, or is no dataset.
    """
    _require_relative("dataset", name)
    found = _find("dataset", name, roots)
    if task == "classify" and found is not None:
        return _classified(name, found, roots)
    if found is not None and found.is_dir():
        found = _find("dataset", f"{name}/data.yaml", roots)
    if found is None or not found.is_file():
        raise SpecRefused(
            f"The dataset “{name}” is not in this host's data folder, and Berth downloads none. "
            "Ask the operator to put it there, or book a host that has it."
        )
    if found.suffix not in _DATA_SUFFIXES:
        raise SpecRefused(f"The dataset “{name}” is not described by a .yaml file.")
    try:
        require_inside(found, roots)
    except DataOutside as error:
        raise SpecRefused(str(error)) from error
    return str(found)


def _classified(name: str, found: Path, roots: tuple[Path, ...]) -> str:
    if not (found / "train").is_dir():
        raise SpecRefused(
            f"The dataset “{name}” cannot be used to classify: that takes a folder with folders "
            "train and val, and in each one folder per class."
        )
    for split in ("train", "val", "validation", "valid", "test"):
        real = (found / split).resolve()
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            raise SpecRefused(f"The folder {split} of “{name}” is a link that leads out.")
    return str(found)


def check_extra(spec: RunSpec) -> None:
    """Check the further arguments once more, here where they would take effect.

    Raises:
        SpecRefused: one is not on the allow list, or out of its bounds.
    """
    unknown = sorted(spec.extra.keys() - EXTRA_ARGUMENTS.keys())
    if unknown:
        raise SpecRefused(f"This host's agent does not pass on: {', '.join(unknown)}.")
    for name, value in spec.extra.items():
        try:
            read_value(value, EXTRA_ARGUMENTS[name])
        except ValueError as error:
            must = wanted(EXTRA_ARGUMENTS[name])
            raise SpecRefused(f"The argument {name} must be {must}.") from error


def _require_relative(what: str, name: str) -> None:
    path = PurePosixPath(name)
    odd = not name or "\0" in name or "\\" in name or "://" in name or name.startswith("~")
    if odd or path.is_absolute() or ".." in path.parts:
        raise SpecRefused(f"The {what} “{name[:100]}” is not a path below this host's folders.")


def _find(what: str, name: str, roots: tuple[Path, ...]) -> Path | None:
    """Return the first match, links resolved.

    Raises:
        SpecRefused: a link leads out of its root.
    """
    for root, path in _candidates(name, roots):
        real = path.resolve()
        if not real.is_relative_to(root):
            raise SpecRefused(f"The {what} “{name}” is a link that leads out of its folder.")
        return real
    return None


def _candidates(name: str, roots: tuple[Path, ...]) -> Iterator[tuple[Path, Path]]:
    for root in roots:
        real_root = root.resolve()
        path = real_root / name
        if path.exists() or path.is_symlink():
            yield real_root, path
