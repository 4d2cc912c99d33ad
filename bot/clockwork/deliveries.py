"""The outbox: claimed, sent outside any transaction, recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.clockwork.letters import deliver_letter
from bot.domain.notices import Notice
from bot.ports.artifact_store import ArtifactStore
from bot.ports.messenger import CardAddress, DeliveryFailed, Messenger
from bot.ports.use_cases import UseCaseRunner
from bot.services import direct_messages, log_files, outbox
from bot.services.outbox import Parcel
from bot.store.outbox import DeliveryKind

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryRound:
    """One round: at most one message of each channel, different channels side by side."""

    run: UseCaseRunner
    messenger: Messenger
    artifacts: ArtifactStore
    owner: str

    async def deliver_due(self) -> int:
        """Send what is due and return how many messages were taken."""
        parcels = await self.run(outbox.claim_deliveries, self.owner)
        letters = await self.run(direct_messages.claim_letters, self.owner)
        await asyncio.gather(
            *(self._deliver(parcel) for parcel in parcels),
            *(deliver_letter(self.run, self.messenger, one, self.owner) for one in letters),
        )
        return len(parcels) + len(letters)

    async def _deliver(self, parcel: Parcel) -> None:
        try:
            await self._send(parcel)
        except DeliveryFailed as failure:
            await self._record_failure(parcel, failure)
        except Exception as error:
            log.exception("delivery_failed", delivery=parcel.delivery.delivery_id)
            await self.run(outbox.record_mishap, parcel, self.owner, repr(error))

    async def _send(self, parcel: Parcel) -> None:
        if parcel.delivery.kind is DeliveryKind.CARD:
            await self.run(outbox.record_card, parcel, self.owner, await self._send_card(parcel))
        elif parcel.delivery.kind is DeliveryKind.PLOT:
            await self._send_plot(parcel, _address(parcel))
        elif parcel.delivery.kind is DeliveryKind.LOG:
            await self._send_log(parcel, _address(parcel))
        elif parcel.notice is not None:
            await self.run(outbox.record_sent, parcel, self.owner, await self._send_notice(parcel))

    async def _send_card(self, parcel: Parcel) -> CardAddress:
        if parcel.address is None:
            return await self.messenger.post_card(
                parcel.channel_id,
                parcel.view,
                delivery_key=parcel.delivery_key,
                uncertain=parcel.delivery.uncertain,
            )
        if not parcel.already_shown:
            await self.messenger.update_card(parcel.address, parcel.view)
        return parcel.address

    async def _send_notice(self, parcel: Parcel) -> CardAddress | None:
        if parcel.notice is None:
            return None
        key, uncertain = parcel.delivery_key, parcel.delivery.uncertain
        if parcel.delivery.kind is DeliveryKind.DIRECT:
            if await self._has_edited(parcel, parcel.notice):
                return parcel.standing
            # To whom it was written: the reservation may have another holder by now.
            return await self.messenger.send_direct(
                parcel.channel_id, parcel.notice, delivery_key=key, uncertain=uncertain
            )
        await self.messenger.post_in_thread(
            _address(parcel), parcel.notice, delivery_key=key, uncertain=uncertain
        )
        return None

    async def _has_edited(self, parcel: Parcel, notice: Notice) -> bool:
        """Edit the message that stands already; one that is gone is said anew by the caller."""
        if parcel.standing is None:
            return False
        try:
            await self.messenger.update_direct(parcel.standing, notice)
        except DeliveryFailed as failure:
            if not failure.permanent:
                raise
            return False
        return True

    async def _send_plot(self, parcel: Parcel, address: CardAddress) -> None:
        if parcel.artifact_key is None:
            raise DeliveryFailed("no_artifact", permanent=True)
        try:
            content = await asyncio.to_thread(self.artifacts.get, parcel.artifact_key)
        except FileNotFoundError as error:
            raise DeliveryFailed("artifact_gone", permanent=True) from error
        run_id = parcel.view.run.run_id if parcel.view.run else 0
        file_id = await self.messenger.post_file(
            address,
            name=f"run-{run_id}-results.png",
            title=f"Run {run_id}: losses and metrics by epoch",
            alt_text=f"Curves of losses and metrics over the epochs of run {run_id}",
            content=content,
            delivery_key=parcel.delivery_key,
            uncertain=parcel.delivery.uncertain,
        )
        await self.run(outbox.record_plot, parcel, self.owner, file_id)

    async def _send_log(self, parcel: Parcel, address: CardAddress) -> None:
        if parcel.artifact_key is None:
            raise DeliveryFailed("no_artifact", permanent=True)
        try:
            content = await asyncio.to_thread(
                log_files.text_of_log, self.artifacts, parcel.artifact_key
            )
        except FileNotFoundError as error:
            raise DeliveryFailed("artifact_gone", permanent=True) from error
        attempt = parcel.delivery.payload.get("attempt_id")
        await self.messenger.post_file(
            address,
            name=f"attempt-{attempt}.log",
            title=f"Full log of R{parcel.view.reservation_id}, attempt {attempt}",
            alt_text="The trainer's log",
            content=content,
            delivery_key=parcel.delivery_key,
            uncertain=parcel.delivery.uncertain,
        )
        await self.run(outbox.record_sent, parcel, self.owner)

    async def _record_failure(self, parcel: Parcel, failure: DeliveryFailed) -> None:
        log.info(
            "delivery_refused" if failure.permanent else "delivery_postponed",
            delivery=parcel.delivery.delivery_id,
            kind=parcel.delivery.kind.value,
            why=failure.reason,
        )
        if failure.permanent:
            await self.run(outbox.record_refusal, parcel, self.owner, failure.reason)
        else:
            await self.run(
                outbox.record_retry, parcel, self.owner, failure.reason, failure.retry_after
            )


def _address(parcel: Parcel) -> CardAddress:
    """Return where the card stands.

    Raises:
        DeliveryFailed: it stands nowhere, because it could not be posted.
    """
    if parcel.address is None:
        raise DeliveryFailed("no_card", permanent=True)
    return parcel.address
