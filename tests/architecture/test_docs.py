"""The documents say what the code does: settings, errors, commands, states, links, map."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.core import TyperArgument, TyperGroup

from bot.cli.main import app
from bot.config import AgentSettings, ServeSettings
from bot.domain.errors import BerthError
from bot.domain.states import RESERVATION_MOVES, RUN_MOVES
from bot.protocol.messages import AttemptState
from bot.services.due import TimerKind
from bot.store import outbox
from tests.architecture.source_tree import REPOSITORY, documents, modules

DOCS = REPOSITORY / "docs"
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

DEFAULTS_IN_WORDS = {"BERTH_AGENT_HOST_NAME": "this machine's name"}
"""Defaults that depend on the machine."""


def read(name: str) -> str:
    return (REPOSITORY / name).read_text()


# ---- settings


def default_in_words(variable: str, field: FieldInfo) -> str:
    if variable in DEFAULTS_IN_WORDS:
        return DEFAULTS_IN_WORDS[variable]
    if field.is_required():
        return "required"
    if field.default is None:
        return "none"
    return f"`{list(field.default) if isinstance(field.default, tuple) else field.default}`"


@pytest.mark.parametrize("settings", [ServeSettings, AgentSettings])
def test_every_setting_is_documented_with_its_default(settings: type[BaseSettings]) -> None:
    told = {row[0]: row[1].strip() for row in ROW.findall(read("docs/settings.md"))}
    prefix = settings.model_config.get("env_prefix", "")
    wanted = {
        f"{prefix}{name}".upper(): default_in_words(f"{prefix}{name}".upper(), field)
        for name, field in settings.model_fields.items()
    }
    assert {name: told.get(name) for name in wanted} == wanted


def known_variables() -> set[str]:
    return {
        f"{settings.model_config.get('env_prefix', '')}{name}".upper()
        for settings in (ServeSettings, AgentSettings)
        for name in settings.model_fields
    }


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_variable_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"\bBERTH_[A-Z0-9_]*[A-Z0-9]\b", document.read_text()))
    assert named <= known_variables()


# ---- errors


def error_kinds(kind: type[BerthError] = BerthError) -> Iterator[type[BerthError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from error_kinds(child)


def test_every_error_is_documented_and_nothing_else() -> None:
    told = {row[0] for row in ROW.findall(read("docs/errors.md"))}
    codes = [kind.code for kind in error_kinds() if kind is not BerthError]
    assert len(codes) == len(set(codes)), "a code belongs to one error"
    assert told == set(codes)


def test_every_error_stands_in_the_tree_of_its_module() -> None:
    source = read("bot/domain/errors.py")
    tree = source.split('"""')[1]
    missing = [kind.__name__ for kind in error_kinds() if kind.__name__ not in tree]
    assert not missing


# ---- commands


def commands(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield every command by its words; Typer carries a Click of its own, hence ``Any``."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from commands(child, f"{words} {name}")
    else:
        yield words, command


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


ALL_COMMANDS = dict(commands(typer.main.get_command(app), "berth"))


@pytest.mark.parametrize("words", ALL_COMMANDS)
def test_every_command_is_documented(words: str) -> None:
    told = sections(read("docs/cli.md")).get(words, "")
    command = ALL_COMMANDS[words]
    assert (command.help or "?") in told
    for parameter in command.params:
        help_text = parameter.help or ""
        if isinstance(parameter, TyperArgument):
            assert f"| `{parameter.name.upper()}` | {help_text}" in told
        elif parameter.name != "help":
            row = next(
                (row for row in ROW.findall(told) if row[0] == parameter.opts[0]), ("", "", "")
            )
            assert help_text in row[2], parameter.opts[0]


def test_no_command_is_documented_that_is_not_there() -> None:
    assert set(sections(read("docs/cli.md"))) == set(ALL_COMMANDS)


# ---- states


def diagram(heading: str) -> dict[str, set[str]]:
    """Return the arrows of the diagram under a heading; choices are replaced by what follows."""
    text = sections(read("docs/states.md"))[heading]
    lines = text.split("```mermaid")[1].split("```")[0].splitlines()
    choices = {
        match[1] for line in lines if (match := re.match(r"\s+state (\w+) <<choice>>", line))
    }
    arrows: defaultdict[str, set[str]] = defaultdict(set)
    for line in lines:
        match = re.match(r"\s+(\w+) --> (\w+)", line)
        if match:
            arrows[match[1]].add(match[2])
    return {
        state: (targets - choices).union(*(arrows[choice] for choice in choices & targets))
        for state, targets in arrows.items()
        if state not in choices
    }


@pytest.mark.parametrize(
    ("heading", "moves"), [("Reservation", RESERVATION_MOVES), ("Run", RUN_MOVES)]
)
def test_the_diagrams_show_the_moves_that_are_allowed(
    heading: str, moves: Mapping[str, frozenset[str]]
) -> None:
    allowed = {str(old): {str(new) for new in news} for old, news in moves.items() if news}
    assert diagram(heading) == allowed


def test_the_diagrams_name_every_state_of_attempts_and_messages() -> None:
    attempts = diagram("Attempt")
    assert set(attempts).union(*attempts.values()) == set(AttemptState)
    rows = diagram("Outbox row")
    assert set(rows).union(*rows.values()) == {outbox.PENDING, outbox.SENT, outbox.DEAD}


def test_every_kind_of_timer_is_documented() -> None:
    told = {row[0] for row in ROW.findall(sections(read("docs/states.md"))["Timer"])}
    assert told == set(TimerKind)


# ---- links, paths and words


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    text = FENCE.sub("", document.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:bot|tests|docs|migrations|deploy|\.ci)/[\w./-]*\w)`", document.read_text()
    )
    missing = sorted({path for path in named if not (REPOSITORY / path).exists()})
    assert not missing


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_make_word_that_is_named_exists(document: Path) -> None:
    words = set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))
    text = document.read_text()
    named = re.findall(r"`make ([a-z][a-z-]*)", text)
    for fence in FENCE.findall(text):
        named += re.findall(r"^(?:\$ )?make ([a-z][a-z-]*)", fence, re.MULTILINE)
    assert set(named) <= words


# ---- the map


def test_the_codemap_names_every_module_and_no_other() -> None:
    told: set[str] = set()
    package = ""
    for line in sections(read("ARCHITECTURE.md"))["Codemap"].splitlines():
        heading = re.match(r"### `(bot[\w./]*)`", line)
        item = re.match(r"- `([\w/]+)`", line)
        if heading:
            package = heading[1].rstrip("/").replace("/", ".")
        elif item:
            told.add(f"{package}.{item[1].replace('/', '.')}")
    standing = {
        module.name: (ast.get_docstring(module.tree) or "").split("\n")[0]
        for module in modules()
        if module.path.name != "__init__.py"
    }
    missing = {name: says for name, says in standing.items() if name not in told}
    assert not missing, "modules that ARCHITECTURE.md does not name"
    assert told <= set(standing), "modules that ARCHITECTURE.md names and that are gone"


def test_every_decision_is_listed() -> None:
    listed = LINK.findall(read("docs/adr/README.md"))
    files = [path.name for path in sorted((DOCS / "adr").glob("[0-9]*.md"))]
    assert [name for name in listed if re.match(r"[0-9]{4}-", name)] == files
    numbers = [int(name[:4]) for name in files]
    assert numbers == list(range(len(files))), "numbers follow each other"


@pytest.mark.parametrize(
    "decision", sorted((DOCS / "adr").glob("[0-9]*.md")), ids=lambda path: path.stem
)
def test_every_decision_says_why_what_and_what_follows(decision: Path) -> None:
    assert list(sections(decision.read_text())) == ["Context", "Decision", "Consequences"]
