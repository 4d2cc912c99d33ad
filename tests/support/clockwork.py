"""The clockwork without its clock: fires what is due, delivers what waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.notices import Notice
from bot.domain.views import ReservationView
from bot.ports.messenger import CardAddress
from bot.services import outbox, upkeep
from bot.services.transaction import UseCases
from bot.store.outbox import DeliveryKind

OWNER = "clockwork"


def fire_due(berth: UseCases) -> list[str]:
    """Fire every timer that is due, also those that come due by it; return their kinds."""
    fired = []
    while timers := berth.write(upkeep.claim_timers, OWNER):
        for timer in timers:
            berth.write(upkeep.fire, timer, OWNER)
            fired.append(timer.kind)
    return fired


@dataclass
class Postman:
    """Delivers everything and remembers what people have seen."""

    cards: dict[int, ReservationView] = field(default_factory=dict)
    threads: list[Notice] = field(default_factory=list)
    directs: list[tuple[str, Notice]] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)

    def deliver_all(self, berth: UseCases) -> None:
        """Send all that may be sent now."""
        while parcels := berth.write(outbox.claim_deliveries, OWNER):
            for parcel in parcels:
                self._deliver(berth, parcel)

    def _deliver(self, berth: UseCases, parcel: outbox.Parcel) -> None:
        reservation_id = parcel.view.reservation_id
        if parcel.delivery.kind is DeliveryKind.CARD:
            self.cards[reservation_id] = parcel.view
            address = parcel.address or CardAddress(parcel.channel_id, f"1.{reservation_id}")
            berth.write(outbox.record_card, parcel, OWNER, address)
            return
        if parcel.delivery.kind is DeliveryKind.PLOT:
            assert parcel.artifact_key is not None
            self.plots.append(parcel.artifact_key)
            berth.write(outbox.record_plot, parcel, OWNER, f"F{reservation_id}")
            return
        assert parcel.notice is not None
        if parcel.delivery.kind is DeliveryKind.DIRECT:
            self.directs.append((parcel.channel_id, parcel.notice))
        else:
            assert parcel.address is not None, "a thread needs its card"
            self.threads.append(parcel.notice)
        berth.write(outbox.record_sent, parcel, OWNER)
