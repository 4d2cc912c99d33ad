"""What is public says what it does, and names each error that it raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import FoundFunction, Module, functions, modules

NAMED = ("bot.services", "bot.ports", "bot.protocol", "bot.domain", "bot.store")


def belongs(module: Module, packages: tuple[str, ...]) -> bool:
    return any(module.name == each or module.name.startswith(f"{each}.") for each in packages)


def is_public(found: FoundFunction) -> bool:
    return not any(
        part.startswith("_") and not part.endswith("__") for part in found.name.split(".")
    )


def raised_in(node: ast.AST) -> Iterator[str]:
    """Yield the names of the errors that a function raises itself, nested functions left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = error.attr if isinstance(error, ast.Attribute) else getattr(error, "id", "")
            if name[:1].isupper() and name != "AssertionError":
                yield name
        yield from raised_in(child)


def says(found: FoundFunction) -> str:
    """Return the docstring that speaks for a function; for a magic method its class's too."""
    own = ast.get_docstring(found.node) or ""
    if found.owner is not None and found.node.name.startswith("__"):
        own += ast.get_docstring(found.owner) or ""
    return own


@pytest.mark.parametrize("package", NAMED)
def test_every_error_that_is_raised_is_named_in_the_docstring(package: str) -> None:
    silent = [
        f"{module.name}:{found.name} raises {error}"
        for module in modules()
        if belongs(module, (package,))
        for found in functions(module.tree)
        if is_public(found)
        for error in sorted(set(raised_in(found.node)))
        if error not in says(found)
    ]
    assert not silent, "\n".join(silent)


def test_every_module_says_what_it_is_about() -> None:
    silent = [module.place for module in modules() if not ast.get_docstring(module.tree)]
    assert not silent, silent


def test_every_use_case_says_what_it_does() -> None:
    silent = [
        f"{module.name}:{found.name}"
        for module in modules()
        if belongs(module, ("bot.services", "bot.ports"))
        for found in functions(module.tree)
        if is_public(found) and "." not in found.name and not ast.get_docstring(found.node)
    ]
    assert not silent, silent
