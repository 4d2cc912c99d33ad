"""Due timers: each is one use case in one transaction."""

from __future__ import annotations

import structlog

from bot.domain.errors import BerthError
from bot.ports.use_cases import UseCaseRunner
from bot.services import upkeep

log = structlog.get_logger(__name__)


async def fire_due(run: UseCaseRunner, owner: str) -> int:
    """Fire what is due and return how many timers were taken.

    One that fails is tried again later and does not keep the others from firing.
    """
    taken = await run(upkeep.claim_timers, owner)
    for timer in taken:
        try:
            await run(upkeep.fire, timer, owner)
        except BerthError as error:
            log.warning(
                "timer_postponed", timer=timer.kind, subject=timer.subject_id, why=str(error)
            )
            await run(upkeep.record_failure, timer, owner)
        except Exception:
            log.exception("timer_failed", timer=timer.kind, subject=timer.subject_id)
            await run(upkeep.record_failure, timer, owner)
    return len(taken)
