"""Preemption for programs: a dry run, the question, the plan that was seen, and calling it off."""

from __future__ import annotations

import httpx

from bot.services.transaction import UseCases
from tests.support.api import token_of
from tests.support.clockwork import fire_due
from tests.support.world import a_member

WISH = {"gpu_count": 2, "length_s": 4 * 3600, "note": "the demo"}


async def test_a_program_sees_asks_and_an_admin_approves(
    api: httpx.AsyncClient, berth: UseCases
) -> None:
    a_member(berth, "U0BOB")
    bob, boss = token_of(berth, "U0BOB"), a_member(berth, "U0BOSS", admin=True)
    taken = {"gpu_count": 2, "length_s": 12 * 3600}
    booked = await api.post("/api/v1/reservations", json=taken, headers=bob)
    assert booked.status_code == 201, booked.text
    fire_due(berth)
    plan = await api.post("/api/v1/preemption-plans", json=WISH)
    assert plan.status_code == 200, plan.text
    (victim,) = plan.json()["victims"]
    assert victim["reservation_id"] == booked.json()["id"]
    assert victim["next_start"] >= plan.json()["ends_at"]
    asked = await api.post("/api/v1/preemptions", json=WISH)
    assert (asked.status_code, asked.json()["state"]) == (201, "asked")
    number = asked.json()["preemption_id"]
    seen = {"digest": "another"}
    head = token_of(berth, boss.slack_user_id)
    changed = await api.post(f"/api/v1/preemptions/{number}/approve", json=seen, headers=head)
    assert changed.json()["changed"], changed.text
    seen = {"digest": changed.json()["plan"]["digest"]}
    done = await api.post(f"/api/v1/preemptions/{number}/approve", json=seen, headers=head)
    assert (done.json()["state"], done.json()["changed"]) == ("agreed", False)
    reason = {"reason": "the demo is off"}
    objected = await api.post(
        f"/api/v1/reservations/{victim['reservation_id']}/object", json=reason, headers=bob
    )
    assert objected.status_code == 200, objected.text
    off = await api.post(f"/api/v1/preemptions/{number}/withdraw", json=reason)
    assert off.json()["state"] == "undone", off.text
    shown = await api.get(f"/api/v1/preemptions/{number}")
    assert shown.json()["takes_at"] == done.json()["takes_at"]
    late = await api.post(f"/api/v1/reservations/{victim['reservation_id']}/yield", headers=bob)
    assert (late.status_code, late.json()["error"]) == (409, "preemption_over")
