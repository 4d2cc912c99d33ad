"""What bounds the supervision of a training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """What bounds the supervision of a training.

    Attributes:
        margin_s: slack between the agent's own SIGKILL and the end of a claim.
        leftover_grace: how long processes of a trainer that has ended may linger.
        largest_weights_mib: a ``best.pt`` beyond this is not uploaded.
        retention: how long the records and checkpoints of ended attempts are kept.
        disk_floor_mib: with less free disk no training starts.
        seen_free_within: how long the end waits for the driver to show the GPUs free.
        log_section_bytes: see `bot.agent.trainer_log`.
    """

    margin_s: float
    leftover_grace: timedelta
    largest_weights_mib: int
    retention: timedelta
    disk_floor_mib: int = 0
    seen_free_within: timedelta = timedelta(seconds=60)
    log_section_bytes: int = 16 * 2**20
