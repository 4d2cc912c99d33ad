from datetime import timedelta

import pytest

from bot.domain.errors import WindowTaken
from bot.domain.requests import ReserveRequest
from bot.services import booking, queries
from bot.services.transaction import UseCases
from tests.support.world import a_host, a_member


def test_books_and_refuses(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    view = berth.run(booking.reserve, alice, ReserveRequest(timedelta(hours=2), gpu_count=2))
    assert view.gpu_count == 2
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, bob, ReserveRequest(timedelta(hours=2), gpu_count=1))
    assert refusal.value.alternatives
    assert berth.run(queries.mine, alice) == (view,)
    assert berth.run(queries.status).free_count == 0
    berth.run(booking.cancel, alice, view.reservation_id, "changed my mind")
    assert berth.run(queries.status).free_count == 2
