"""How Berth speaks to people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.incidents import IncidentView
from bot.domain.notices import Notice
from bot.domain.processes import ProcessView
from bot.domain.views import ReservationView


class DeliveryFailed(Exception):
    """A message did not go out.

    ``permanent`` tells that trying again cannot help (archived channel, removed bot);
    ``retry_after`` how long the receiver asked to be left alone; ``reason`` is its own code.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class CardAddress:
    """Where a card stands: the message ``ts`` in the channel."""

    channel_id: str
    ts: str


class Messenger(ABC):
    """Sends cards and notices. Each call is one attempt; the outbox decides about the next.

    ``uncertain`` tells that an earlier attempt of the same delivery may have gone out although
    nobody recorded it (a crash, a lost answer): the messenger then looks for it by
    ``delivery_key`` before it posts, so that nobody reads it twice.
    """

    @abstractmethod
    async def post_card(
        self, channel_id: str, view: ReservationView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post the card of a reservation and return where it stands.

        Raises:
            DeliveryFailed: it did not go out.
        """

    @abstractmethod
    async def update_card(self, address: CardAddress, view: ReservationView) -> None:
        """Make the card show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """

    @abstractmethod
    async def post_in_thread(
        self, address: CardAddress, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> None:
        """Tell ``notice`` in the card's thread, and in the channel when it broadcasts.

        Raises:
            DeliveryFailed: it did not go out.
        """

    @abstractmethod
    async def send_direct(
        self, slack_user_id: str, notice: Notice, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Tell ``notice`` to one person, or in the channel whose id is given instead.

        Returns where the message stands.

        Raises:
            DeliveryFailed: it did not go out.
        """

    @abstractmethod
    async def update_direct(self, address: CardAddress, notice: Notice) -> None:
        """Make a message of `send_direct` say ``notice`` instead. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """

    @abstractmethod
    async def post_process_card(
        self, lane: str, view: ProcessView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post what is known of a process, to a channel or to one person; return where it stands.

        Raises:
            DeliveryFailed: it did not go out.
        """

    @abstractmethod
    async def update_process_card(self, address: CardAddress, view: ProcessView) -> None:
        """Make that message show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """

    @abstractmethod
    async def post_incident_card(
        self, lane: str, view: IncidentView, *, delivery_key: str, uncertain: bool
    ) -> CardAddress:
        """Post how an incident stands, to a channel or to one person; return where it stands.

        Raises:
            DeliveryFailed: it did not go out.
        """

    @abstractmethod
    async def update_incident_card(self, address: CardAddress, view: IncidentView) -> None:
        """Make that message show ``view``. Idempotent.

        Raises:
            DeliveryFailed: it did not go out; permanent when the message is gone.
        """

    @abstractmethod
    async def post_file(
        self,
        address: CardAddress,
        *,
        name: str,
        title: str,
        alt_text: str,
        content: bytes,
        delivery_key: str,
        uncertain: bool,
    ) -> str:
        """Put a file into the card's thread and return its id.

        Raises:
            DeliveryFailed: it did not go out.
        """
