"""What agents measure on their GPUs, kept as when each of them was used last."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.policy import Policy
from bot.protocol.messages import AttemptState, GpuReading, Report
from bot.services import gpu_hours
from bot.services.gpu_hours import Measured
from bot.services.transaction import Tx
from bot.store.tables import AttemptRow, GpuRow, HostRow


def take_readings(tx: Tx, host: HostRow, report: Report) -> None:
    """Keep when the GPUs of a host were read, and used, last. The caller has locked the host.

    A GPU that an attempt of Berth runs on is in use whatever its reading says.  After a gap without
    readings use cannot be ruled out, and counts as seen.
    """
    readings = {reading.uuid: reading for reading in report.gpus}
    if not readings:
        return
    ours = _uuids_of_attempts(tx, host.id, [seen.attempt_id for seen in report.observations])
    measured = []
    for gpu in host.gpus:
        reading = readings.get(gpu.uuid)
        if reading is not None:
            measured += _since_last(gpu, reading, tx, ours=gpu.uuid in ours)
            _take(gpu, reading, tx.now, tx.policy, ours=gpu.uuid in ours)
    gpu_hours.add(tx, measured)


def _since_last(gpu: GpuRow, reading: GpuReading, tx: Tx, *, ours: bool) -> list[Measured]:
    """Return what is known of the time since the reading before; nothing after a gap."""
    since, now = gpu.read_at, tx.now
    if since is None or not timedelta(0) < now - since <= tx.policy.reading_good_for:
        return []
    process = ours or bool(reading.process_pids)
    percent = reading.utilisation_percent
    busy = process if percent is None else percent >= tx.policy.idle_below_percent
    return [Measured(gpu.id, since, now, process, busy)]


def _take(gpu: GpuRow, reading: GpuReading, now: datetime, policy: Policy, *, ours: bool) -> None:
    gap = gpu.read_at is None or now - gpu.read_at > policy.reading_good_for
    percent = reading.utilisation_percent
    if ours or gap or reading.process_pids:
        gpu.process_at = now
    measured = percent is not None and percent >= policy.idle_below_percent
    # A device that cannot tell how busy it is counts as busy while a process is on it.
    unmeasured = percent is None and bool(reading.process_pids)
    if ours or gap or measured or unmeasured:
        gpu.busy_at = now
    gpu.read_at = now


def _uuids_of_attempts(tx: Tx, host_id: int, attempt_ids: Collection[int]) -> set[str]:
    if not attempt_ids:
        return set()
    rows = tx.session.scalars(
        select(AttemptRow.gpu_uuids).where(
            AttemptRow.id.in_(list(attempt_ids)),
            AttemptRow.host_id == host_id,
            AttemptRow.state != AttemptState.ENDED,
        )
    )
    return {uuid for uuids in rows for uuid in uuids}
