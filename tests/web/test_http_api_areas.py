"""Everything that people do in Slack, done by their programs, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bot.domain.people import Role
from bot.domain.policy import Policy
from bot.protocol.messages import GpuReading, Report
from bot.services import hosts
from bot.services.transaction import UseCases
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_member

API = "/api/v1"
AT_14, AT_16, AT_18, AT_20 = (f"2026-11-23T{hour}:00:00Z" for hour in (14, 16, 18, 20))
Header = dict[str, str]


async def sent(
    api: httpx.AsyncClient,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    headers: Header | None = None,
    status: int = 200,
) -> dict[str, Any]:
    """Send a request, and return the answer, which has that status."""
    answer = await api.request(method, f"{API}{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def book(api: httpx.AsyncClient, headers: Header | None = None, **wish: Any) -> int:
    body = {"start": AT_14, "length_s": 7200, **wish}
    booked = await sent(api, "POST", "/reservations", body, headers=headers, status=201)
    return int(booked["id"])


async def a_no_show(api: httpx.AsyncClient, berth: UseCases, clock: SetClock) -> int:
    """Book both GPUs from now on and let nobody come, until somebody asks; return the number."""

    def pass_minute() -> None:
        clock.advance(minutes=1)
        readings = tuple(
            GpuReading(uuid=f"GPU-host1-{index}", utilisation_percent=0.0, process_pids=())
            for index in range(2)
        )
        report = Report(host_id=1, sent_at=clock.now(), observations=(), gpus=readings)
        berth.write(hosts.take_report, report)
        fire_all(berth)

    pass_minute()  # what was before the first reading cannot be ruled out
    pass_minute()
    wish = {"length_s": 4 * 3600, "gpu_count": 2}
    booked = await sent(api, "POST", "/reservations", wish, status=201)
    fire_all(berth)
    for _ in range(round(Policy().no_show_after.total_seconds() / 60) + 1):
        pass_minute()
    return int(booked["id"])


@pytest.fixture
def bob(api: httpx.AsyncClient, berth: UseCases) -> Header:
    """Bob's program."""
    a_member(berth, "U0BOB")
    return token_of(berth, "U0BOB", "bob")


@pytest.fixture
def ada(api: httpx.AsyncClient, berth: UseCases) -> Header:
    """The program of Ada, an admin."""
    a_member(berth, "U0ADA", admin=True)
    return token_of(berth, "U0ADA", "ada")


async def test_a_reservation_changes_hands(api: httpx.AsyncClient, bob: Header) -> None:
    number = await book(api)
    wish = {"reservation_id": number, "to": "U0BOB", "reason": "on leave"}
    offered = [await sent(api, "POST", "/transfers", wish, status=201) for _ in range(2)]
    assert offered[0] == offered[1]
    here = f"/transfers/{offered[0]['id']}"
    told = await sent(api, "GET", "/transfers", headers=bob)
    assert [one["reason"] for one in told["transfers"]] == ["on leave"]
    await sent(api, "POST", f"{here}/accept", status=403)
    for _ in range(2):
        taken = await sent(api, "POST", f"{here}/accept", headers=bob)
        assert (taken["state"], taken["reservation"]["holder_slack_id"]) == ("accepted", "U0BOB")
    over = await sent(api, "POST", f"{here}/decline", {}, headers=bob, status=409)
    assert over["error"] == "offer_over"
    assert await sent(api, "GET", "/transfers", headers=bob) == {"transfers": []}


async def test_an_offer_is_declined_or_withdrawn(api: httpx.AsyncClient, bob: Header) -> None:
    wish = {"reservation_id": await book(api), "to": "U0BOB"}
    for verb, who in (("decline", bob), ("withdraw", None)):
        offer = await sent(api, "POST", "/transfers", wish, status=201)
        body = {"reason": "no need"} if verb == "decline" else None
        over = await sent(api, "POST", f"/transfers/{offer['id']}/{verb}", body, headers=who)
        assert over["state"] in ("declined", "withdrawn")
        assert await sent(api, "GET", f"/transfers/{offer['id']}") == over


async def test_somebody_whom_berth_never_met_gets_nothing(api: httpx.AsyncClient) -> None:
    wish = {"reservation_id": await book(api), "to": "U0NOBODY"}
    refused = await sent(api, "POST", "/transfers", wish, status=404)
    assert refused["error"] == "unknown_person"


async def test_two_holders_exchange(api: httpx.AsyncClient, bob: Header) -> None:
    mine = await book(api, gpu_names=["gpu0"])
    theirs = await book(api, bob, start=AT_16, gpu_names=["gpu1"])
    wish = {"mine": mine, "theirs": theirs, "reason": "the demo is earlier"}
    swap = await sent(api, "POST", "/swaps", wish, status=201)
    assert swap["reason"] == "the demo is earlier"
    (listed,) = (await sent(api, "GET", "/swaps", headers=bob))["swaps"]
    seen = {f"{which}_version": listed[which]["version"] for which in ("first", "second")}
    here = f"/swaps/{swap['id']}"
    await sent(api, "POST", f"{here}/accept", seen, status=403)
    for _ in range(2):
        done = await sent(api, "POST", f"{here}/accept", seen, headers=bob)
        assert (done["state"], done["first"]["starts_at"]) == ("accepted", AT_16)
    assert (await sent(api, "GET", here))["state"] == "accepted"


async def test_a_swap_that_was_seen_otherwise_is_withdrawn(
    api: httpx.AsyncClient, bob: Header
) -> None:
    mine = await book(api, gpu_names=["gpu0"])
    theirs = await book(api, bob, start=AT_16, gpu_names=["gpu1"])
    swap = await sent(api, "POST", "/swaps", {"mine": mine, "theirs": theirs}, status=201)
    old = {"first_version": 99, "second_version": 99}
    over = await sent(api, "POST", f"/swaps/{swap['id']}/accept", old, headers=bob)
    assert over["state"] == "withdrawn"
    half = {"first_version": 1}
    await sent(api, "POST", f"/swaps/{swap['id']}/accept", half, headers=bob, status=422)


async def test_a_swap_is_declined_or_withdrawn(api: httpx.AsyncClient, bob: Header) -> None:
    mine = await book(api, gpu_names=["gpu0"])
    theirs = await book(api, bob, start=AT_16, gpu_names=["gpu1"])
    for verb, who, body in (("decline", bob, {"reason": "no"}), ("withdraw", None, None)):
        swap = await sent(api, "POST", "/swaps", {"mine": mine, "theirs": theirs}, status=201)
        for _ in range(2):
            over = await sent(api, "POST", f"/swaps/{swap['id']}/{verb}", body, headers=who)
            assert over["state"] in ("declined", "withdrawn")


async def test_a_full_window_is_waited_for_offered_and_taken(
    api: httpx.AsyncClient, bob: Header, berth: UseCases, clock: SetClock
) -> None:
    number = await book(api, gpu_count=2)
    wish = {"start": AT_14, "length_s": 7200, "gpu_count": 2}
    joined = [await sent(api, "POST", "/waitlist", wish, headers=bob, status=201) for _ in range(2)]
    assert joined[0]["id"] == joined[1]["id"]
    assert (joined[0]["place"], joined[0]["state"]) == (1, "waiting")
    await sent(api, "POST", f"/reservations/{number}/cancel", {})
    fire_all(berth)
    (place,) = (await sent(api, "GET", "/waitlist", headers=bob))["waitlist"]
    assert (place["state"], place["starts_at"]) == ("open", AT_14)
    await sent(api, "POST", f"/waitlist/{place['id']}/accept", status=403)
    for _ in range(2):
        taken = await sent(api, "POST", f"/waitlist/{place['id']}/accept", headers=bob)
        assert (taken["id"], taken["state"]) == (place["reservation_id"], "booked")


async def test_a_place_is_given_up_and_a_window_declined(
    api: httpx.AsyncClient, bob: Header, berth: UseCases, clock: SetClock
) -> None:
    number = await book(api, gpu_count=2)
    first, second = [
        await sent(
            api,
            "POST",
            "/waitlist",
            {"start": AT_14, "length_s": 7200, "gpu_count": count},
            headers=bob,
            status=201,
        )
        for count in (1, 2)
    ]
    left = await sent(api, "POST", f"/waitlist/{second['id']}/leave", headers=bob)
    assert left["state"] == "withdrawn"
    await sent(api, "POST", f"/reservations/{number}/cancel", {})
    fire_all(berth)
    declined = await sent(api, "POST", f"/waitlist/{first['id']}/decline", headers=bob)
    assert declined["state"] == "declined"
    assert await sent(api, "GET", "/waitlist", headers=bob) == {"waitlist": []}


async def test_a_short_training_is_queued_and_taken_out(api: httpx.AsyncClient) -> None:
    wish = {"length_s": 1800, "run": {"epochs": 2}, "gpu_count": 2}
    job = await sent(api, "POST", "/queue", wish, status=201)
    assert (job["kind"], job["place"], job["length_s"]) == ("queue", 1, 1800)
    assert (await sent(api, "POST", "/queue", wish, status=201))["id"] == job["id"]
    (listed,) = (await sent(api, "GET", "/queue"))["queue"]
    assert listed["expected_start"] is not None
    for _ in range(2):
        left = await sent(api, "POST", f"/queue/{job['id']}/leave")
        assert left["state"] == "withdrawn"
    assert await sent(api, "GET", "/queue") == {"queue": []}


SERIES = {"weekdays": ["tue", "thu"], "at": "20:00", "until": "08:00", "note": "nightly"}


async def test_a_series_is_booked_once_skipped_and_ended(
    api: httpx.AsyncClient, bob: Header
) -> None:
    key = {"Idempotency-Key": "nightly"}
    made = [await sent(api, "POST", "/series", SERIES, headers=key, status=201) for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]
    assert (made[0]["rule"], made[0]["time_zone"]) == ("every tue, thu 20:00", "Europe/Paris")
    first = made[0]["upcoming"][0]
    assert (first["starts_at"], first["series_id"]) == ("2026-11-24T18:00:00Z", made[0]["id"])
    for _ in range(2):
        left = await sent(api, "POST", f"/reservations/{first['id']}/skip")
        assert left["upcoming"][0]["starts_at"] == "2026-11-26T18:00:00Z"
        assert left["missed"][0]["reason"] == "cancelled"
    (listed,) = (await sent(api, "GET", "/series"))["series"]
    assert listed == await sent(api, "GET", f"/series/{listed['id']}", headers=bob)
    await sent(api, "POST", f"/series/{listed['id']}/cancel", {}, headers=bob, status=403)
    over = await sent(api, "POST", f"/series/{listed['id']}/cancel", {"reason": "done"})
    assert (over["active"], over["upcoming"]) == (False, [])
    assert await sent(api, "GET", "/series") == {"series": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekdays": []},
        {"weekdays": ["today"]},
        {"at": "25:00"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "Europe"},
        {"length_s": 7200},
        {"starts_on": "2026-12-01", "ends_on": "2026-11-01"},
        {"ends_on": "0001-01-01"},
    ],
)
async def test_a_series_that_makes_no_sense_is_refused(
    sqlite_api: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    refused = await sent(sqlite_api, "POST", "/series", {**SERIES, **wrong}, status=422)
    assert refused["error"] == "invalid_request"


async def test_what_needs_approval_is_approved_or_declined_by_who_may(
    api: httpx.AsyncClient, bob: Header, ada: Header
) -> None:
    for start, verb, state in ((AT_14, "approve", "booked"), (AT_16, "decline", "cancelled")):
        number = await book(api, start=start, priority="p0")
        for who in (None, ada):
            (waits,) = (await sent(api, "GET", "/approvals", headers=who))["reservations"]
            assert (waits["id"], waits["state"]) == (number, "pending")
            assert [rule["kind"] for rule in waits["approval"]["rules"]] == ["priority"]
        assert await sent(api, "GET", "/approvals", headers=bob) == {"reservations": []}
        here = f"/approvals/{waits['approval']['id']}/{verb}"
        body = {"reason": "not today"} if verb == "decline" else None
        refused = await sent(api, "POST", here, body, headers=bob, status=403)
        assert (refused["error"], refused["data"]["approver_slack_ids"]) == (
            "may_not_approve",
            ["U0ADA"],
        )
        for _ in range(2):
            decided = await sent(api, "POST", here, body, headers=ada)
            assert (decided["state"], decided["approval"]["decided_by_slack_id"]) == (
                state,
                "U0ADA",
            )


async def test_a_lead_sees_and_decides_what_their_team_asks_for(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    team = a_team(berth, "vision")
    a_member_of(berth, team, "U0CY")
    a_member_of(berth, team, "U0LEA", Role.LEAD)
    cy, lea = token_of(berth, "U0CY", "cy"), token_of(berth, "U0LEA", "lea")
    await book(api, priority="p0")
    number = await book(api, cy, priority="p0")
    (waits,) = (await sent(api, "GET", "/approvals", headers=lea))["reservations"]
    assert waits["id"] == number
    await sent(api, "POST", f"/approvals/{waits['approval']['id']}/approve", headers=lea)


@pytest.mark.parametrize(
    ("verb", "body", "told"),
    [
        ("keep", None, {"kept_for_s": 7200}),
        ("release", {"at": AT_14}, {"state": "active", "ends_at": AT_14}),
        ("release", {}, {"state": "ended"}),
    ],
)
async def test_whether_idle_gpus_are_needed_is_answered(
    api: httpx.AsyncClient,
    berth: UseCases,
    clock: SetClock,
    verb: str,
    body: dict[str, Any] | None,
    told: dict[str, Any],
) -> None:
    number = await a_no_show(api, berth, clock)
    (asked,) = (await sent(api, "GET", "/usage-checks"))["reservations"]
    assert (asked["id"], asked["usage_check"]["question"]) == (number, "no_show")
    here = f"/usage-checks/{asked['usage_check']['id']}/{verb}"
    for _ in range(2):
        answer = await sent(api, "POST", here, body)
        assert {name: answer[name] for name in told} == told
    assert await sent(api, "GET", "/usage-checks") == {"reservations": []}


async def test_maintenance_is_planned_once_and_called_off(
    api: httpx.AsyncClient, ada: Header
) -> None:
    number = await book(api, gpu_count=2)
    wish = {"targets": ["host1"], "start": AT_14, "end": AT_16, "reason": "new driver"}
    refused = await sent(api, "POST", "/maintenance", wish, status=403)
    assert refused["error"] == "admins_only"
    key = {**ada, "Idempotency-Key": "driver-560"}
    planned = [
        await sent(api, "POST", "/maintenance", wish, headers=key, status=201) for _ in range(2)
    ]
    assert planned[0] == planned[1]
    assert planned[0]["effects"]["asked"] == [number]
    block = planned[0]["reservation"]
    assert (block["kind"], block["ends_at"]) == ("maintenance", AT_16)
    listed = await sent(api, "GET", "/maintenance")
    assert [one["id"] for one in listed["maintenance"]] == [block["id"]]
    await sent(api, "POST", f"/maintenance/{number}/call-off", {}, headers=ada, status=404)
    await sent(api, "POST", f"/maintenance/{block['id']}/call-off", {}, status=403)
    for _ in range(2):
        over = await sent(
            api, "POST", f"/maintenance/{block['id']}/call-off", {"reason": "later"}, headers=ada
        )
        assert over["state"] == "cancelled"


async def test_hosts_and_gpus_go_out_of_service_and_come_back(
    api: httpx.AsyncClient, ada: Header
) -> None:
    for verb, body in (("drain", {"reason": "dust"}), ("undrain", None)):
        await sent(api, "POST", f"/hosts/host1/{verb}", body, status=403)
        for changed in (True, False):
            told = await sent(api, "POST", f"/hosts/host1/{verb}", body, headers=ada)
            assert told == {"host": "host1", "drained": verb == "drain", "changed": changed}
        (host,) = (await sent(api, "GET", "/hosts"))["hosts"]
        assert (host["drained_at"] is not None) == (verb == "drain")
    number = await book(api, gpu_names=["gpu0"])
    broken = {"names": ["gpu0@host1"], "reason": "fell off the bus"}
    effects = await sent(api, "POST", "/gpus/broken", broken, headers=ada)
    assert effects["moved"] == [number]
    assert (await sent(api, "GET", "/maintenance"))["broken_gpus"] == ["gpu0@host1"]
    for repaired in (1, 0):
        told = await sent(api, "POST", "/gpus/repaired", {"names": ["host1"]}, headers=ada)
        assert told == {"repaired": repaired}
    unknown = await sent(api, "POST", "/hosts/host9/drain", {}, headers=ada, status=404)
    assert unknown["error"] == "unknown_host_name"


async def test_people_and_teams_are_administered(
    api: httpx.AsyncClient, ada: Header, bob: Header
) -> None:
    wish = {"name": "vision", "gpus_at_once": 8, "colour": "orange", "channel_id": "C0VISION"}
    await sent(api, "POST", "/teams", wish, status=403)
    made = await sent(api, "POST", "/teams", wish, headers=ada, status=201)
    assert (made["colour"], made["gpus_at_once"]) == ("#e69f00", 8)
    again = await sent(api, "POST", "/teams", wish, headers=ada, status=409)
    assert again["error"] == "team_exists"
    changed = await sent(api, "PATCH", "/teams/Vision", {"gpus_at_once": 0}, headers=ada)
    assert (changed["gpus_at_once"], changed["channel_id"]) == (None, "C0VISION")
    usual = {"priority": "p1", "preemptible": True}
    decided = await sent(api, "PATCH", "/teams/vision", usual, headers=ada)
    assert (decided["priority"], decided["preemptible"]) == ("p1", True)
    await sent(api, "PATCH", "/teams/vision", {"priority": "p0"}, headers=ada, status=422)
    for _ in range(2):
        moved = await sent(api, "PUT", "/members/U0BOB/team", {"team": "vision"}, headers=ada)
        lead = await sent(api, "PUT", "/members/U0BOB/role", {"role": "lead"}, headers=ada)
        assert (moved["team_name"], lead["role"]) == ("vision", "lead")
    assert (await sent(api, "GET", "/me", headers=bob)) == lead
    teams = {team["name"]: team for team in (await sent(api, "GET", "/teams"))["teams"]}
    assert [one["slack_user_id"] for one in teams["vision"]["members"]] == ["U0BOB"]
    await sent(api, "PUT", "/members/U0BOB/role", {"role": "admin"}, status=403)
    dismissed = {"role": "member"}
    last = await sent(api, "PUT", "/members/U0ADA/role", dismissed, headers=ada, status=409)
    assert last["error"] == "last_admin"


async def test_shares_say_who_goes_first(api: httpx.AsyncClient) -> None:
    await book(api, gpu_count=2)
    told = await sent(api, "GET", "/shares")
    (team,) = told["teams"]
    assert (team["team_name"], team["place"], team["week_gpu_hours"]) == ("everyone", 1, 4)
    assert told["own_week_gpu_hours"] == 4


async def test_an_answer_that_comes_twice_at_once_is_given_once(
    api: httpx.AsyncClient, bob: Header
) -> None:
    wish = {"reservation_id": await book(api), "to": "U0BOB"}
    offer = await sent(api, "POST", "/transfers", wish, status=201)
    here = f"{API}/transfers/{offer['id']}"
    answers = await asyncio.gather(
        *(api.post(f"{here}/accept", headers=bob) for _ in range(4)),
        *(api.post(f"{here}/withdraw") for _ in range(4)),
    )
    by_status = {answer.status_code for answer in answers}
    assert by_status <= {200, 403, 409}
    states = {answer.json()["state"] for answer in answers if answer.status_code == 200}
    assert len(states) == 1


async def test_only_a_run_goes_on_or_is_tried_again(
    api: httpx.AsyncClient, berth: UseCases, bob: Header
) -> None:
    bare = await book(api)
    for verb, body in (("continue", {"now": True}), ("retry", {"batch": 8})):
        here = f"/reservations/{bare}/{verb}"
        refused = await sent(api, "POST", here, body, status=409)
        assert refused["error"] == "nothing_to_continue"
        await sent(api, "POST", here, body, headers=bob, status=403)


async def test_a_run_goes_on_in_the_next_free_window(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    run = {"model": "yolov8n", "data": "coco8.yaml", "epochs": 3}
    wish = {"length_s": 7200, "run": run}
    booked = await sent(api, "POST", "/reservations", wish, status=201)
    fire_all(berth)
    here = f"/reservations/{booked['id']}/continue"
    for _ in range(2):
        assert (await sent(api, "POST", here, {}))["id"] == booked["id"]
    first, second = (await sent(api, "GET", "/reservations"))["reservations"]
    assert (first["id"], second["starts_at"]) == (booked["id"], booked["ends_at"])
