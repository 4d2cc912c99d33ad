"""A trainer that trains nothing: a real process that keeps to the trainer contract.

It is scripted by the dataset file, JSON with these keys, all optional:

    epoch_s      seconds per epoch
    on_sigterm   "stop" (default), "ignore", or "default" (die of it)
    finish       "succeed" (default), "crash", "die" (SIGKILL itself), "oom", "hang" (after its end)
    linger       "session" or "escape": leave a child behind, in its session or in one of its own
    boot_s       seconds before its first event
    checkpoint_bytes  how large its checkpoints are
    log_lines    how many lines of 100 characters it writes with each epoch
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Stub:
    def __init__(self, job: dict[str, Any], events: Path, script: dict[str, Any]) -> None:
        self.job = job
        self.script = script
        self.run_dir = Path(job["run_dir"])
        self.descriptor = os.open(events, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.stopping = False

    def emit(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields})
        os.write(self.descriptor, line.encode() + b"\n")

    def on_sigterm(self, *_: object) -> None:
        self.stopping = True
        self.emit("stop_requested", at=now())

    def install(self) -> None:
        how = self.script.get("on_sigterm", "stop")
        if how == "ignore":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif how == "stop":
            signal.signal(signal.SIGTERM, self.on_sigterm)

    def train(self) -> int:
        first = self.resumed_epoch() + 1
        epochs = self.job["spec"]["epochs"]
        self.emit(
            "train_started",
            at=now(),
            epochs=epochs,
            batches_per_epoch=1,
            train_images=8,
            device="cpu",
            resumed_at_epoch=first if first > 1 else None,
        )
        for epoch in range(first, epochs + 1):
            if self.wait(self.script.get("epoch_s", 0.02)):
                return self.end("stopped", epoch - 1)
            self.finish_epoch(epoch, epochs)
        return self.finish(epochs)

    def resumed_epoch(self) -> int:
        given = self.job.get("resume_from")
        if not given:
            return 0
        import zipfile  # noqa: PLC0415 - keeps the common start fast

        with zipfile.ZipFile(given) as archive:
            return int(archive.read("epoch"))

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < until:
            time.sleep(0.01)
        return self.stopping

    def finish_epoch(self, epoch: int, epochs: int) -> None:
        print(f"epoch {epoch}/{epochs}", flush=True)  # noqa: T201 - it is the log
        for line in range(self.script.get("log_lines", 0)):
            print(f"{epoch}.{line} {'y' * 90}", flush=True)  # noqa: T201 - it is the log
        results = self.run_dir / "results.csv"
        if not results.exists():
            results.write_text("epoch,time,loss\n")
        with results.open("a") as file:
            file.write(f"{epoch},0.1,{1 / epoch}\n")
        progress = {
            "epoch": epoch,
            "epochs": epochs,
            "epoch_s": 0.1,
            "losses": {"train/box_loss": 1 / epoch},
            "metrics": {"metrics/mAP50(B)": epoch / epochs},
            "at": now(),
        }
        self.emit("epoch_finished", progress=progress)
        self.save_checkpoint(epoch)

    def save_checkpoint(self, epoch: int) -> None:
        import zipfile  # noqa: PLC0415 - keeps the common start fast

        weights = self.run_dir / "weights"
        weights.mkdir(exist_ok=True)
        path = weights / "last.pt"
        beside = weights / ".last.tmp"
        with zipfile.ZipFile(beside, "w") as archive:
            archive.writestr("epoch", str(epoch))
            archive.writestr("weights", os.urandom(self.script.get("checkpoint_bytes", 0)))
        beside.replace(path)
        self.emit("checkpoint_saved", at=now(), epoch=epoch, path=str(path))

    def finish(self, epochs: int) -> int:
        how = self.script.get("finish", "succeed")
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "crash":
            print("RuntimeError: boom", file=sys.stderr, flush=True)  # noqa: T201 - it is the log
            return 3
        if how == "oom":
            self.emit("warned", at=now(), text="The batch was halved to 8.")
            return self.end("out_of_memory", 0, "No GPU memory left.")
        return self.end("succeeded", epochs)

    def end(self, cause: str, epochs_done: int, detail: str = "") -> int:
        (self.run_dir / "results.png").write_bytes(b"\x89PNG plot")
        (self.run_dir / "args.yaml").write_text("task: detect\n")
        weights = self.run_dir / "weights"
        weights.mkdir(exist_ok=True)
        (weights / "best.pt").write_bytes(b"w" * 100_000)
        self.emit(
            "ended",
            at=now(),
            cause=cause,
            detail=detail,
            epochs_done=epochs_done,
            metrics={"metrics/mAP50(B)": 0.5},
        )
        return 0


def now() -> str:
    return datetime.now(UTC).isoformat()


def leave_child(how: str, folder: Path) -> None:
    code = (
        "import os,signal,sys,time,pathlib;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"
        "time.sleep(60)"
    )
    pid_file = folder / "child.pid"
    subprocess.Popen(
        [sys.executable, "-S", "-c", code, str(pid_file)], start_new_session=how == "escape"
    )
    while not pid_file.exists() or not pid_file.read_text():
        time.sleep(0.01)


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text())
    data = Path(job["data_path"])
    script = json.loads(data.read_text() or "{}")
    with (data.parent / f"starts-{job['attempt_id']}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    stub = Stub(job, Path(sys.argv[3]), script)
    time.sleep(script.get("boot_s", 0))
    stub.install()
    stub.emit("starting", at=now(), pid=os.getpid())
    (Path.cwd() / "environment.json").write_text(json.dumps(dict(os.environ)))
    if "linger" in script:
        leave_child(script["linger"], Path.cwd())
    code = stub.train()
    if script.get("finish") == "hang":
        time.sleep(60)
    return code


if __name__ == "__main__":
    sys.exit(main())
