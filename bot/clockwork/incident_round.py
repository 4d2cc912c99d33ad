"""Messages about incidents: claimed, sent outside any transaction, recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.ports.messenger import CardAddress, DeliveryFailed, Messenger
from bot.ports.use_cases import UseCaseRunner
from bot.services import incident_cards
from bot.services.incident_cards import IncidentParcel

log = structlog.get_logger(__name__)

AFTER_MISHAP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class IncidentRound:
    """One round: what is due is brought up to date, different places side by side."""

    run: UseCaseRunner
    messenger: Messenger
    owner: str

    async def show_due(self) -> int:
        """Bring up to date what is due, and return how many messages were taken."""
        parcels = await self.run(incident_cards.claim, self.owner)
        await asyncio.gather(*(self._show(parcel) for parcel in parcels))
        return len(parcels)

    async def _show(self, parcel: IncidentParcel) -> None:
        try:
            address = await self._send(parcel)
        except DeliveryFailed as failure:
            await self._record_failure(parcel, failure)
        except Exception as error:
            log.exception("incident_card_failed", card=parcel.card_id)
            await self.run(
                incident_cards.record_retry, parcel, self.owner, repr(error), AFTER_MISHAP
            )
        else:
            await self.run(incident_cards.record_sent, parcel, self.owner, address)

    async def _send(self, parcel: IncidentParcel) -> CardAddress:
        if parcel.address is not None:
            await self.messenger.update_incident_card(parcel.address, parcel.view)
            return parcel.address
        return await self.messenger.post_incident_card(
            parcel.lane,
            parcel.view,
            delivery_key=parcel.delivery_key,
            uncertain=parcel.uncertain,
        )

    async def _record_failure(self, parcel: IncidentParcel, failure: DeliveryFailed) -> None:
        log.info("incident_card_refused", card=parcel.card_id, why=failure.reason)
        if failure.permanent:
            await self.run(incident_cards.record_refusal, parcel, self.owner, failure.reason)
        else:
            await self.run(
                incident_cards.record_retry,
                parcel,
                self.owner,
                failure.reason,
                failure.retry_after,
            )
