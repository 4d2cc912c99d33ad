"""A booking carried by a button: compact, versioned, checked again when it comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.errors import InvalidRunSpec, UnreadableRequest
from bot.domain.holdings import Alternative, AlternativeKind
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec, check_training_spec
from bot.domain.time_window import TimeWindow

VERSION = 1
VALUE_CHARS = 2000
"""https://docs.slack.dev/reference/block-kit/block-elements/button-element"""

_OUTDATED = "a fresh list: this button is from another release of Berth"


def with_alternative(request: ReserveRequest, alternative: Alternative) -> ReserveRequest:
    """Return the request moved to an alternative.

    Fewer GPUs for a wish that starts now still start now, whenever the button is clicked; any
    other alternative is exactly the window that was shown.  Other GPUs replace the ones that were
    asked for, by name or by type.
    """
    fewer_now = request.start is None and alternative.gpu_count < request.gpu_count
    elsewhere = alternative.kind is AlternativeKind.OTHER_GPUS
    at_once = request.start is None and (fewer_now or elsewhere)
    return ReserveRequest(
        length=request.length if at_once else alternative.window.length,
        gpu_count=alternative.gpu_count,
        gpu_names=alternative.gpu_names if elsewhere else request.gpu_names,
        gpu_type=alternative.gpu_type if elsewhere else request.gpu_type,
        start=None if at_once else alternative.window.start,
        priority=request.priority,
        preemptible=request.preemptible,
        run=request.run,
        note=request.note,
        second=alternative.second,
    )


def request_to_value(request: ReserveRequest) -> str:
    """Return a request as the value of a button; without its note where that would be too long."""
    value = _dump(request)
    if len(value) > VALUE_CHARS:
        value = _dump(request, note="")
    return value


def request_from_value(value: str, *, request_key: str | None) -> ReserveRequest:
    """Return the request that a button carries.

    Raises:
        UnreadableRequest: it is none, or one of another release.
    """
    try:
        carried = json.loads(value)
        if carried["v"] != VERSION:
            raise UnreadableRequest("", _OUTDATED)
        return _load(carried, request_key)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise UnreadableRequest("", _OUTDATED) from error
    except InvalidRunSpec as error:
        raise UnreadableRequest("", _OUTDATED) from error


def _dump(request: ReserveRequest, *, note: str | None = None) -> str:
    carried: dict[str, Any] = {
        "v": VERSION,
        "n": request.gpu_count,
        "l": int(request.length.total_seconds()),
        "p": request.priority.value if request.priority else None,
        "g": list(request.gpu_names),
        "y": request.gpu_type,
        "s": None if request.start is None else request.start.timestamp(),
        "e": request.preemptible,
        "r": None if request.run is None else _run_to_json(request.run),
        "t": request.note if note is None else note,
        "q": None if request.second is None else _window_to_json(request.second),
    }
    kept = {key: value for key, value in carried.items() if value not in (None, "", [])}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _window_to_json(window: TimeWindow) -> list[float]:
    return [window.start.timestamp(), window.end.timestamp()]


def _window_from_json(carried: list[float] | None) -> TimeWindow | None:
    if carried is None:
        return None
    start, end = carried
    return TimeWindow(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))


def _run_to_json(run: TrainingSpec) -> dict[str, Any]:
    names = ("model", "data", "epochs", "imgsz", "batch", "seed", "task")
    return {**{name: getattr(run, name) for name in names}, **run.extra}


def _load(carried: Mapping[str, Any], request_key: str | None) -> ReserveRequest:
    start, run, kind = carried.get("s"), carried.get("r"), carried.get("y")
    preemptible, priority = carried.get("e"), carried.get("p")
    return ReserveRequest(
        length=timedelta(seconds=int(carried["l"])),
        gpu_count=int(carried["n"]),
        gpu_names=tuple(str(name) for name in carried.get("g", ())),
        gpu_type=None if kind is None else str(kind),
        start=None if start is None else datetime.fromtimestamp(float(start), UTC),
        priority=None if priority is None else Priority(priority),
        preemptible=None if preemptible is None else bool(preemptible),
        run=None if run is None else check_training_spec(run, _whole(run)),
        note=str(carried.get("t", "")),
        request_key=request_key,
        second=_window_from_json(carried.get("q")),
    )


def _whole(run: Mapping[str, Any]) -> TrainingSpec:
    """Return defaults that add nothing: a carried training is complete."""
    return TrainingSpec(model=str(run["model"]), data=str(run["data"]))
