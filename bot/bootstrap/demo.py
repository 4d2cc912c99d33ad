"""The demo: a Slack stand-in, the control plane and one agent, each a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from bot.bootstrap.demo_story import play_story
from bot.domain.run_spec import TASK_OF_SUFFIX
from bot.sandbox.client import SandboxClient
from bot.sandbox.data.shapes_dataset import write_shapes_dataset
from bot.sandbox.options import StandInOptions
from bot.store import schema
from bot.store.database import open_engine

MARKER = "this-is-a-berth-demo"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
TRAIN_IMAGES, VALIDATION_IMAGES, IMAGE_PX = 64, 32, 64
EPOCHS = 40
# Fit for a tiny model on a few images: it learns within seconds.
RUN_EXTRA = {"optimizer": "AdamW", "lr0": 0.01, "warmup_epochs": 1, "mosaic": 0.0}

terminal = Console(highlight=False)


@dataclass
class DemoProcesses:
    """The processes of one demo, and their logs."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, environment: Mapping[str, str]) -> None:
        """Start ``berth ARGUMENTS``; what it prints goes to ``NAME.log`` in the folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "bot", *arguments],
                env={**_own_environment(), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops them in order
            )

    def dead(self) -> str | None:
        """Return the name of a process that has ended, or None."""
        return next(
            (name for name, each in self.processes.items() if each.poll() is not None), None
        )

    def stop(self) -> None:
        """Stop all, and the trainings that the agent would otherwise leave running."""
        trainings = [child for each in self.processes.values() for child in _children(each.pid)]
        for process in reversed(list(self.processes.values())):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for training in trainings:
            _signal(training, signal.SIGKILL)
        for process in self.processes.values():
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _own_environment() -> dict[str, str]:
    """Return this environment without settings that would lead the demo elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What may differ between demos.

    ``port`` is the console's, 0 takes a free one; ``http`` lets the stand-in send signed HTTP
    requests in place of Socket Mode; ``database_url`` names an empty database other than the
    demo's own SQLite file.
    """

    port: int = 0
    http: bool = False
    database_url: str | None = None


class DemoFailed(Exception):
    """The demo could not be started; the message says why."""


def run_demo(folder: Path, options: DemoOptions, *, script: bool) -> int:
    """Run the demo until Ctrl-C, or play the story and return 0 only if it was true."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        with demo(folder.resolve(), options) as (address, processes):
            terminal.print(f"Ready in {time.monotonic() - started:.1f} s.")
            if script:
                with SandboxClient(address) as people:
                    return play_story(people, terminal, epochs=EPOCHS)
            _introduce(address)
            _stay(processes)
    except DemoFailed as failure:
        terminal.print(str(failure), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        terminal.print("\nStopped.")
    return 0


def _introduce(address: str) -> None:
    terminal.print(f"\n  Open  [bold]{address}[/bold]\n", soft_wrap=True)
    terminal.print("  You are Alice in #gpu. Try:  /gpu reserve 1 now 2h train")
    terminal.print("  Then be Bob (top left):      /gpu reserve 2 now 2h")
    terminal.print("  See it in the browser:       /gpu web")
    terminal.print("  Ctrl-C stops everything.\n")


def _stay(processes: DemoProcesses) -> None:
    """Return never: leave by Ctrl-C, or when a process of the demo ends by itself.

    Raises:
        DemoFailed: a process ended.
    """
    while True:
        dead = processes.dead()
        if dead is not None:
            raise DemoFailed(_last_words(processes.folder, dead))
        time.sleep(1)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def demo(folder: Path, options: DemoOptions) -> Iterator[tuple[str, DemoProcesses]]:
    """Run a demo in ``folder``; yield the address of its console, and its processes.

    Raises:
        DemoFailed: a process did not come up, or the folder holds something else.
    """
    _prepare(folder, options)
    processes = DemoProcesses(folder)
    try:
        yield _start(processes, folder, options), processes
    finally:
        processes.stop()


def _write_examples(folder: Path) -> None:
    """Write a tiny model and a data set for every task; ``shapes-seg`` goes with ``tiny-seg``."""
    suffixes = {"detect": "", **{task: f"-{suffix}" for suffix, task in TASK_OF_SUFFIX.items()}}
    for task, suffix in suffixes.items():
        write_shapes_dataset(
            folder / "data" / f"shapes{suffix}",
            train_images=TRAIN_IMAGES,
            val_images=VALIDATION_IMAGES,
            image_px=IMAGE_PX,
            seed=7,
            task=task,
        )
        model = files("bot.sandbox.data").joinpath(f"tiny{suffix}.yaml").read_text()
        (folder / "models" / f"tiny{suffix}.yaml").write_text(model)


def _prepare(folder: Path, options: DemoOptions) -> None:
    if folder.exists():
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise DemoFailed(f"{folder} holds something else than a demo; name another --folder.")
        shutil.rmtree(folder)
    (folder / "models").mkdir(parents=True)
    (folder / MARKER).touch()
    _write_examples(folder)
    engine = open_engine(_database_url(folder, options))
    schema.upgrade(engine)
    engine.dispose()


def _database_url(folder: Path, options: DemoOptions) -> str:
    return options.database_url or f"sqlite:///{folder / 'berth.db'}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(processes: DemoProcesses, folder: Path, options: DemoOptions) -> str:
    address = f"http://127.0.0.1:{options.port or _free_port()}"
    control = f"http://127.0.0.1:{_free_port()}"
    token = secrets.token_urlsafe(24)
    stand_in = ["sandbox", "--port", address.rpartition(":")[2]]
    if options.http:
        stand_in += ["--request-url", f"{control}/slack/events"]
    # All three at once: each waits for the others by itself, as it would in real life.
    processes.start("sandbox", *stand_in, environment={})
    for_serve = serve_environment(folder, options, slack=address, control=control, token=token)
    processes.start("serve", "serve", environment=for_serve)
    processes.start("agent", "agent", environment=agent_environment(folder, control, token))
    _wait_until_ready(processes, address, control)
    return address


def serve_environment(
    folder: Path, options: DemoOptions, *, slack: str, control: str, token: str
) -> dict[str, str]:
    """Return the settings of the demo's control plane; ``slack`` and ``control`` are addresses."""
    stand_in = StandInOptions()
    return {
        "BERTH_DATABASE_URL": _database_url(folder, options),
        "BERTH_ARTIFACTS_URL": str(folder / "artifacts"),
        "BERTH_LISTEN_PORT": control.rpartition(":")[2],
        "BERTH_SLACK_API_URL": f"{slack}/api/",
        "BERTH_SLACK_MODE": "http" if options.http else "socket",
        "BERTH_SLACK_BOT_TOKEN": stand_in.bot_token,
        "BERTH_SLACK_APP_TOKEN": stand_in.app_token,
        "BERTH_SLACK_SIGNING_SECRET": stand_in.signing_secret,
        "BERTH_SLACK_CLIENT_ID": stand_in.client_id,
        "BERTH_SLACK_CLIENT_SECRET": stand_in.client_secret,
        "BERTH_DEFAULT_CHANNEL": "C0GPU",
        "BERTH_ENROL_AGENT_TOKEN": token,
        "BERTH_RUN_MODEL": "tiny.yaml",
        "BERTH_RUN_DATA": "shapes/data.yaml",
        "BERTH_RUN_EPOCHS": str(EPOCHS),
        "BERTH_RUN_IMGSZ_PX": str(IMAGE_PX),
        "BERTH_RUN_BATCH": "16",
        "BERTH_RUN_EXTRA": json.dumps(RUN_EXTRA),
        "BERTH_PROGRESS_EDIT_INTERVAL_S": "2",
        "BERTH_HEARTBEAT_S": "2",
        "BERTH_LOG_FORMAT": "console",
    }


def agent_environment(folder: Path, control_plane: str, token: str) -> dict[str, str]:
    """Return the settings of the demo's agent."""
    return {
        "BERTH_AGENT_CONTROL_PLANE_URL": control_plane,
        "BERTH_AGENT_TOKEN": token,
        "BERTH_AGENT_HOST_NAME": "host1",
        "BERTH_AGENT_STATE_DIR": str(folder / "agent"),
        "BERTH_AGENT_MODEL_ROOTS": f'["{folder / "models"}"]',
        "BERTH_AGENT_DATA_ROOTS": f'["{folder / "data"}"]',
        "BERTH_AGENT_LOG_FORMAT": "console",
    }


def _wait_until_ready(processes: DemoProcesses, slack: str, control: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        dead = processes.dead()
        if dead is not None:
            raise DemoFailed(_last_words(processes.folder, dead))
        if _is_ready(slack, control):
            return
        time.sleep(0.1)
    raise DemoFailed(
        f"Not ready within {START_TIMEOUT_S:.0f} s; see the logs in {processes.folder}."
    )


def _last_words(folder: Path, name: str) -> str:
    log = (folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
    return "\n".join([f"berth {name} ended; its last words:", *log[-15:]])


def _is_ready(slack: str, control: str) -> bool:
    try:
        with httpx.Client(timeout=2, trust_env=False) as http:
            state = http.get(f"{slack}/console/state", params={"user": "U0ALICE"}).json()
            ready = http.get(f"{control}/readyz").json()
    except (httpx.HTTPError, ValueError):
        return False
    return bool(state.get("bot_connected")) and bool(ready.get("gpus"))
