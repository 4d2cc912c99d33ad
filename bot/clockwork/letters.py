"""Messages that belong to no reservation: sent outside any transaction, recorded."""

from __future__ import annotations

import structlog

from bot.ports.messenger import DeliveryFailed, Messenger
from bot.ports.use_cases import UseCaseRunner
from bot.services import direct_messages
from bot.services.direct_messages import Letter

log = structlog.get_logger(__name__)


async def deliver_letter(
    run: UseCaseRunner, messenger: Messenger, letter: Letter, owner: str
) -> None:
    """Send a message, and record what came of it."""
    try:
        await messenger.send_direct(
            letter.to, letter.notice, delivery_key=letter.delivery_key, uncertain=letter.uncertain
        )
    except DeliveryFailed as failure:
        await _record_failure(run, letter, owner, failure)
    except Exception as error:
        log.exception("delivery_failed", message=letter.message_id)
        await run(direct_messages.record_mishap, letter, owner, repr(error))
    else:
        await run(direct_messages.record_sent, letter, owner)


async def _record_failure(
    run: UseCaseRunner, letter: Letter, owner: str, failure: DeliveryFailed
) -> None:
    log.info(
        "delivery_refused" if failure.permanent else "delivery_postponed",
        message=letter.message_id,
        why=failure.reason,
    )
    if failure.permanent:
        await run(direct_messages.record_refusal, letter, owner, failure.reason)
    else:
        await run(direct_messages.record_retry, letter, owner, failure.reason, failure.retry_after)
