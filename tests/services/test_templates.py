"""Templates of teams, and the same training again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.errors import (
    InvalidTemplateName,
    NotPermitted,
    NoTraining,
    NotYourTemplate,
    TemplateTaken,
    UnknownReservation,
    UnknownTemplate,
)
from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.services import booking, templates
from bot.services.transaction import UseCases
from tests.conftest import T0
from tests.support.audit_trail import audited
from tests.support.teams import a_member_of, a_team
from tests.support.world import TINY_RUN, a_host, a_member

H = timedelta(hours=1)


def test_a_training_is_kept_under_a_name_and_found_by_the_team(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    wish = ReserveRequest(2 * H, gpu_count=2, run=TINY_RUN)
    booked = berth.write(booking.reserve, alice, wish)
    with audited(berth) as trail:
        saved = berth.write(templates.save, alice, "@YOLO-release", booked.reservation_id)
        berth.write(templates.save, alice, "yolo-release", booked.reservation_id)
    assert trail.only().action == "template.saved"
    assert (saved.name, saved.spec, saved.gpu_count) == ("yolo-release", TINY_RUN, 2)
    assert berth.read(templates.find, bob, "@yolo-release") == saved
    assert berth.read(templates.of_team, bob) == (saved,)


def test_a_name_of_somebody_else_is_not_overwritten(berth: UseCases) -> None:
    a_host(berth)
    team = a_team(berth, "vision")
    alice = a_member_of(berth, team, "U0ALICE")
    bob = a_member_of(berth, team, "U0BOB")
    lead = a_member_of(berth, team, "U0LEE", Role.LEAD)
    wish = ReserveRequest(2 * H, run=TINY_RUN)
    first = berth.write(booking.reserve, alice, wish)
    other = berth.write(booking.reserve, bob, ReserveRequest(2 * H, gpu_count=3, run=TINY_RUN))
    berth.write(templates.save, alice, "release", first.reservation_id)
    with pytest.raises(TemplateTaken) as taken:
        berth.write(templates.save, bob, "release", other.reservation_id)
    assert taken.value.by_slack_id == "U0ALICE"
    with pytest.raises(NotYourTemplate):
        berth.write(templates.delete, bob, "release")
    replaced = berth.write(templates.save, lead, "release", other.reservation_id)
    assert replaced.gpu_count == 3
    with audited(berth) as trail:
        berth.write(templates.delete, lead, "@release")
    assert trail.only().action == "template.deleted"
    with pytest.raises(UnknownTemplate):
        berth.write(templates.delete, lead, "@release")


def test_another_team_has_names_of_its_own(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    eve = a_member_of(berth, a_team(berth, "speech"), "U0EVE")
    booked = berth.write(booking.reserve, alice, ReserveRequest(2 * H, run=TINY_RUN))
    berth.write(templates.save, alice, "nightly", booked.reservation_id)
    with pytest.raises(UnknownTemplate) as unknown:
        berth.read(templates.find, eve, "@nightly")
    assert unknown.value.known == ()
    with pytest.raises(UnknownTemplate) as misspelt:
        berth.read(templates.find, alice, "@nightlly")
    assert misspelt.value.known == ("nightly",)


def test_what_cannot_be_kept_is_refused(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    bare = berth.write(booking.reserve, alice, ReserveRequest(2 * H))
    viewer = a_member_of(berth, alice.team_id, "U0VIC", Role.VIEWER)
    for name in ("", "@", "two words", "-x", "a" * 41, "é"):
        with pytest.raises(InvalidTemplateName):
            berth.write(templates.save, alice, name, bare.reservation_id)
    with pytest.raises(NoTraining):
        berth.write(templates.save, alice, "fine", bare.reservation_id)
    with pytest.raises(UnknownReservation):
        berth.write(templates.save, alice, "fine", 999)
    with pytest.raises(NotPermitted):
        berth.write(templates.save, viewer, "fine", bare.reservation_id)


def test_the_same_again_is_the_last_training_in_the_nearest_window(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    with pytest.raises(NoTraining) as none_yet:
        berth.read(templates.same_again, alice)
    assert none_yet.value.reservation_id is None
    wish = ReserveRequest(3 * H, gpu_count=2, run=TINY_RUN, note="night run")
    booked = berth.write(booking.reserve, alice, wish)
    berth.write(booking.reserve, alice, ReserveRequest(2 * H))  # no training: not the last one
    again = berth.read(templates.same_again, alice)
    assert again.past.reservation_id == booked.reservation_id
    assert (again.past.spec, again.past.gpu_count, again.past.note) == (TINY_RUN, 2, "night run")
    # One GPU is left now; the two are free again where the first booking ends.
    assert again.past.length == 4 * H
    start = T0.replace(hour=16, minute=0)
    assert again.window == TimeWindow(start, start + 4 * H)
    assert len(again.gpus) == 2
    theirs = berth.read(templates.same_again, bob, booked.reservation_id)
    assert theirs.window == again.window
    rebooked = berth.write(booking.reserve, bob, theirs.past.request(start))
    assert rebooked.run is not None
    assert rebooked.run.spec == TINY_RUN
    assert rebooked.window == theirs.window


def test_where_the_gpus_are_free_the_same_again_starts_now(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    later = T0 + 24 * H
    wish = ReserveRequest(2 * H, gpu_count=4, start=later, run=TINY_RUN)
    booked = berth.write(booking.reserve, alice, wish)
    again = berth.read(templates.same_again, alice, booked.reservation_id)
    assert again.window is not None
    assert again.window.start == T0
