"""The package as text: what the tests of this folder look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "bot"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file of the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        """The path from the root of the repository."""
        return self.path.relative_to(REPOSITORY).as_posix()

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.path.read_text().splitlines())


@dataclass(frozen=True)
class FoundFunction:
    """A function with its dotted name within the module, and the class that it belongs to."""

    name: str
    node: Function
    owner: ast.ClassDef | None

    @property
    def lines(self) -> int:
        """From ``def`` to the last line, docstring included."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of ``bot``, in the order of their names."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text(), str(path))))
    return tuple(found)


def functions(tree: ast.AST) -> Iterator[FoundFunction]:
    """Yield every function below a node, methods and nested ones included."""
    yield from _functions(tree, "", None)


def _functions(node: ast.AST, prefix: str, owner: ast.ClassDef | None) -> Iterator[FoundFunction]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield FoundFunction(f"{prefix}{child.name}", child, owner)
            yield from _functions(child, f"{prefix}{child.name}.", None)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.", child)
        else:
            yield from _functions(child, prefix, owner)


def documents() -> tuple[Path, ...]:
    """Return every Markdown file that belongs to the repository."""
    folders = (REPOSITORY, REPOSITORY / "migrations", REPOSITORY / "deploy")
    flat = [path for folder in folders for path in folder.glob("*.md")]
    return tuple(sorted([*flat, *(REPOSITORY / "docs").rglob("*.md")]))
