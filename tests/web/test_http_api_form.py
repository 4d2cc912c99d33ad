"""The API's form: the page about it says what it is, and no input makes it fall over."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.ports.use_cases import UseCaseRunner
from bot.web.api.routes import PREFIX, REFUSALS, api_app
from tests.architecture.source_tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "http-api.md").read_text()


class NoRunner:
    """Stands where use cases are run; nothing is run when a contract is only written down."""

    async def __call__(self, *_args: object, **_kwargs: object) -> Any:
        raise AssertionError


def contract() -> dict[str, Any]:
    runner: UseCaseRunner = NoRunner()
    return api_app(runner, str).openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {PREFIX}{path}", operation


def told() -> dict[str, str]:
    parts = re.split(r"^### (.+)$", PAGE.split("## Refusals")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_lists_every_route_and_no_other() -> None:
    assert set(told()) == {name for name, _ in operations()}


def test_the_page_names_every_field_of_every_body() -> None:
    schemas = contract()["components"]["schemas"]
    for name, operation in operations():
        if "requestBody" not in operation:
            assert not re.search(r"^\| `\w+` \|", told()[name], re.MULTILINE), name
            continue
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        fields = set(schemas[reference.rsplit("/", 1)[1]]["properties"])
        assert set(re.findall(r"^\| `(\w+)` \|", told()[name], re.MULTILINE)) == fields
    for field in schemas["RunWish"]["properties"]:
        assert f"`{field}`" in told()["POST /api/v1/reservations"]


def test_the_page_names_every_status_and_parameter() -> None:
    for status in REFUSALS:
        assert f"\n| {status} |" in PAGE
    for name, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter["name"] in f"{name} {told()[name]}"


def test_every_route_asks_for_a_token() -> None:
    for name, operation in operations():
        assert operation["security"], name


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2026-11-23T14:00:00Z", "0001-01-01T00:00:00+14:00", "P0", "p1", "\ud800"])
    | st.datetimes().map(lambda instant: instant.isoformat() + "Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = sorted(
    {
        field
        for schema in contract()["components"]["schemas"].values()
        for field in schema.get("properties", ())
    }
)
bodies = st.dictionaries(st.sampled_from(FIELDS), anything) | anything
starts = st.datetimes().map(lambda instant: instant.isoformat() + "+00:00")
sensible = st.fixed_dictionaries(
    {"start": starts, "length_s": st.integers(-1, 10**9)},
    optional={
        "gpu_count": st.integers(-1, 20_000),
        "note": st.text(max_size=310),
        "gpu_names": st.lists(st.text(max_size=12), max_size=3),
        "gpu_type": st.text(max_size=12),
        "run": st.dictionaries(st.sampled_from(["model", "data", "epochs", "extra"]), anything),
    },
)
CHANGES = sorted(
    (name.partition(" ")[0], name.partition(PREFIX)[2])
    for name, operation in operations()
    if not name.startswith("GET ")
)
numbers = st.just(1) | st.integers(-(2**70), 2**70)
names = st.sampled_from(["host1", "everyone", "U0ALICE", "1", "é", "%00", "%ED%A0%80", "a" * 300])


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str]:
    """A method and a path that changes something, its parameters filled in."""
    method, path = draw(st.sampled_from(CHANGES))
    path = path.replace("{number}", str(draw(numbers)))
    return method, re.sub(r"\{\w+\}", lambda _: draw(names), path)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(change=changes(), body=bodies | sensible, key=st.text(max_size=10))
def test_no_body_makes_it_fall_over(
    served: httpx.AsyncClient,
    loop: asyncio.AbstractEventLoop,
    change: tuple[str, str],
    body: Any,
    key: str,
) -> None:
    method, path = change
    headers = [
        (b"Content-Type", b"application/json"),
        (b"Idempotency-Key", key.encode("utf-8", "replace")),
    ]
    answer = loop.run_until_complete(
        served.request(
            method, f"{PREFIX}{path}", content=json.dumps(body).encode(), headers=headers
        )
    )
    assert answer.status_code in {200, 201, *REFUSALS}, answer.text
    told_back = answer.json()
    assert answer.status_code < 300 or told_back["sentence"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(max_size=60))
def test_what_is_no_json_is_told_so(
    served: httpx.AsyncClient, loop: asyncio.AbstractEventLoop, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = loop.run_until_complete(
        served.post(f"{PREFIX}/reservations", content=body, headers=headers)
    )
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["sentence"]
