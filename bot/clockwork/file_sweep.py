"""Deletes what nobody refers to any more from the artifact store."""

from __future__ import annotations

import asyncio

import structlog

from bot.ports.artifact_store import ArtifactStore
from bot.ports.use_cases import UseCaseRunner
from bot.services import discards

log = structlog.get_logger(__name__)


async def sweep_files(run: UseCaseRunner, store: ArtifactStore) -> int:
    """Delete what is due and return how many files are gone.

    One that cannot be deleted now is tried again in some minutes, by whichever replica comes first.
    """
    keys = await run(discards.take_due)
    gone = []
    for key in keys:
        try:
            await asyncio.to_thread(store.delete, key)
        except OSError as error:
            log.warning("file_not_deleted", key=key, error=str(error))
        else:
            gone.append(key)
    if gone:
        await run(discards.forget, gone)
    return len(gone)
