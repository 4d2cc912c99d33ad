"""A large fleet, and a run with its epochs, written straight into the tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from bot.services.transaction import Tx
from bot.store.tables import (
    AttemptRow,
    ClaimRow,
    EpochRow,
    GpuRow,
    HostRow,
    MemberRow,
    ReservationRow,
    RunRow,
    TeamRow,
)


def fill(tx: Tx, start: datetime, hosts: int, per_host: int, per_gpu: int) -> None:
    """Write hosts, their GPUs and, from `start` on, so many reservations for each GPU."""
    team = TeamRow(name="vision", channel_id="C0GPU", colour="#0072b2", created_at=tx.now)
    tx.session.add(team)
    tx.session.flush()
    member = tx.session.scalars(select(MemberRow)).first()
    assert member is not None
    fleet = [
        HostRow(
            name=f"node{number:03}",
            online=True,
            agent_version="test",
            protocol_version=1,
            registered_at=tx.now,
            last_seen_at=tx.now,
            gpus=[
                GpuRow(
                    uuid=f"GPU-{number}-{index}",
                    index=index,
                    model="A100",
                    memory_mib=81920,
                    simulated=True,
                    present=True,
                )
                for index in range(per_host)
            ],
        )
        for number in range(hosts)
    ]
    tx.session.add_all(fleet)
    tx.session.flush()
    gpu_ids = [gpu.id for host in fleet for gpu in host.gpus]
    rows: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for place, gpu_id in enumerate(gpu_ids):
        for turn in range(per_gpu):
            begins = start + timedelta(hours=turn * 110 + (place * 14) % 80)
            ends = begins + timedelta(hours=8 + 2 * (place % 10))
            number = 1000 + len(rows)
            rows.append(
                {
                    "id": number,
                    "team_id": team.id,
                    "member_id": member.id,
                    "priority": "p2",
                    "preemptible": True,
                    "state": "booked",
                    "starts_at": begins,
                    "ends_at": ends,
                    "note": f"experiment {number}",
                    "version": 1,
                    "kind": "work",
                    "created_at": tx.now,
                }
            )
            claims.append(
                {
                    "gpu_id": gpu_id,
                    "reservation_id": number,
                    "starts_at": begins,
                    "ends_at": ends,
                    "live": True,
                }
            )
    tx.session.execute(insert(ReservationRow), rows)
    tx.session.execute(insert(ClaimRow), claims)


def has_trained(tx: Tx) -> None:
    """Give the only run an attempt on the first host, with two epochs and a log."""
    run = tx.session.scalars(select(RunRow)).one()
    host = tx.session.scalars(select(HostRow).order_by(HostRow.id)).first()
    assert host is not None
    run.log_tail = ["epoch 2/3", "<script>alert(1)</script>"]
    attempt = AttemptRow(
        run_id=run.id,
        host_id=host.id,
        number=1,
        fence=1,
        state="running",
        gpu_uuids=["GPU-host1-0"],
        assigned_at=tx.now,
    )
    tx.session.add(attempt)
    tx.session.flush()
    for epoch, loss in enumerate([3.0, 2.0], 1):
        tx.session.add(
            EpochRow(
                attempt_id=attempt.id,
                epoch=epoch,
                epoch_s=4.2,
                losses={"box_loss": loss},
                metrics={"map50": 0.1 * epoch},
                at=tx.now,
            )
        )
