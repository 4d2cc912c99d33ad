"""One contract for every probe, then what is particular to NVML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.agent.gpu_choice import choose_probe
from bot.agent.gpu_readings import GpuReadings
from bot.agent.gpus_simulated import SimulatedProbe
from bot.ports.gpu_probe import GpuProbe, GpuProbeFailed
from bot.protocol.messages import GpuInventory, GpuReading
from tests.support.nvml_stand_in.stand_in import StandInProbe, build


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def nvml(library: Path, tmp_path: Path) -> Iterator[StandInProbe]:
    probe = StandInProbe(library, tmp_path)
    yield probe
    probe.end()


@pytest.fixture(params=["simulated", "nvml"])
def probe(request: pytest.FixtureRequest) -> GpuProbe:
    if request.param == "simulated":
        return SimulatedProbe(2, "host-a")
    found: GpuProbe = request.getfixturevalue("nvml")
    return found


def test_the_inventory_is_ordered_and_stays(probe: GpuProbe) -> None:
    gpus = probe.inventory()
    assert [gpu.index for gpu in gpus] == [0, 1]
    assert len({gpu.uuid for gpu in gpus}) == 2
    assert all(gpu.memory_mib > 0 and gpu.model for gpu in gpus)
    assert probe.inventory() == gpus


def test_there_is_one_reading_per_gpu(probe: GpuProbe) -> None:
    readings = probe.read()
    assert [one.uuid for one in readings] == [gpu.uuid for gpu in probe.inventory()]
    for one in readings:
        assert one.temperature_c is not None
        assert one.memory_used_mib is not None
        assert 0 <= (one.utilisation_percent or 0) <= 100
        assert one.power_w is not None


def test_closing_twice_is_harmless_and_reading_goes_on(probe: GpuProbe) -> None:
    before = probe.inventory()
    probe.close()
    probe.close()
    assert probe.inventory() == before


def test_simulated_uuids_follow_from_the_host(probe: GpuProbe) -> None:
    first, again, other = (
        [gpu.uuid for gpu in SimulatedProbe(3, name).inventory()] for name in ("a", "a", "b")
    )
    assert first == again
    assert not set(first) & set(other)


def test_nvml_values_arrive_in_their_units(nvml: StandInProbe) -> None:
    idle, busy = nvml.read()
    assert idle == GpuReading(
        uuid="GPU-aaaa",
        temperature_c=41,
        memory_used_mib=512,
        memory_total_mib=40960,
        utilisation_percent=7,
        power_w=60.5,
        process_pids=(),
    )
    assert busy.process_pids == (11, 12)
    assert nvml.inventory()[0] == GpuInventory(
        uuid="GPU-aaaa", model="Stand-in A100", memory_mib=40960, index=0
    )


def test_what_only_some_devices_can_tell(nvml: StandInProbe) -> None:
    nvml.set(
        _0_power_limit_mw="400000",
        _0_ecc_corrected="3",
        _0_ecc_uncorrected="0",
        _0_throttle=str(0x1 | 0x8 | 0x40),
        _0_pids="11 12:300",
    )
    told, silent = nvml.read()
    assert (told.power_limit_w, told.ecc_corrected, told.ecc_uncorrected) == (400, 3, 0)
    assert told.throttle_reasons == ("hw_slowdown", "hw_thermal_slowdown"), "idleness is no trouble"
    assert [(one.pid, one.memory_used_mib) for one in told.processes] == [(11, None), (12, 300)]
    assert (silent.power_limit_w, silent.ecc_corrected, silent.ecc_uncorrected) == (None,) * 3
    assert silent.throttle_reasons == ()


def test_a_critical_error_is_remembered(nvml: StandInProbe) -> None:
    assert [one.xid for one in nvml.read()] == [None, None]
    nvml.set(_1_xid="79")
    assert [one.xid for one in nvml.read()] == [None, 79]
    nvml.close()
    assert [one.xid for one in nvml.read()] == [None, 79]
    nvml.set(_1_xid="48")
    assert [one.xid for one in nvml.read()] == [None, 48]


@pytest.mark.parametrize(
    ("fact", "field"),
    [
        ("temperature", "temperature_c"),
        ("power_mw", "power_w"),
        ("utilisation", "utilisation_percent"),
        ("memory_used_mib", "memory_used_mib"),
    ],
)
def test_a_value_that_is_not_supported_is_absent(nvml: StandInProbe, fact: str, field: str) -> None:
    nvml.set(**{f"_0_{fact}": "error 3"})
    first, second = nvml.read()
    assert getattr(first, field) is None
    assert getattr(second, field) is not None


def test_the_processes_of_gpu_zero_are_seen(nvml: StandInProbe) -> None:
    nvml.set(_0_pids="4242")
    assert nvml.read()[0].process_pids == (4242,)
    nvml.set(_0_pids="")
    assert nvml.read()[0].process_pids == ()


def test_a_lost_gpu_does_not_hide_the_others(nvml: StandInProbe) -> None:
    nvml.set(_0_uuid="error 15")
    assert [gpu.uuid for gpu in nvml.inventory()] == ["GPU-bbbb"]
    assert [gpu.uuid for gpu in nvml.read()] == ["GPU-bbbb"]


def test_a_driver_that_fails_is_a_failure_and_its_return_is_noticed(nvml: StandInProbe) -> None:
    nvml.set(count="error 999")
    with pytest.raises(GpuProbeFailed):
        nvml.read()
    nvml.set(count="2")
    assert len(nvml.read()) == 2


def test_a_driver_that_is_not_loaded_is_a_failure(nvml: StandInProbe) -> None:
    nvml.set(driver="error 9")
    with pytest.raises(GpuProbeFailed, match="NVML"):
        nvml.inventory()


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({}, "NvmlProbe"),
        ({"count": "0"}, "SimulatedProbe"),
        ({"driver": "error 9"}, "SimulatedProbe"),
    ],
)
def test_real_gpus_are_chosen_where_there_are_any(
    nvml: StandInProbe, changes: dict[str, str], chosen: str
) -> None:
    nvml.set(**changes)
    assert nvml.ask("choose") == chosen


def test_which_gpus_are_offered_is_logged() -> None:
    with capture_logs() as logs:
        probe = choose_probe("simulated", 3, "host")
    assert len(probe.inventory()) == 3
    assert logs[0]["event"] == "gpus_are_simulated"


class Failing(GpuProbe):
    def __init__(self) -> None:
        self.fails = False

    def inventory(self) -> tuple[GpuInventory, ...]:
        if self.fails:
            raise GpuProbeFailed("gone")
        return SimulatedProbe(1, "host").inventory()

    def read(self) -> tuple[GpuReading, ...]:
        raise GpuProbeFailed("gone")

    def close(self) -> None: ...


async def test_the_last_inventory_holds_while_the_driver_fails() -> None:
    probe = Failing()
    readings = GpuReadings(probe)
    known = await readings.inventory()
    probe.fails = True
    with capture_logs() as logs:
        assert await readings.inventory() == known
        assert await readings.read({}) == ()
    assert len(logs) == 1  # told once
