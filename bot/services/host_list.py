"""Hosts as administrators see them."""

from __future__ import annotations

from bot.domain.teams import HostView
from bot.services.transaction import Tx, reads_only
from bot.store.claims import all_hosts


@reads_only
def list_hosts(tx: Tx) -> tuple[HostView, ...]:
    """Return every host with its agent, when it was last heard, and its GPUs; by name."""
    found = []
    for host in all_hosts(tx.session):
        present = [gpu for gpu in host.gpus if gpu.present]
        found.append(
            HostView(
                host_id=host.id,
                name=host.name,
                online=host.online,
                drained_at=host.drained_at,
                agent_version=host.agent_version,
                last_seen_at=host.last_seen_at,
                models=tuple(sorted({gpu.model for gpu in present})),
                gpu_count=len(present),
                broken_count=sum(gpu.broken_at is not None for gpu in present),
            )
        )
    return tuple(found)
