"""Asking for approval, approving and declining by button, and ``/gpu share``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.clockwork.deliveries import DeliveryRound
from bot.domain.offers import OfferState
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.ports.clock import Clock
from bot.sandbox.client_values import NotThere
from bot.services import people, queries
from bot.services.transaction import Tx
from bot.slack.blocks.approval import APPROVE_ACTION, DECLINE_ACTION, REASON_BLOCK
from bot.slack.blocks.mine import OPEN_ACTION
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.outbound.messenger import SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from bot.store.artifacts import FsspecArtifactStore
from bot.store.tables import TeamRow
from tests.conftest import T0
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clock import SetClock
from tests.support.world import a_member

P0 = "/gpu reserve 2 tomorrow 18:00 4h p0 “release, hotfix”"


NOTHING: Json = {"blocks": []}


@pytest.fixture
async def post(office: Office, clock: Clock, tmp_path: Path) -> AsyncIterator[Callable[[], Json]]:
    """Send what waits, and return the card of the first reservation as it stands in #gpu."""
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    messenger = SlackMessenger(client, clock, SendBudget())
    sending = DeliveryRound(
        office.obstacles, messenger, FsspecArtifactStore(str(tmp_path / "files")), "test"
    )
    done = asyncio.Event()

    async def keep_sending() -> None:
        while not done.is_set():
            await sending.deliver_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.02)

    office_hours = asyncio.create_task(keep_sending())

    def card() -> Json:
        return next((one for one in in_channel(office) if "*R1 · " in text_of(one)), NOTHING)

    yield card
    done.set()
    await office_hours


def in_channel(office: Office, channel: str = "C0GPU") -> list[Json]:
    """What the channel shows, newest first, each with the place where it can be clicked."""
    return [{**one, "channel": channel} for one in office.slack.state.messages.history(channel)]


def reservation(office: Office, number: int = 1) -> ReservationView:
    return office.berth.read(queries.reservation, number)


async def asked(office: Office, card: Callable[[], Json], text: str = P0) -> Json:
    """Have Bob ask, and return the card with its buttons. Alice, the admin, is known by then."""
    await office.say("/gpu status")
    await office.say(text, user="U0BOB")
    return await office.eventually(lambda: card() if values_of(card(), APPROVE_ACTION) else {})


async def click(
    office: Office, message: Json, action: str, value: str, user: str = "U0ALICE"
) -> Json:
    """Click, and return what only that person reads then."""
    before = len(office.ephemerals(user))
    await office.click(message, action, value, user=user)
    return (await office.eventually(lambda: office.ephemerals(user)[before:]))[0]


Post = Callable[[], Json]


async def test_p0_waits_and_says_why_and_one_click_of_an_admin_books_it(
    office: Office, post: Post
) -> None:
    card = await asked(office, post)
    told = office.ephemerals("U0BOB")[-1]
    assert "Asked for approval of R1" in text_of(told)
    assert "held for you until a lead or an admin decides" in text_of(told)
    assert "R1 · waits for approval" in text_of(card)
    assert "P0 may take GPUs from others" in text_of(card)
    assert values_of(card, DECLINE_ACTION) == values_of(card, APPROVE_ACTION)
    answer = await click(office, card, APPROVE_ACTION, values_of(card, APPROVE_ACTION)[0])
    assert "R1 is approved and booked" in text_of(answer)
    shown = await office.eventually(lambda: post() if "R1 · booked" in text_of(post()) else {})
    assert shown["ts"] == card["ts"], "the card stays, and is brought up to date"
    assert "Approved by <@U0ALICE>" in text_of(shown)
    assert values_of(shown, APPROVE_ACTION) == []
    dm = (await office.eventually(lambda: office.direct("U0BOB")))[0]
    assert "<@U0ALICE> approved R1" in text_of(dm)
    assert reservation(office).state is ReservationState.BOOKED


async def test_who_may_not_decide_is_told_who_may(office: Office, post: Post) -> None:
    card = await asked(office, post)
    for user in ("U0BOB", "U0CAROL"):
        for action in (APPROVE_ACTION, DECLINE_ACTION):
            answer = await click(office, card, action, values_of(card, action)[0], user)
            assert "decided by a lead of everyone or an admin" in answer["text"]
            assert "Ask <@U0ALICE>" in answer["text"]
            assert office.modal(user) is None
    assert reservation(office).state is ReservationState.PENDING


async def test_declining_asks_for_a_reason_which_the_holder_reads(
    office: Office, post: Post
) -> None:
    card = await asked(office, post)
    await office.click(card, DECLINE_ACTION, values_of(card, DECLINE_ACTION)[0])
    form = await office.eventually(office.modal)
    assert "<@U0BOB> asked for 2 GPUs" in text_of(form)
    await office.submit({REASON_BLOCK: "demo week, <!channel> & more"})
    assert office.modal() is None
    dm = (await office.eventually(lambda: office.direct("U0BOB")))[0]
    assert "<@U0ALICE> declined R1" in text_of(dm)
    assert "demo week, &lt;!channel&gt; &amp; more" in text_of(dm)
    assert OPEN_ACTION in text_of(dm), "and is offered to ask anew"
    shown = await office.eventually(lambda: post() if "cancelled" in text_of(post()) else {})
    assert "Declined by <@U0ALICE>" in text_of(shown)
    assert "demo week" in text_of(shown)
    assert reservation(office).state is ReservationState.CANCELLED
    assert office.berth.read(queries.status).free_count == 4


async def test_a_stale_click_is_answered_kindly(office: Office, post: Post) -> None:
    card = await asked(office, post)
    value = values_of(card, APPROVE_ACTION)[0]
    await office.say("/gpu cancel R1 not needed", user="U0BOB")
    for action in (APPROVE_ACTION, DECLINE_ACTION):
        # The card is brought up to date at once, so the click may find its button gone.
        with contextlib.suppress(AssertionError, NotThere):
            answer = await click(office, card, action, value)
            assert "has been withdrawn already" in answer["text"]
    assert reservation(office).state is ReservationState.CANCELLED


async def test_an_approval_channel_gets_the_buttons_and_shows_the_outcome(
    office: Office, post: Post
) -> None:
    a_member(office.berth, "U0BOB")

    def set_channel(tx: Tx) -> None:
        team_id = people.ensure_team(tx, "everyone", "C0GPU")
        tx.session.get_one(TeamRow, team_id).approval_channel_id = "C0VISION"

    office.berth.write(set_channel)
    await asked(office, post)
    (notice,) = await office.eventually(lambda: in_channel(office, "C0VISION"))
    assert "<@U0BOB> (everyone) asks for approval of R1" in text_of(notice)
    await office.click(notice, APPROVE_ACTION, values_of(notice, APPROVE_ACTION)[0])

    def outcome() -> list[Json]:
        return [one for one in in_channel(office, "C0VISION") if "is approved" in text_of(one)]

    (shown,) = await office.eventually(outcome)
    assert values_of(shown, APPROVE_ACTION) == []
    assert reservation(office).state is ReservationState.BOOKED

    await office.say("/gpu reserve 1 tomorrow 18:00 4h p0", user="U0BOB")
    asks = await office.eventually(
        lambda: [one for one in in_channel(office, "C0VISION") if "approval of R2" in text_of(one)]
    )
    await office.click(asks[0], DECLINE_ACTION, values_of(asks[0], DECLINE_ACTION)[0])
    await office.eventually(office.modal)
    await office.submit({REASON_BLOCK: "no"})
    await office.eventually(
        lambda: [one for one in in_channel(office, "C0VISION") if "is declined" in text_of(one)]
    )
    assert reservation(office, 2).state is ReservationState.CANCELLED


async def test_over_http_and_sockets_a_click_delivered_twice_approves_once(
    any_office: Office,
) -> None:
    office = any_office
    await office.say("/gpu status")
    await office.say(P0, user="U0BOB")
    pending = reservation(office)
    assert pending.approval is not None
    card = reservation_card(pending, T0)
    client = outbound_client(office.slack.options.bot_token, base_url=office.slack.api_url)
    posted = await client.chat_postMessage(
        channel="C0GPU", text=card.text, blocks=list(card.blocks)
    )
    message = {"channel": "C0GPU", "ts": posted["ts"]}
    for _ in range(2):
        answer = await click(office, message, APPROVE_ACTION, str(pending.approval.approval_id))
        assert "R1 is approved and booked" in text_of(answer)
    after = reservation(office)
    assert after.approval is not None
    assert after.approval.state is OfferState.ACCEPTED


async def test_share_tells_use_quota_and_whose_turn_is_next(
    office: Office, clock: SetClock
) -> None:
    def add_team(tx: Tx) -> None:
        people.ensure_team(tx, "nlp", "C0RANDOM")
        team = tx.session.get_one(TeamRow, people.ensure_team(tx, "everyone", "C0GPU"))
        team.quota_gpus_at_once, team.quota_gpu_hours_per_week = 4, 100.0

    office.berth.write(add_team)
    await office.say("/gpu reserve 2 now 2h", user="U0BOB")
    clock.advance(hours=1)
    from_start = office.berth.read(queries.reservation, 1).window.length
    answer = await office.say("/gpu share", user="U0BOB")
    said = text_of(answer)
    hours = 2 * from_start.total_seconds() / 3600
    assert f"GPU-hours this week: {hours:g} of 100 · GPUs at once: 2 of 4" in said
    assert "nlp would be served 1st of 2" in said
    assert "everyone would be served 2nd of 2" in answer["text"]
    assert "recent use: 2 GPU-hours, 100% of all" in said
    assert f"*You*: {hours:g} GPU-hours this week" in said
