"""Reports agree with the claims to the second: every sum is computed a second, plainer way."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.domain.people import Member, Role
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import GpuReading, Report
from bot.services import booking, hosts, people, use_reports
from bot.services.report_csv import report_csv
from bot.services.report_picture import alt_text, report_picture
from bot.services.transaction import Tx, UseCases
from bot.store.seeing_tables import GpuHourRow
from bot.store.tables import ClaimRow, GpuRow, MemberRow, ReservationRow, TeamRow
from tests.conftest import T0
from tests.support.clock import SetClock
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host, a_member

BACK_S = 9 * 86400
HISTORY = st.lists(
    st.tuples(
        st.integers(0, 2),  # the team
        st.integers(0, 2),  # the GPU
        st.integers(0, 2 * BACK_S),  # seconds after the beginning
        st.integers(1, 3 * 86400),  # how long, in seconds
        st.sampled_from(["ended", "active", "booked", "pending", "cancelled"]),
        st.sampled_from(["work", "work", "queued", "maintenance"]),
    ),
    max_size=14,
)


def write_history(berth: UseCases, history: list[tuple[int, int, int, int, str, str]]) -> None:
    """Put claims into the past and the future; those that would overlap are left out."""

    def write(tx: Tx) -> None:
        for table in (ClaimRow, ReservationRow):
            tx.session.execute(table.__table__.delete())  # type: ignore[attr-defined] # of every row
        teams = tx.session.scalars(select(TeamRow.id).order_by(TeamRow.id)).all()
        gpus = tx.session.scalars(select(GpuRow.id).order_by(GpuRow.id)).all()
        taken: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
        for team, gpu, after_s, length_s, state, kind in history:
            start = tx.now + timedelta(seconds=after_s - BACK_S)
            end = start + timedelta(seconds=length_s)
            live = state != "cancelled"
            if live and any(start < others and end > other for other, others in taken[gpu]):
                continue
            if live:
                taken[gpu].append((start, end))
            row = ReservationRow(
                kind=kind,
                team_id=teams[team],
                member_id=1,
                priority="p2",
                preemptible=True,
                state=state,
                starts_at=start,
                ends_at=end,
                note="",
                created_at=start,
                ended_at=start if state == "cancelled" else None,
                end_reason="=1+1",
            )
            row.claims = [ClaimRow(gpu_id=gpus[gpu], starts_at=start, ends_at=end, live=live)]
            tx.session.add(row)

    berth.write(write)


def claims_in_plain_python(
    berth: UseCases,
) -> list[tuple[str, str, int, datetime, datetime]]:
    """Every row, filtered by nothing but Python."""

    def read(tx: Tx) -> list[tuple[str, str, int, datetime, datetime]]:
        return [
            (claim.reservation.team.name, claim.gpu.model, claim.gpu_id, claim.starts_at,
             claim.ends_at)
            for claim in tx.session.scalars(select(ClaimRow))
            if claim.live
            and claim.reservation.kind != "maintenance"
            and claim.reservation.state not in ("pending", "offered")
        ]  # fmt: skip

    return berth.read(read)


def seconds_by_hand(
    claims: list[tuple[str, str, int, datetime, datetime]], start: datetime, end: datetime
) -> tuple[dict[str, float], list[list[float]]]:
    """By team, and by weekday and hour of Paris: from changes of the number of claims that hold."""
    zone = ZoneInfo("Europe/Paris")
    by_team: defaultdict[str, float] = defaultdict(float)
    for team, _, _, begins, ends in claims:
        seconds = (min(ends, end) - max(begins, start)).total_seconds()
        if seconds > 0:
            by_team[team] += seconds
    heat = [[0.0] * 24 for _ in range(7)]
    edge = start.replace(minute=0, second=0, microsecond=0)
    while edge < end:
        local = edge.astimezone(zone)
        after = edge + timedelta(hours=1)
        for _, _, _, begins, ends in claims:
            seconds = (min(ends, end, after) - max(begins, start, edge)).total_seconds()
            heat[local.weekday()][local.hour] += max(0.0, seconds)
        edge = after
    return dict(by_team), heat


def teams_and_gpus(berth: UseCases) -> Member:
    admin = a_member(berth, admin=True)
    a_host(berth, gpus=3)
    for name in ("sound", "vision"):
        a_team(berth, name)
    return admin


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(HISTORY, st.integers(60, BACK_S), st.integers(0, BACK_S))
def test_every_sum_agrees_with_the_claims_to_the_second(
    berth: UseCases,
    history: list[tuple[int, int, int, int, str, str]],
    length_s: int,
    before_s: int,
) -> None:
    admin = berth.read(_admin_if_there) or teams_and_gpus(berth)
    write_history(berth, history)
    end = T0 - timedelta(seconds=min(before_s, BACK_S))
    start = end - timedelta(seconds=max(length_s, 3600))
    report = berth.read(use_reports.report, admin, start, end)
    by_team, heat = seconds_by_hand(claims_in_plain_python(berth), start, end)
    assert {row.name: row.held.total_seconds() for row in report.by_team} == pytest.approx(by_team)
    assert sum((row.held for row in report.by_type), timedelta()) == report.held
    for told, counted in zip(report.heat, heat, strict=True):
        assert [cell.total_seconds() for cell in told] == pytest.approx(counted, abs=1e-6)
    assert sum(cell.total_seconds() for row in report.heat for cell in row) == pytest.approx(
        report.held.total_seconds()
    )
    figures = {
        (row["section"], row["name"], row["measure"]): row["value"]
        for row in csv.DictReader(io.StringIO(report_csv(report).decode("utf-8-sig")))
    }
    for name, seconds in by_team.items():
        assert float(figures["team", name, "held"]) == pytest.approx(seconds)


def _admin_if_there(tx: Tx) -> Member | None:
    row = tx.session.scalar(select(MemberRow).where(MemberRow.role == Role.ADMIN))
    return None if row is None else people.member_of(row)


def test_what_is_to_be_expected_is_booked_or_what_was_held_on_average(berth: UseCases) -> None:
    admin = teams_and_gpus(berth)
    week_s = 7 * 86400
    # An hour from now on a week ago, on one GPU: a quarter of an hour on average of four weeks.
    write_history(berth, [(0, 0, BACK_S - week_s + 1800, 3600, "ended", "work")])
    first = berth.read(use_reports.latest, admin, timedelta(days=7)).foreseen
    assert sum((day.expected for day in first), timedelta()) == timedelta(minutes=15)
    assert sum((day.booked for day in first), timedelta()) == timedelta(0)
    # All of the day after tomorrow on two GPUs is booked, which is more than was ever held.
    write_history(
        berth,
        [
            (0, gpu, BACK_S + 2 * 86400 - 12 * 3600 - 1800, 86400, "booked", "work")
            for gpu in (0, 1)
        ],
    )
    days = berth.read(use_reports.latest, admin, timedelta(days=7)).foreseen
    assert sum((day.booked for day in days), timedelta()) == timedelta(days=2)
    assert all(day.booked <= day.expected <= day.capacity for day in days)


def test_readings_add_up_to_the_hours_in_which_gpus_were_used(
    berth: UseCases, clock: SetClock
) -> None:
    admin = a_member(berth, admin=True)
    host_id = a_host(berth, gpus=2)
    wish = ReserveRequest(length=timedelta(hours=4), gpu_count=2)
    berth.write(booking.reserve, admin, wish)
    clock.move_to(T0 + timedelta(minutes=25))  # five minutes to the hour
    for number in range(121):
        readings = (
            GpuReading(uuid="GPU-host1-0", utilisation_percent=80.0 if number <= 60 else 1.0),
            GpuReading(uuid="GPU-host1-1", utilisation_percent=0.0),
        )
        report = Report(host_id=host_id, sent_at=clock.now(), gpus=readings)
        berth.write(hosts.take_report, report)
        clock.advance(seconds=5)
    with berth.database.engine.connect() as connection:
        rows = connection.execute(
            select(GpuHourRow.gpu_id, GpuHourRow.read_s, GpuHourRow.busy_s).order_by(
                GpuHourRow.gpu_id, GpuHourRow.hour
            )
        ).all()
    assert [tuple(row) for row in rows] == [(1, 300, 300), (1, 300, 0), (2, 300, 0), (2, 300, 0)]
    told = berth.read(use_reports.latest, admin, timedelta(hours=3)).by_team[0]
    assert told.used_share == pytest.approx(0.25, abs=0.01)


def test_a_gap_between_readings_counts_as_not_measured(berth: UseCases, clock: SetClock) -> None:
    host_id = a_host(berth, gpus=1)
    for _ in range(2):
        clock.advance(minutes=10)
        reading = GpuReading(uuid="GPU-host1-0", utilisation_percent=90.0)
        report = Report(host_id=host_id, sent_at=clock.now(), gpus=(reading,))
        berth.write(hosts.take_report, report)
    assert berth.database.read(lambda s: s.scalars(select(GpuHourRow)).all()) == []


def test_who_cancelled_and_why_is_told_to_those_whom_it_concerns(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth)
    admin = a_member(berth, admin=True)
    vision, sound = a_team(berth, "vision"), a_team(berth, "sound")
    bob = a_member_of(berth, vision, "U0BOB")
    lead = a_member_of(berth, vision, "U0CAROL", Role.LEAD)
    dave = a_member_of(berth, sound, "U0DAVE")
    for who in (bob, dave):
        wish = ReserveRequest(length=timedelta(hours=2), gpu_count=1, start=T0 + timedelta(hours=8))
        view = berth.write(booking.reserve, who, wish)
        berth.write(booking.cancel, who, view.reservation_id, f"no data, says {who.name}")
    clock.advance(minutes=1)

    def told(member: Member) -> set[str]:
        report = berth.read(use_reports.latest, member, timedelta(hours=1))
        assert report.cancelled == 2
        return {one.who for one in report.cancellations}

    assert told(admin) == {"Bob", "Dave"}
    assert told(lead) == {"Bob"}
    assert told(dave) == {"Dave"}
    assert told(a_member(berth, "U0ERIN")) == set()


def test_the_picture_is_a_png_whatever_teams_are_called(berth: UseCases) -> None:
    admin = teams_and_gpus(berth)

    def rename(tx: Tx) -> None:
        tx.session.get_one(TeamRow, 1).name = "$\\frac{x}$ ☃ " + "long " * 20

    berth.write(rename)
    write_history(berth, [(0, 0, 100, 86400, "ended", "work")])
    report = berth.read(use_reports.latest, admin, timedelta(days=30))
    assert report_picture(report).startswith(b"\x89PNG")
    assert "24 GPU-hours" in alt_text(report)


def test_what_people_wrote_is_no_formula_in_a_spreadsheet(berth: UseCases) -> None:
    admin = teams_and_gpus(berth)
    write_history(berth, [(0, 0, BACK_S - 3600, 600, "cancelled", "work")])
    text = report_csv(berth.read(use_reports.latest, admin, timedelta(days=1))).decode()
    assert ",'=1+1," in text
