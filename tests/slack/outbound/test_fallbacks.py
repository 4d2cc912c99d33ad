"""Archived channels, a bot that is thrown out, people who leave, cards that are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.threads import ThreadedUseCases
from bot.clockwork.deliveries import DeliveryRound
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.sandbox.options import BOT_USER_ID, StandInOptions
from bot.sandbox.server import SlackStandIn
from bot.services import booking, queries
from bot.services.transaction import Defaults, UseCases
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database
from tests.support.clock import SetClock
from tests.support.clockwork import OWNER, fire_due
from tests.support.world import a_host, a_member

HOLDER, ADMIN, CHANNEL = "U0BOB", "U0ALICE", "C0GPU"
HOUR = timedelta(hours=1)


@dataclass
class World:
    """Real services, the real messenger and a stand-in; time moves only when a test says so."""

    berth: UseCases
    clock: SetClock
    slack: SlackStandIn
    rounds: DeliveryRound

    async def deliver(self) -> None:
        """Fire what is due and send all that may be sent now."""
        fire_due(self.berth)
        while await self.rounds.deliver_due():
            pass

    def read_in(self, channel_id: str) -> list[str]:
        """What stands in a channel, the oldest first; what was deleted is gone."""
        kept = self.slack.state.messages.by_channel.get(channel_id, {}).values()
        return [str(message.get("text", "")) for message in kept]

    def direct(self, user: str) -> list[str]:
        """What a person was told alone."""
        return self.read_in(f"D{user[1:]}")

    def book(self, start_in: timedelta = HOUR) -> ReservationView:
        """Book a GPU for the holder, from the next slots on."""
        request = ReserveRequest(2 * HOUR, start=self.clock.now() + start_in)
        return self.berth.run(booking.reserve, a_member(self.berth, HOLDER), request)

    def state(self, view: ReservationView) -> ReservationState:
        """Where the reservation is now."""
        return self.berth.read(queries.reservation, view.reservation_id).state


@pytest.fixture
async def world(sqlite: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[World]:
    defaults = Defaults("everyone", CHANNEL, TrainingSpec("tiny.yaml", "shapes.yaml", epochs=5))
    berth = UseCases(sqlite, clock, Policy(), defaults)
    a_host(berth, gpus=4)
    a_member(berth, ADMIN, admin=True)
    run = ThreadedUseCases(berth, threads=2)
    async with SlackStandIn(clock, StandInOptions(rate_limits=False)) as slack:
        client = outbound_client(slack.options.bot_token, base_url=slack.api_url)
        messenger = SlackMessenger(client, clock, SendBudget(sleep=_at_once))
        store = FsspecArtifactStore(tmp_path.as_uri())
        yield World(berth, clock, slack, DeliveryRound(run, messenger, store, OWNER))
    run.close()


async def _at_once(_seconds: float) -> None:
    """The budget's waits pass at once."""


def archive(world: World) -> None:
    world.slack.state.workspace.channel(CHANNEL).is_archived = True


def throw_out(world: World) -> None:
    world.slack.state.workspace.channel(CHANNEL).members.discard(BOT_USER_ID)


@pytest.mark.parametrize(
    ("break_it", "why"),
    [(archive, "it is archived"), (throw_out, "I am not in it")],
    ids=["archived", "thrown out"],
)
async def test_a_channel_that_is_lost_before_the_card(
    world: World, break_it: Callable[[World], None], why: str
) -> None:
    break_it(world)
    first, second = world.book(), world.book()
    await world.deliver()
    assert world.read_in(CHANNEL) == []
    cards = [text for text in world.direct(HOLDER) if "booked" in text]
    assert len(cards) == 2
    (told,) = world.direct(ADMIN)
    assert f"I cannot post in <#{CHANNEL}>: {why}" in told, "once, not once per card"
    world.clock.move_to(first.window.start)
    await world.deliver()
    assert (world.state(first), world.state(second)) == (ReservationState.ACTIVE,) * 2
    assert any("active" in text for text in world.direct(HOLDER)), "edited where it stands now"


async def test_a_channel_that_is_archived_under_a_card(world: World) -> None:
    view = world.book()
    await world.deliver()
    archive(world)
    world.clock.move_to(view.window.start)
    await world.deliver()
    assert world.state(view) is ReservationState.ACTIVE, "the clock does not wait for Slack"
    assert any("active" in text for text in world.direct(HOLDER))
    assert len(world.direct(ADMIN)) == 1
    world.clock.move_to(view.window.end)
    await world.deliver()
    assert world.state(view) is ReservationState.ENDED
    assert len(world.direct(ADMIN)) == 1


async def test_the_admins_are_told_again_after_a_week(world: World) -> None:
    archive(world)
    world.book()
    await world.deliver()
    world.clock.advance(days=8)
    world.book()
    await world.deliver()
    assert len(world.direct(ADMIN)) == 2


async def test_a_holder_who_has_left(world: World) -> None:
    archive(world)
    world.slack.state.workspace.person(HOLDER).deleted = True
    view = world.book()
    await world.deliver()
    assert world.direct(HOLDER) == []
    about_channel, about_person = world.direct(ADMIN)
    assert "it is archived" in about_channel
    assert f"I cannot write to <@{HOLDER}>: the account is deactivated" in about_person
    world.clock.move_to(view.window.start)
    await world.deliver()
    assert world.state(view) is ReservationState.ACTIVE
    assert len(world.direct(ADMIN)) == 2


async def test_an_admin_who_cannot_be_reached_is_no_endless_loop(world: World) -> None:
    archive(world)
    for person in (HOLDER, ADMIN):
        world.slack.state.workspace.person(person).deleted = True
    world.book()
    await world.deliver()
    assert world.direct(ADMIN) == []


async def test_a_card_that_was_deleted_comes_back(world: World) -> None:
    view = world.book()
    await world.deliver()
    (ts,) = world.slack.state.messages.by_channel[CHANNEL]
    world.slack.state.messages.delete(CHANNEL, ts)
    world.clock.move_to(view.window.start)
    await world.deliver()
    assert any("active" in text for text in world.read_in(CHANNEL))
    assert world.direct(ADMIN) == [], "nobody has to do anything about it"
