"""Every epoch begins from a seed of its own, made of the run's seed, the epoch and the rank.

So the pictures of an epoch, their order and how they are varied do not depend on what happened
before: a run that resumes at epoch 30 sees what it would have seen uninterrupted, on any host with
the same number of processes and data loader workers.

Ultralytics seeds once and lets its loader run on for ever.  Here the loader is rewound at the end
of each epoch, before the validation, so that workers fetch the next epoch's first batches meanwhile
just as they would have.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any


def seed_of(seed: int, epoch: int, rank: int, purpose: str = "", again: int = 0) -> int:
    """Return a seed of 32 bits, unlike that of any other epoch, rank, purpose or repetition."""
    text = f"{seed}/{epoch}/{again}/{rank}/{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest())


class _OnePass:
    """Batches of one epoch; those that workers fetched beyond it would be thrown away."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler  # Ultralytics takes the loader's length from it

    def __iter__(self) -> Iterator[Any]:
        return iter(self.sampler)


class EpochOrder:
    """Rewinds one training's random numbers and loader to the beginning of an epoch."""

    def __init__(self, seed: int, rank: int) -> None:
        self._seed = seed
        self._rank = max(rank, 0)
        self._ready: tuple[int, int, int] | None = None

    def prepare(self, loader: Any, epoch: int, again: int = 0) -> None:
        """Rewind the loader; its workers, if any, start to fetch. Repeating it does nothing.

        ``again`` counts how often the epoch is begun anew, so that what went wrong need not.
        """
        if self._ready == (id(loader), epoch, again):
            return
        self.rewind(loader, epoch, again)
        if loader.num_workers > 0:
            tell_sampler = getattr(loader.sampler, "set_epoch", None)
            if tell_sampler is not None:
                tell_sampler(epoch)
            loader.iterator = loader._get_iterator()  # noqa: SLF001 - what its own __iter__ does first

    def rewind(self, loader: Any, epoch: int, again: int = 0) -> None:
        """Let the loader begin the epoch when it is next asked."""
        loader.reset()
        if not isinstance(loader.batch_sampler, _OnePass):
            # A DataLoader refuses plain assignment; Ultralytics does the same.
            object.__setattr__(loader, "batch_sampler", _OnePass(loader.batch_sampler.sampler))
        seed = seed_of(self._seed, epoch, self._rank, "loader", again)
        loader.generator.manual_seed(seed)
        _stock_mosaic(loader.dataset, seed)
        self._ready = (id(loader), epoch, again)

    def begin(self, loader: Any, epoch: int, again: int = 0) -> None:
        """Seed this process for the epoch that begins, its loader too if that was not prepared."""
        import numpy as np
        import torch

        self.prepare(loader, epoch, again)
        seed = seed_of(self._seed, epoch, self._rank, again=again)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)  # of every device


def _stock_mosaic(dataset: Any, seed: int) -> None:
    """Fill the list that mosaics choose from: otherwise it holds what happened to come before.

    Only numbers of pictures are in it; those that are chosen are read when they are needed.
    """
    most = getattr(dataset, "max_buffer_length", 0)
    if not most or dataset.cache == "ram":  # then mosaics choose from all pictures
        return
    for index in dataset.buffer:  # what is kept in memory is for speed, but must stay bounded
        dataset.ims[index] = None
    stock = random.Random(seed)  # noqa: S311 - pictures, not secrets
    dataset.buffer = stock.sample(range(dataset.ni), min(most - 1, dataset.ni))
