"""The settings of one agent, as plain values: nothing below reads the environment itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

GpuMode = Literal["auto", "nvml", "simulated"]

_INHERITED = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
_INHERITED_PREFIXES = ("NCCL_",)  # how the network between the GPUs is laid out


def trainer_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of ``environ`` that a trainer may see; an allow list keeps secrets out."""
    return {
        name: value
        for name, value in environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How an agent finds its control plane, its files and its trainer.

    Attributes:
        control_plane_url: base URL, for example ``https://berth.example.com``.
        token: the agent's bearer token; it is never logged and never handed to a trainer.
        host_name: what people call this host; simulated GPUs derive their UUIDs from it.
        state_dir: records, checkpoints and training files; owned by exactly one agent.
        trainer_command: what starts the trainer; the job file and its options are appended.
        trainer_environment: base environment of the trainer, see `trainer_environment`.
        model_roots: folders below which ``RunSpec.model`` may name a file.
        data_roots: folders below which ``RunSpec.data`` must name a dataset.
        gpu_mode: ``auto`` takes real GPUs where there are any and simulated ones elsewhere.
        simulated_gpus: how many GPUs to simulate.
        trainer_threads: CPU threads of torch in each trainer.
        heartbeat_s: seconds between reports; None takes what the control plane says.
        poll_wait_s: how long one poll for the desired state may be held, at most 30.
        tick_s: seconds between two looks at a live training.
        soft_stop_margin_s: slack between the last SIGKILL and the end of the claim.
        leftover_grace_s: how long processes of a trainer that has ended may linger.
        seen_free_within_s: how long the end of a training waits for its GPUs to be seen free.
        disk_floor_mib: with less free disk no training starts.
        log_section_mib: a third of what is kept of a trainer's log.
        stop_root_processes: whether processes of root may be stopped when that is asked for.
        largest_weights_mib: a ``best.pt`` beyond this is not uploaded.
        metrics_port: where Prometheus reads the host; None serves nothing, 0 takes a free port.
        metrics_host: the address of that port.
        metrics_every_s: seconds between two looks at the GPUs for Prometheus.
        retention_days: how long records and checkpoints of ended attempts are kept.
        proxies_from_environment: whether httpx obeys ``HTTPS_PROXY`` and its like.
    """

    control_plane_url: str
    token: str = field(repr=False)
    host_name: str
    state_dir: Path
    trainer_command: tuple[str, ...]
    trainer_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    model_roots: tuple[Path, ...] = ()
    data_roots: tuple[Path, ...] = ()
    gpu_mode: GpuMode = "auto"
    simulated_gpus: int = 2
    trainer_threads: int = 1
    heartbeat_s: float | None = None
    poll_wait_s: float = 25.0
    tick_s: float = 0.5
    soft_stop_margin_s: float = 10.0
    leftover_grace_s: float = 5.0
    seen_free_within_s: float = 60.0
    disk_floor_mib: int = 2048
    log_section_mib: float = 16.0
    stop_root_processes: bool = False
    largest_weights_mib: int = 512
    retention_days: float = 7.0
    proxies_from_environment: bool = True
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    metrics_every_s: float = 5.0
