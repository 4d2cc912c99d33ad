"""What a checkpoint of Ultralytics leaves out, so that a resumed run goes on exactly.

Ultralytics keeps the averaged weights and the optimizer in half precision and starts again from
those: the live weights, gradients that wait for their step, and the place in the random numbers
are lost.  Here they are kept beside them in the same file, under a key of their own, so that one
file is all that moves to another host and Ultralytics itself can still read it.  Random numbers
need no keeping: every epoch begins from a seed of its own (`bot.agent.trainer.epoch_order`).

The best model so far and the table of results go along, for another host has neither.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.agent.trainer.atomic_files import AtomicPath, partial_path, sync_and_replace

KEY = "berth"
VERSION = 1


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; tensors stay on disk until they are used.

    Raises:
        OSError: It cannot be read.
    """
    import torch

    # It holds the pickled model; it was written by this program.
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
    return content


def write_exact(source: Path, target: Path, trainer: Any) -> None:
    """Write Ultralytics' checkpoint ``source`` to ``target`` with what it leaves out.

    Raises:
        OSError: The disk is full or fails; ``target`` is then as it was.
    """
    import torch

    content = read_checkpoint(source)
    content["optimizer"] = trainer.optimizer.state_dict()
    average = content["ema"].float()
    average.load_state_dict(trainer.ema.ema.state_dict())
    content["ema"] = average
    model = engine_model(trainer)
    content[KEY] = {
        "version": VERSION,
        "epoch": int(content["epoch"]),
        "model": model.state_dict(),
        "asked_batch": trainer.asked_batch,
        "division": _division(trainer),
        "gradients": _gradients(model),
        "last_step": trainer.last_step,
        "best": _best(Path(trainer.best), int(content["epoch"])),
    }
    partial = partial_path(target)
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
        sync_and_replace(partial, target)
    except (OSError, RuntimeError) as error:  # torch wraps what the file says
        partial.unlink(missing_ok=True)
        raise _as_os_error(error) from error


def batch_to_go_on_with(content: Mapping[str, Any], asked: int) -> int:
    """Return the batch of a resumed training: the one it had come to, unless another is asked for.

    A batch that was reduced because memory ran out would only run out again.
    """
    had_asked = content.get(KEY, {}).get("asked_batch")
    return int(content["train_args"]["batch"]) if had_asked == asked else asked


def restore_exact(content: Mapping[str, Any], trainer: Any) -> bool:
    """Put the trainer where it was when ``content`` was written; return whether it could be.

    With another batch or number of processes the steps of the optimizer begin anew.  Call it when
    the model is on its device and Ultralytics has taken its own part.
    """
    kept = content.get(KEY)
    if not kept or kept["version"] != VERSION:
        return False
    engine_model(trainer).load_state_dict(kept["model"])
    if kept["division"] == _division(trainer):
        trainer.last_step = kept["last_step"]
    return True


def restore_gradients(content: Mapping[str, Any], trainer: Any) -> None:
    """Give back the gradients that waited for their step; Ultralytics clears them at its start."""
    kept = content.get(KEY, {})
    gradients = kept.get("gradients", {}) if kept.get("division") == _division(trainer) else {}
    for name, parameter in engine_model(trainer).named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, parameter.dtype)


def restore_files(content: Mapping[str, Any], run_dir: Path) -> None:
    """Put back the best model and the table of results where this folder has none.

    Raises:
        OSError: A file cannot be written.
    """
    import torch

    weights = AtomicPath(run_dir) / "weights"
    best = content.get(KEY, {}).get("best")
    if not (weights / "best.pt").exists() and content.get(KEY):
        weights.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        own = {name: value for name, value in content.items() if name != KEY}
        torch.save(best or own, buffer)
        (weights / "best.pt").write_bytes(buffer.getvalue())
    table = run_dir / "results.csv"
    columns = content.get("train_results") or {}
    if not table.exists() and columns:
        rows = zip(*columns.values(), strict=False)
        lines = [",".join(columns), *(",".join(_number(cell) for cell in row) for row in rows)]
        AtomicPath(table).write_bytes("".join(f"{line}\n" for line in lines).encode())


def engine_model(trainer: Any) -> Any:
    """Return the model itself, without what makes several processes train it together."""
    from ultralytics.utils.torch_utils import unwrap_model

    return unwrap_model(trainer.model)


def _division(trainer: Any) -> list[int]:
    """Return how an epoch is divided: batches are counted, and gradients gathered, by this."""
    return [len(trainer.train_loader), int(trainer.batch_size), max(int(trainer.world_size), 1)]


def _gradients(model: Any) -> dict[str, Any]:
    """Return the gradients that wait for their step, by parameter; empty right after a step."""
    named: Sequence[tuple[str, Any]] = list(model.named_parameters())
    return {name: one.grad for name, one in named if one.grad is not None and bool(one.grad.any())}


def _best(best: Path, epoch: int) -> dict[str, Any] | None:
    """Return the best model so far without its optimizer, None if it is this very epoch."""
    if not best.is_file():
        return None
    content = read_checkpoint(best)
    if int(content["epoch"]) == epoch:
        return None
    return {**content, "optimizer": None, "scaler": None}


def _number(cell: object) -> str:
    return f"{cell:.6g}" if isinstance(cell, int | float) else str(cell)


def _as_os_error(error: OSError | RuntimeError) -> OSError:
    if isinstance(error, OSError):
        return error
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return link
        link = link.__cause__ or link.__context__
    return OSError(None, f"the checkpoint could not be written: {error}")
