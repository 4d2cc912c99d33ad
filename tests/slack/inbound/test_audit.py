"""``/gpu audit``: who did what, for those who may see it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.audit_views import AuditFilter
from bot.domain.errors import UnreadableRequest
from bot.slack.audit_grammar import from_value, parse_audit, to_value
from bot.slack.blocks.audit import OLDER_ACTION
from tests.slack.inbound.office import Office, text_of, values_of

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)  # a Wednesday
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", AuditFilter()),
        ("R12", AuditFilter(subject_kind="reservation", subject_id=12)),
        ("<@U0BOB|bob>", AuditFilter(who="U0BOB")),
        ("@bob", AuditFilter(who="bob")),
        ("reservation.cancelled", AuditFilter(action="reservation.cancelled")),
        ("since monday", AuditFilter(since=datetime(2026, 11, 22, 23, tzinfo=UTC))),
        ("since wed", AuditFilter(since=datetime(2026, 11, 24, 23, tzinfo=UTC))),
        ("since 3 days @bob", AuditFilter("bob", since=datetime(2026, 11, 22, 12, 30, tzinfo=UTC))),
        ("since 2026-11-20 18:00", AuditFilter(since=datetime(2026, 11, 20, 17, tzinfo=UTC))),
        ("since yesterday", AuditFilter(since=datetime(2026, 11, 23, 23, tzinfo=UTC))),
    ],
)
def test_what_is_asked_for(said: str, meant: AuditFilter) -> None:
    assert parse_audit(said, NOW, PARIS) == meant


@pytest.mark.parametrize("said", ["since", "since tomorrow", "since 2027-01-01", "R1 R2", "!?"])
def test_what_makes_no_sense_is_refused(said: str) -> None:
    with pytest.raises(UnreadableRequest):
        parse_audit(said, NOW, PARIS)


@given(st.text(max_size=60))
def test_any_words_are_understood_or_refused(said: str) -> None:
    try:
        wanted = parse_audit(said, NOW, PARIS)
    except UnreadableRequest:
        return
    assert from_value(to_value(wanted, 7)) == (wanted, 7)


@given(st.text(max_size=60))
def test_a_button_of_another_release_is_no_surprise(value: str) -> None:
    from_value(value)


async def test_admins_see_everything_page_by_page_and_others_their_own(office: Office) -> None:
    for _ in range(5):
        await office.say("/gpu reserve 1 now 2h", "U0BOB")
        number = office.reservations("U0BOB")[-1].reservation_id
        await office.say(f"/gpu cancel R{number} demo moved", "U0BOB")
        await office.say("/gpu reserve 1 now 2h")
        number = office.reservations()[-1].reservation_id
        await office.say(f"/gpu cancel R{number} not needed")
    answer = await office.say("/gpu audit")
    assert "not needed" in text_of(answer)
    assert "demo moved" in text_of(answer)
    before = len(office.ephemerals("U0ALICE"))
    await office.click(answer, OLDER_ACTION, values_of(answer, OLDER_ACTION)[0])
    older = (await office.eventually(lambda: office.ephemerals("U0ALICE")[before:]))[0]
    assert text_of(older) != text_of(answer)
    own = await office.say("/gpu audit", "U0BOB")
    assert "demo moved" in text_of(own)
    assert "not needed" not in text_of(own)
    assert "Nothing" in text_of(await office.say("/gpu audit <@U0ALICE|alice>", "U0BOB"))
    assert "demo moved" in text_of(await office.say("/gpu audit R1"))
