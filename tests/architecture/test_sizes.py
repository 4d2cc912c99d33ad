"""A function fits a screen, a module is about one thing, a listener only passes on."""

from __future__ import annotations

from tests.architecture.source_tree import FoundFunction, functions, modules

LONGEST_FUNCTION, LONGEST_MODULE, LONGEST_LISTENER = 60, 400, 25

LONGER_FUNCTIONS: dict[str, str] = {}
"""``module:function`` that may be longer, each with its reason."""

LONGER_MODULES: dict[str, str] = {}
"""Modules that may be longer, each with its reason."""


def test_every_function_fits_a_screen() -> None:
    too_long = {
        f"{module.name}:{each.name}": each.lines
        for module in modules()
        for each in functions(module.tree)
        if each.lines > LONGEST_FUNCTION and f"{module.name}:{each.name}" not in LONGER_FUNCTIONS
    }
    assert not too_long, f"longer than {LONGEST_FUNCTION} lines: {too_long}"


def test_every_module_is_about_one_thing() -> None:
    too_long = {
        module.name: module.lines
        for module in modules()
        if module.lines > LONGEST_MODULE and module.name not in LONGER_MODULES
    }
    assert not too_long, f"longer than {LONGEST_MODULE} lines: {too_long}"


def test_a_listener_only_acknowledges_reads_and_passes_on() -> None:
    too_long = {
        f"{module.name}:{each.name}": each.lines
        for module in modules()
        if module.name.startswith("bot.slack")
        for each in functions(module.tree)
        if is_listener(each) and each.lines > LONGEST_LISTENER
    }
    assert not too_long, f"listeners longer than {LONGEST_LISTENER} lines: {too_long}"


def is_listener(found: FoundFunction) -> bool:
    """Tell whether Bolt calls it: whoever is given ``ack`` has three seconds to use it."""
    arguments = found.node.args
    return "ack" in {each.arg for each in (*arguments.args, *arguments.kwonlyargs)}


def test_an_exception_is_still_needed_and_has_a_reason() -> None:
    function_lines = {
        f"{module.name}:{each.name}": each.lines
        for module in modules()
        for each in functions(module.tree)
    }
    module_lines = {module.name: module.lines for module in modules()}
    for name, reason in LONGER_FUNCTIONS.items():
        assert reason, name
        assert function_lines.get(name, 0) > LONGEST_FUNCTION, f"no longer needed: {name}"
    for name, reason in LONGER_MODULES.items():
        assert reason, name
        assert module_lines.get(name, 0) > LONGEST_MODULE, f"no longer needed: {name}"
