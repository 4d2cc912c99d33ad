"""The agent as a whole: its loops, and how they wake each other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog

from bot import __version__
from bot.agent.backoff import Backoff
from bot.agent.checkpoint_fetching import CheckpointFetcher
from bot.agent.checkpoint_sending import CheckpointSender
from bot.agent.connection import Connection
from bot.agent.control_plane import ControlPlane, ControlPlaneError, HostUnknown
from bot.agent.foreign_processes import ForeignProcesses
from bot.agent.gpu_processes import describe_processes
from bot.agent.gpu_readings import GpuReadings
from bot.agent.host_reading import read_host
from bot.agent.metrics import HostMetrics, Measured, MetricsServer
from bot.agent.options import AgentOptions
from bot.agent.state_dir import StateDir, open_state_dir
from bot.agent.supervision_limits import SupervisionLimits
from bot.agent.supervisor import Supervisor
from bot.agent.trainer_job import TrainerSetup
from bot.agent.uploads import Uploads
from bot.agent.waiting import wait_and_clear
from bot.ports.clock import Clock
from bot.ports.gpu_probe import GpuProbe
from bot.protocol.messages import (
    GpuInventory,
    GpuReading,
    RegisterRequest,
    RegisterResponse,
    Report,
)
from bot.protocol.version import PROTOCOL_VERSION

_log = structlog.get_logger(__name__)
_IDLE_TICK_S = 2.0
_COALESCE_S = 0.1
_INVENTORY_EVERY_S = 60.0
_TRASH_EVERY_S = 30.0
_GOODBYE_S = 3.0


async def run_agent(
    options: AgentOptions, probe: GpuProbe, clock: Clock, stop: asyncio.Event
) -> None:
    """Supervise this host's trainings until ``stop`` is set.

    Trainings go on when the agent stops or dies, and are taken up by the next one. Cut off from
    the control plane it goes on too, and stops each training before its claim ends.

    Args:
        options: the agent's settings.
        probe: this host's GPUs; closed by the caller.
        clock: the time.
        stop: set by the caller, for example on SIGTERM.

    Raises:
        StateDirInUse: another agent holds the state directory.
        IncompatibleControlPlane: agent and control plane cannot understand each other.
    """
    with open_state_dir(options.state_dir) as state_dir:
        control_plane = ControlPlane(
            options.control_plane_url,
            options.token,
            proxies_from_environment=options.proxies_from_environment,
        )
        async with control_plane:
            agent = _Agent(options, state_dir, GpuReadings(probe), control_plane, clock)
            await agent.run(stop)


def _make_supervisor(options: AgentOptions, state_dir: StateDir) -> Supervisor:
    setup = TrainerSetup(
        command=options.trainer_command,
        environment=options.trainer_environment,
        home=state_dir.home,
        model_roots=options.model_roots,
        data_roots=options.data_roots,
        threads=options.trainer_threads,
    )
    limits = SupervisionLimits(
        margin_s=options.soft_stop_margin_s,
        leftover_grace=timedelta(seconds=options.leftover_grace_s),
        largest_weights_mib=options.largest_weights_mib,
        retention=timedelta(days=options.retention_days),
        disk_floor_mib=options.disk_floor_mib,
        seen_free_within=timedelta(seconds=options.seen_free_within_s),
        log_section_bytes=round(options.log_section_mib * 2**20),
    )
    return Supervisor(state_dir, setup, limits)


class _Agent:
    def __init__(
        self,
        options: AgentOptions,
        state_dir: StateDir,
        readings: GpuReadings,
        control_plane: ControlPlane,
        clock: Clock,
    ) -> None:
        self._options = options
        self._state_dir = state_dir
        self._readings = readings
        self._control_plane = control_plane
        self._clock = clock
        self._connection = Connection(options.control_plane_url)
        self._supervisor = _make_supervisor(options, state_dir)
        self._foreign = ForeignProcesses(
            self._supervisor.own_trainings, may_stop_root=options.stop_root_processes
        )
        to_supervise = (self._supervisor, control_plane)
        self._uploads = Uploads(*to_supervise, clock, self._wake_all)
        self._checkpoints = CheckpointSender(*to_supervise, clock, self._wake_report)
        self._fetcher = CheckpointFetcher(*to_supervise, self._wake_all)
        self._reconcile_now = asyncio.Event()
        self._report_now = asyncio.Event()
        self._leaving_now = asyncio.Event()
        self._registering = asyncio.Lock()
        self._registration: RegisterResponse | None = None
        self._inventory: tuple[GpuInventory, ...] = ()
        self._metrics = HostMetrics(options.host_name)

    async def run(self, stop: asyncio.Event) -> None:
        self._inventory = await self._readings.inventory()
        self._supervisor.set_inventory(self._inventory)
        self._supervisor.adopt(self._clock.now())
        loops: tuple[Coroutine[Any, Any, None], ...] = (
            self._supervise(),
            self._watch_departures(),
            self._follow_desired(),
            self._report(),
            self._watch_inventory(),
            self._empty_trash(),
            self._uploads.send_before_ends(),
            self._uploads.send_the_rest(),
            self._checkpoints.send_while_training(),
            self._fetcher.fetch(),
            self._serve_metrics(),
        )
        await _run_until(stop, loops)
        await self._say_goodbye()
        _log.info("agent_stopped", trainings_left_running=self._supervisor.has_live())

    def _wake_report(self) -> None:
        self._report_now.set()

    def _wake_all(self) -> None:
        self._reconcile_now.set()
        self._report_now.set()

    async def _supervise(self) -> None:
        while True:
            if self._reconcile():
                self._report_now.set()
                self._uploads.wake()
            if self._supervisor.has_leaving():
                self._leaving_now.set()
            tick_s = self._options.tick_s if self._supervisor.has_live() else _IDLE_TICK_S
            await wait_and_clear(self._reconcile_now, tick_s)

    async def _watch_departures(self) -> None:
        """Look at the GPUs of trainings that are over until they are seen free.

        In a loop of its own: a driver that hangs must not keep other trainings from their stops.
        """
        while True:
            await wait_and_clear(self._leaving_now, _IDLE_TICK_S)
            while self._supervisor.has_leaving():
                await self._look_at_gpus()
                self._reconcile_now.set()
                await asyncio.sleep(self._options.tick_s)

    def _reconcile(self) -> bool:
        try:
            return self._supervisor.reconcile(self._clock.now())
        except OSError as error:  # a full disk, most likely; the state is tried again
            _log.exception("reconcile_failed", error=str(error))
            return False

    async def _follow_desired(self) -> None:
        backoff, revision = Backoff(), None
        while True:
            host = await self._registered()
            try:
                revision = await self._poll(host, revision)
            except ControlPlaneError as error:
                self._note_failure(error)
                revision = None
                await asyncio.sleep(self._connection.wait_s(error, backoff))
            else:
                backoff.reset()

    async def _poll(self, host: RegisterResponse, revision: int | None) -> int:
        """Return the revision that is being followed now.

        The first poll asks not to be held: whatever the revision is, it is news.
        """
        asked_at = monotonic()
        desired = await self._control_plane.poll_desired(
            host.host_id, revision or 0, 0.0 if revision is None else self._options.poll_wait_s
        )
        if desired.host_id != host.host_id:
            raise HostUnknown(f"asked for host {host.host_id} and was told of {desired.host_id}")
        self._supervisor.accept(desired, self._clock.now())
        if self._foreign.stop(desired.stop_processes):
            self._report_now.set()
        self._reconcile_now.set()
        if desired.revision == revision and monotonic() - asked_at < 1.0:
            await asyncio.sleep(1.0)  # a control plane that does not hold polls is not hammered
        return desired.revision

    async def _report(self) -> None:
        backoff = Backoff()
        while True:
            host = await self._registered()
            try:
                await self._report_once(host)
            except ControlPlaneError as error:
                self._note_failure(error)
                await asyncio.sleep(self._connection.wait_s(error, backoff))
            else:
                backoff.reset()
                self._connection.note_up()
                heartbeat_s = self._options.heartbeat_s or host.heartbeat_s
                await wait_and_clear(self._report_now, heartbeat_s)
                await asyncio.sleep(_COALESCE_S)

    async def _report_once(self, host: RegisterResponse) -> None:
        self._report_now.clear()  # before looking: what changes from here on is a report of its own
        gpus = await self._look_at_gpus()
        observations = self._supervisor.observations()
        report = Report(
            host_id=host.host_id,
            sent_at=self._clock.now(),
            observations=observations,
            gpus=gpus,
            stopped=self._foreign.answers(),
            host=read_host(self._state_dir.path),
        )
        response = await self._control_plane.report(report)
        if self._supervisor.acknowledge(response, observations):
            self._report_now.set()
        self._reconcile_now.set()

    async def _look_at_gpus(self) -> tuple[GpuReading, ...]:
        """Return who and what is on the GPUs now, and let trainings that leave them know."""
        read_at = self._clock.now()  # before asking: nothing older may pass for the answer
        readings = describe_processes(
            await self._readings.read(self._supervisor.pids_by_gpu()),
            self._supervisor.own_trainings(),
        )
        self._supervisor.note_readings(readings, read_at)
        return readings

    async def _say_goodbye(self) -> None:
        """Report once more what is known, so that nothing old stands while no agent runs."""
        if self._registration is None:
            return
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._report_once(self._registration)
        except (ControlPlaneError, TimeoutError) as error:
            _log.info("last_report_not_sent", error=str(error))

    async def _registered(self) -> RegisterResponse:
        """Return the current registration; makes one first, however long it takes."""
        async with self._registering:
            backoff = Backoff()
            while self._registration is None:
                try:
                    self._registration = await self._register()
                except ControlPlaneError as error:
                    self._note_failure(error)
                    await asyncio.sleep(self._connection.wait_s(error, backoff))
            return self._registration

    async def _register(self) -> RegisterResponse:
        answer = await self._control_plane.register(
            RegisterRequest(
                protocol_version=PROTOCOL_VERSION,
                agent_version=__version__,
                host_name=self._options.host_name,
                gpus=self._inventory,
            )
        )
        self._connection.note_up()
        _log.info("agent_registered", host_id=answer.host_id, gpus=len(self._inventory))
        return answer

    def _note_failure(self, error: ControlPlaneError) -> None:
        self._connection.note_down(error)
        if isinstance(error, HostUnknown):
            self._registration = None

    async def _watch_inventory(self) -> None:
        while True:
            await asyncio.sleep(_INVENTORY_EVERY_S)
            inventory = await self._readings.inventory()
            if inventory != self._inventory:
                _log.warning("gpus_changed", gpus=[gpu.uuid for gpu in inventory])
                self._inventory = inventory
                self._supervisor.set_inventory(inventory)
                self._registration = None  # registering again renews what the control plane knows

    async def _serve_metrics(self) -> None:
        """Look at the GPUs for Prometheus, too: also while the control plane is out of reach."""
        port = self._options.metrics_port
        if port is None:
            await asyncio.Event().wait()
            return
        with MetricsServer(self._metrics, self._options.metrics_host, port):
            while True:
                readings = await self._look_at_gpus()
                host, at_s = read_host(self._state_dir.path), self._clock.now().timestamp()
                self._metrics.note_look(self._inventory, Measured(at_s, readings, host))
                trainings = len(self._supervisor.own_trainings())
                self._metrics.note_agent(trainings=trainings, connected=self._connection.is_up)
                await asyncio.sleep(self._options.metrics_every_s)

    async def _empty_trash(self) -> None:
        while True:
            await asyncio.to_thread(self._state_dir.empty_trash)
            await asyncio.sleep(_TRASH_EVERY_S)


async def _run_until(stop: asyncio.Event, loops: tuple[Coroutine[Any, Any, None], ...]) -> None:
    """Run the loops until ``stop`` is set or one of them fails; its error is raised."""
    stopping = asyncio.ensure_future(stop.wait())
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for future in (stopping, *tasks):
            future.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
