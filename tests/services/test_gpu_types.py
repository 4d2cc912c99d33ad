"""Kinds of GPUs: a wish for one narrows the calendar, and what fits instead may be another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.errors import InvalidGpuCount, UnknownGpuType, WindowTaken
from bot.domain.holdings import AlternativeKind
from bot.domain.requests import ReserveRequest
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import booking, hosts
from bot.services.transaction import UseCases
from bot.slack.carried_request import with_alternative
from tests.support.world import a_member

A100, H100 = "NVIDIA A100-SXM4-80GB", "NVIDIA H100 80GB HBM3"
H = timedelta(hours=1)


@pytest.fixture
def site(berth: UseCases) -> UseCases:
    """Two hosts with two A100 each, one with two H100."""
    for name, model in (("host1", A100), ("host2", A100), ("host3", H100)):
        gpus = tuple(
            GpuInventory(uuid=f"GPU-{name}-{n}", model=model, memory_mib=81920, index=n)
            for n in range(2)
        )
        request = RegisterRequest(
            protocol_version=1, agent_version="test", host_name=name, gpus=gpus
        )
        berth.write(hosts.register, request)
    return berth


def test_only_gpus_of_the_wanted_kind_are_booked(site: UseCases) -> None:
    alice = a_member(site)
    view = site.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=2, gpu_type="h100"))
    assert {gpu.model for gpu in view.gpus} == {H100}
    view = site.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=3, gpu_type="A100"))
    assert {gpu.model for gpu in view.gpus} == {A100}


def test_a_kind_that_is_not_there_is_refused_with_those_that_are(site: UseCases) -> None:
    with pytest.raises(UnknownGpuType) as caught:
        site.write(booking.reserve, a_member(site), ReserveRequest(2 * H, gpu_type="v100"))
    assert caught.value.known == ("A100-SXM4-80GB", "H100-80GB-HBM3")


def test_more_than_there_are_of_that_kind(site: UseCases) -> None:
    request = ReserveRequest(2 * H, gpu_count=3, gpu_type="h100")
    with pytest.raises(InvalidGpuCount) as caught:
        site.write(booking.reserve, a_member(site), request)
    assert (caught.value.available, caught.value.gpu_type) == (2, "h100")


def test_a_full_kind_offers_later_then_another_kind_then_fewer(site: UseCases) -> None:
    alice, bob = a_member(site), a_member(site, "U0BOB")
    site.write(booking.reserve, bob, ReserveRequest(2 * H, gpu_count=1, gpu_type="h100"))
    request = ReserveRequest(2 * H, gpu_count=2, gpu_type="h100")
    with pytest.raises(WindowTaken) as caught:
        site.write(booking.reserve, alice, request)
    offers = caught.value.alternatives
    assert [each.kind for each in offers] == [
        *[AlternativeKind.LATER] * 3,
        AlternativeKind.OTHER_GPUS,
        AlternativeKind.FEWER,
    ]
    other = offers[3]
    assert other.where == "A100-SXM4-80GB"
    booked = site.write(booking.reserve, alice, with_alternative(request, other))
    assert {gpu.model for gpu in booked.gpus} == {A100}
    assert booked.window.start == offers[4].window.start, "at the same time"
    later = site.write(booking.reserve, alice, with_alternative(request, offers[0]))
    assert {gpu.model for gpu in later.gpus} == {H100}


def test_named_gpus_that_are_taken_offer_others_of_the_same_kind_on_another_host(
    site: UseCases,
) -> None:
    alice, bob = a_member(site), a_member(site, "U0BOB")
    names = ("gpu0@host1", "gpu1@host1")
    site.write(booking.reserve, bob, ReserveRequest(2 * H, gpu_names=names))
    request = ReserveRequest(2 * H, gpu_names=names)
    with pytest.raises(WindowTaken) as caught:
        site.write(booking.reserve, alice, request)
    others = [each for each in caught.value.alternatives if each.gpu_names]
    assert [each.where for each in others] == ["host2"]
    booked = site.write(booking.reserve, alice, with_alternative(request, others[0]))
    assert {gpu.host_name for gpu in booked.gpus} == {"host2"}
