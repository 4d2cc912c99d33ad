"""The shape of the package: who may stand where. Who may import whom is `lint-imports`' part."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.architecture.source_tree import PACKAGE, REPOSITORY, modules

SHELVES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "lib", "shared"})


def contract(name: str) -> dict[str, Any]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return next(each for each in contracts if each["name"] == name)


def test_every_package_has_its_place_among_the_layers() -> None:
    layers = contract("Layers point downwards")["layers"]
    placed = {part.strip(" ()") for layer in layers for part in re.split(r"[|:]", layer)}
    standing = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert standing <= placed, f"add to the contract: {sorted(standing - placed)}"


def test_the_order_of_the_layers_is_the_one_of_the_documents() -> None:
    layers = contract("Layers point downwards")["layers"]
    as_text = " > ".join(
        layer.replace("(", "").replace(")", "") for layer in layers if layer != "__main__"
    )
    assert as_text in (REPOSITORY / "ARCHITECTURE.md").read_text()


def test_no_module_is_a_shelf_for_anything() -> None:
    shelves = [
        module.place for module in modules() if SHELVES & set(re.split(r"[._]", module.name))
    ]
    assert not shelves, f"name them for what they are about: {shelves}"


def test_no_folder_of_code_is_left_out_of_the_package() -> None:
    bare = {
        path.parent.relative_to(REPOSITORY).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert not bare, f"without __init__.py the layers are not kept there: {sorted(bare)}"
