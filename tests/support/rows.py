"""Bare rows, for tests of the store below the services."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.store.tables import ClaimRow, GpuRow, HostRow, MemberRow, ReservationRow, TeamRow
from tests.strategies import MONDAY

HOUR = timedelta(hours=1)


def a_reservation_row(session: Session, holder: str = "U0ALICE") -> ReservationRow:
    """Add a reservation without claims, with all that it refers to."""
    team = TeamRow(name=f"team of {holder}", channel_id="C0GPU", created_at=MONDAY)
    member = MemberRow(
        slack_user_id=holder,
        name="Alice",
        team=team,
        role="member",
        time_zone="UTC",
        created_at=MONDAY,
    )
    row = ReservationRow(
        team=team,
        member=member,
        priority="p2",
        preemptible=True,
        state="booked",
        starts_at=MONDAY,
        ends_at=MONDAY + 2 * HOUR,
        note="",
        created_at=MONDAY,
    )
    session.add(row)
    session.flush()
    return row


def gpu_rows(session: Session, count: int = 2) -> list[GpuRow]:
    """Add a host with GPUs."""
    host = HostRow(
        name="host1",
        online=True,
        agent_version="test",
        protocol_version=1,
        registered_at=MONDAY,
        last_seen_at=MONDAY,
    )
    host.gpus = [
        GpuRow(uuid=f"GPU-{i}", index=i, model="A100", memory_mib=1, simulated=True, present=True)
        for i in range(count)
    ]
    session.add(host)
    session.flush()
    return host.gpus


def a_claim(
    reservation: ReservationRow, gpu: GpuRow, start: datetime, end: datetime, *, live: bool = True
) -> ClaimRow:
    return ClaimRow(
        reservation_id=reservation.id, gpu_id=gpu.id, starts_at=start, ends_at=end, live=live
    )
