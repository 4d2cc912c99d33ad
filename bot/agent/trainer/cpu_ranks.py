"""Several processes that train as one on the CPU, over gloo.

Ultralytics trains in several processes on GPUs only.  Without this the way that they start, stop
and resume together could be tried on expensive machines alone.

Imports Ultralytics: import this module only after `environment.prepare_environment`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from ultralytics.engine import trainer as engine
from ultralytics.engine import validator
from ultralytics.utils import RANK

_PATIENCE = timedelta(minutes=10)


class _OnCpu(nn.parallel.DistributedDataParallel):  # type: ignore[misc] # torch is not followed
    """Ultralytics names a device for every process; on the CPU there is none to name."""

    def __init__(self, module: Any, **named: Any) -> None:
        super().__init__(module, **named | {"device_ids": None})


class _NoBackend:
    """What Ultralytics asks for the number of this process's GPU."""

    @staticmethod
    def current_device() -> int:
        """Return a number that is not used: see `_evaluate_on_cpu`."""
        return 0


def _evaluate_on_cpu() -> None:
    """Let the evaluation of ``best.pt``, which looks for a GPU by itself, stay on the CPU."""
    backend = validator.AutoBackend
    validator.get_torch_device_backend = lambda _device: _NoBackend
    validator.AutoBackend = lambda **named: backend(**named | {"device": torch.device("cpu")})


class OnCpuTogether(engine.BaseTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Stands before an Ultralytics trainer; on a GPU, or alone, it changes nothing."""

    device: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if self.device.type == "cpu" and RANK != -1:
            self.world_size = int(os.environ["WORLD_SIZE"])
            nn.parallel.DistributedDataParallel = _OnCpu
            _evaluate_on_cpu()

    def _setup_ddp(self) -> None:
        if self.device.type != "cpu":
            super()._setup_ddp()
            return
        self.device = torch.device("cpu")
        distributed.init_process_group(
            backend="gloo", timeout=_PATIENCE, rank=RANK, world_size=self.world_size
        )
