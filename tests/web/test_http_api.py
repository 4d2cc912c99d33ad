"""The API for programs, over HTTP with real use cases on both databases."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.domain.errors import UnknownPerson
from bot.services import tokens
from bot.services.tokens import Scope
from bot.services.transaction import UseCases
from bot.store.tables import TokenRow
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.world import a_member

API = "/api/v1"
AT_14, AT_16, AT_18 = (f"2026-11-23T{hour}:00:00Z" for hour in (14, 16, 18))
JSON = {"Content-Type": "application/json"}
WISH: dict[str, Any] = {"start": AT_14, "length_s": 7200}


async def book(api: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await api.post(f"{API}/reservations", json={**WISH, **wish})
    assert answer.status_code == 201, answer.text
    booked: dict[str, Any] = answer.json()
    return booked


def as_bob(berth: UseCases) -> dict[str, str]:
    a_member(berth, "U0BOB")
    return token_of(berth, "U0BOB", "bob's pipeline")


async def test_a_pipeline_books_changes_and_gives_back_as_its_member(
    api: httpx.AsyncClient,
) -> None:
    run = {"model": "yolov8n", "data": "coco8.yaml", "epochs": 3, "extra": {"lr0": 0.01}}
    booked = await book(api, run=run, note="nightly")
    assert (booked["holder_slack_id"], booked["state"]) == ("U0ALICE", "booked")
    assert (booked["run"]["model"], booked["run"]["epochs"]) == ("yolov8n", 3)
    here = f"{API}/reservations/{booked['id']}"
    for change, body, window in (
        ("extend", {"until": AT_18}, (AT_14, AT_18)),
        ("shorten", {"until": AT_16}, (AT_14, AT_16)),
        ("move", {"start": AT_16}, (AT_16, AT_18)),
    ):
        for _ in range(2):
            answer = await api.post(f"{here}/{change}", json=body)
            assert answer.status_code == 200, answer.text
            assert (answer.json()["starts_at"], answer.json()["ends_at"]) == window
    listed = (await api.get(f"{API}/reservations")).json()["reservations"]
    assert [each["id"] for each in listed] == [booked["id"]]
    for _ in range(2):
        answer = await api.post(f"{here}/cancel", json={"reason": "no need"})
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (await api.get(here)).json()["end_reason"] == "no need"


async def test_one_key_books_once_however_often_and_at_once_it_is_sent(
    api: httpx.AsyncClient,
) -> None:
    async def ask() -> int:
        answer = await api.post(
            f"{API}/reservations", json=WISH, headers={"Idempotency-Key": "build-17"}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    assert len(set(await asyncio.gather(*(ask() for _ in range(8))))) == 1


async def test_a_refusal_names_who_holds_the_time_and_what_fits_instead(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    bob = as_bob(berth)
    await book(api, gpu_count=2)
    answer = await api.post(f"{API}/reservations", json={**WISH, "gpu_count": 2}, headers=bob)
    told = answer.json()
    assert (answer.status_code, told["error"]) == (409, "window_taken")
    assert "Alice holds 2 GPUs (R1)" in told["sentence"]
    assert told["data"] == {"wanted_gpus": 2, "free_gpus": 0}
    assert told["holdings"][0]["holder_slack_id"] == "U0ALICE"
    assert told["alternatives"][0]["starts_at"] == AT_16
    there = await api.post(
        f"{API}/reservations",
        json={"start": AT_16, "end": told["alternatives"][0]["ends_at"], "gpu_count": 2},
        headers=bob,
    )
    assert there.status_code == 201


async def test_an_extension_that_does_not_fit_offers_what_does(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    bob = as_bob(berth)
    number = (await book(api, gpu_names=["gpu0"]))["id"]
    await api.post(
        f"{API}/reservations", json={**WISH, "start": AT_16, "gpu_names": ["gpu0"]}, headers=bob
    )
    answer = await api.post(f"{API}/reservations/{number}/extend", json={"until": AT_18})
    assert answer.status_code == 409
    (beside,) = answer.json()["alternatives"]
    assert (beside["starts_at"], beside["ends_at"], beside["reservation_id"]) == (
        AT_16,
        AT_18,
        None,
    )


async def test_somebody_elses_reservation_can_be_seen_and_not_changed(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    bob = as_bob(berth)
    number = (await book(api))["id"]
    here = f"{API}/reservations/{number}"
    assert (await api.get(here, headers=bob)).status_code == 200
    assert (await api.get(f"{API}/reservations", headers=bob)).json() == {"reservations": []}
    everybodys = await api.get(f"{API}/reservations", params={"mine": "false"}, headers=bob)
    assert len(everybodys.json()["reservations"]) == 1
    for change, body in (
        ("extend", {"until": AT_18}),
        ("shorten", {"until": AT_16}),
        ("move", {"start": AT_16}),
        ("cancel", {}),
    ):
        answer = await api.post(f"{here}/{change}", json=body, headers=bob)
        assert (answer.status_code, answer.json()["error"]) == (403, "not_the_holder")


async def test_gpus_and_status_say_who_holds_what(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{API}/reservations", json={"length_s": 7200, "gpu_names": ["gpu1"]})
    assert answer.status_code == 201, answer.text
    first, second = (await api.get(f"{API}/gpus")).json()["gpus"]
    assert (first["name"], first["held"]) == ("gpu0@host1", None)
    assert second["held"]["holder_slack_id"] == "U0ALICE"
    status = (await api.get(f"{API}/status")).json()
    assert (status["gpu_count"], status["free_count"]) == (2, 1)


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic abc", "Bearer é"])
async def test_without_a_members_token_nothing_is_told(api: httpx.AsyncClient, header: str) -> None:
    answer = await api.get(f"{API}/status", headers=[(b"Authorization", header.encode("latin-1"))])
    assert (answer.status_code, answer.json()["error"]) == (401, "token_refused")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_token_of_an_agent_is_not_a_members_and_the_other_way_round(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    berth.write(tokens.add_token, "host1", Scope.AGENT, "berth_agent")
    agent = {"Authorization": "Bearer berth_agent"}
    assert (await api.get(f"{API}/status", headers=agent)).status_code == 401
    assert (await api.get("/agent/v1/desired", params={"host_id": 1})).status_code == 401


async def test_a_revoked_token_opens_nothing(api: httpx.AsyncClient, berth: UseCases) -> None:
    assert berth.write(tokens.revoke_token, "a pipeline") == 1
    assert (await api.get(f"{API}/status")).status_code == 401


def test_a_token_is_for_a_member_whom_berth_knows(berth: UseCases) -> None:
    with pytest.raises(UnknownPerson):
        berth.write(tokens.create_member_token, "a pipeline", "U0NOBODY")


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("neither length nor end", {"start": AT_14}),
    ("both length and end", {**WISH, "end": AT_16}),
    ("an end before the start", {"start": AT_16, "end": AT_14}),
    ("a time without a zone", {**WISH, "start": "2026-11-23T14:00:00"}),
    ("a year that no calendar reaches", {**WISH, "start": "0001-01-01T00:00:00+14:00"}),
    ("an unknown field", {**WISH, "gpus": 2}),
    ("a model that is none", {**WISH, "run": {"model": "../../etc/passwd"}}),
    ("no GPU", {**WISH, "gpu_count": 0}),
    ("an argument that is not passed on", {**WISH, "run": {"extra": {"device": "cpu"}}}),
    ("less than a slot", {**WISH, "length_s": 60}),
    ("half a surrogate pair", {**WISH, "note": "\ud800"}),
]


@pytest.mark.parametrize(
    "wish", [wish for _, wish in MALFORMED], ids=[what for what, _ in MALFORMED]
)
async def test_what_makes_no_sense_is_told_in_a_sentence(
    sqlite_api: httpx.AsyncClient, wish: dict[str, Any]
) -> None:
    # json.dumps writes ASCII, so that half a surrogate pair travels as the escape that it is.
    body = json.dumps(wish).encode()
    answer = await sqlite_api.post(f"{API}/reservations", content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert answer.json()["sentence"].strip().endswith(".")
    assert (await sqlite_api.get(f"{API}/reservations")).json() == {"reservations": []}


async def test_a_body_of_any_size_is_refused_before_it_is_read(
    sqlite_api: httpx.AsyncClient,
) -> None:
    answer = await sqlite_api.post(f"{API}/reservations", json={**WISH, "note": "x" * 100_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    "path", ["/nothing", "/reservations/999999", "/reservations/9007199254740992"]
)
async def test_what_does_not_exist_is_not_found(sqlite_api: httpx.AsyncClient, path: str) -> None:
    answer = await sqlite_api.get(f"{API}{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] in ("not_found", "unknown_reservation")


async def test_the_last_use_of_a_token_is_noted_once_a_minute(
    api: httpx.AsyncClient, berth: UseCases, clock: SetClock
) -> None:
    def last_use() -> datetime | None:
        return berth.database.read(
            lambda session: session.scalars(select(TokenRow.last_used_at)).one()
        )

    assert last_use() is None
    begin = clock.now()
    await api.get(f"{API}/status")
    assert last_use() == begin
    clock.move_to(begin + timedelta(seconds=59))
    await api.get(f"{API}/status")
    assert last_use() == begin
    clock.move_to(begin + timedelta(seconds=60))
    await asyncio.gather(*(api.get(f"{API}/status") for _ in range(4)))
    assert last_use() == clock.now()
