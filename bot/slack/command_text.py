"""A booking written as the command that makes it; `bot.slack.grammar` reads it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta, tzinfo

from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec, task_of_model

_TO_ESCAPE = re.compile('(["\u201c\u201d\u201e\\\\])')


def format_reserve_command(request: ReserveRequest, tz: tzinfo) -> str:
    """Return ``/gpu reserve …`` that asks for exactly this, with its times in ``tz``.

    The ``request_key`` is left out: it names one asking, not what is asked.
    """
    return "/gpu reserve " + " ".join(_words(request, tz))


def _words(request: ReserveRequest, tz: tzinfo) -> Iterator[str]:
    kind = f"x{request.gpu_type}" if request.gpu_type else ""
    yield ",".join(request.gpu_names) or f"{request.gpu_count}{kind}"
    if request.start is None:
        yield "now"
    else:
        local = request.start.astimezone(tz)
        whole = not (local.second or local.microsecond)
        yield local.isoformat(timespec="minutes" if whole else "auto")
    yield format_length(request.length)
    if request.priority is not None:
        yield request.priority.value
    if request.preemptible is not None:
        yield "preemptible" if request.preemptible else "protected"
    if request.run is not None:
        yield from _run_words(request.run)
    if request.note:
        yield '"' + _TO_ESCAPE.sub(r"\\\1", request.note) + '"'


def format_length(length: timedelta) -> str:
    """Return a length in whole seconds as ``8h``, ``2h30m``, ``45s``."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0h"


def _run_words(run: TrainingSpec) -> Iterator[str]:
    for name in ("model", "data", "epochs", "imgsz", "batch", "seed"):
        yield f"{name}={getattr(run, name)}"
    if run.task != task_of_model(run.model):
        yield f"task={run.task}"
    for name, value in sorted(run.extra.items()):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"{name}={shown}"
