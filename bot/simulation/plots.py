"""The comparison as pictures, PNG, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.priority import Priority
from bot.simulation.ledger import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DAY_H = 24
_COLOURS = ("#7f7f7f", "#0072b2", "#56b4e9", "#d55e00", "#009e73")
"""Told apart also by those who see colours differently (Okabe and Ito)."""


def draw(outcomes: Sequence[Outcome], folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder that exists, and return their paths."""
    # Matplotlib writes a cache of fonts when it is imported, and a module writes nothing then.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - see above
    from matplotlib.figure import Figure  # noqa: PLC0415 - see above

    pictures = {
        "hours.png": _hours,
        "utilisation.png": _utilisation,
        "waiting.png": _waiting,
        "deadlines.png": _deadlines,
    }
    paths = []
    for name, paint in pictures.items():
        figure = Figure(figsize=(10, 5.5), layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure.add_subplot(), outcomes)
        figure.savefig(folder / name, dpi=120, metadata={"Software": "berth simulate"})
        paths.append(folder / name)
    return tuple(paths)


def _hours(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    names = [one.sharing for one in outcomes]
    left = [0.0] * len(outcomes)
    parts = {"used": [one.used_h / one.gpu_h for one in outcomes]}
    for why in outcomes[0].lost_h if outcomes else ():
        parts[f"lost: {why}"] = [one.lost_h[why] / one.gpu_h for one in outcomes]
    parts["idle"] = [one.idle_h / one.gpu_h for one in outcomes]
    for label, shares in parts.items():
        axes.barh(names, [100 * share for share in shares], left=left, label=label)
        left = [a + 100 * b for a, b in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set(title="Where the GPU-hours went", xlabel="% of all GPU-hours", xlim=(0, 100))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize="small")


def _utilisation(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    for one, colour in zip(outcomes, _COLOURS, strict=False):
        gpus = one.gpu_h / max(1, len(one.used_by_hour))
        days = [
            100 * sum(day) / len(day) / gpus
            for day in (
                one.used_by_hour[at : at + DAY_H] for at in range(0, len(one.used_by_hour), DAY_H)
            )
        ]
        axes.plot(days, color=colour, label=one.sharing, linewidth=1.2)
    axes.set(title="Utilisation, day by day", xlabel="day", ylabel="% of GPUs used", ylim=(0, 100))
    axes.legend(fontsize="small")


def _waiting(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    for one, colour in zip(outcomes, _COLOURS, strict=False):
        for name, style in (("all", "-"), (Priority.P0.value, ":")):
            hours = one.waited_h[name]
            if hours:
                shares = [100 * (n + 1) / len(hours) for n in range(len(hours))]
                label = f"{one.sharing}, {name}"
                axes.step(hours, shares, color=colour, linestyle=style, label=label, where="post")
    axes.set(title="How long jobs waited", xlabel="hours waited", ylabel="% started by then")
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    axes.legend(fontsize="x-small", loc="lower right")


def _deadlines(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    groups = [each.value for each in Priority]
    width = 0.8 / max(1, len(outcomes))
    for number, (one, colour) in enumerate(zip(outcomes, _COLOURS, strict=False)):
        at = [place - 0.4 + (number + 0.5) * width for place in range(len(groups))]
        met = [100 * one.waits[name].met_share for name in groups]
        axes.bar(at, met, width, color=colour, label=one.sharing)
    axes.set_xticks(range(len(groups)), [name.upper() for name in groups])
    axes.set(title="Deadlines met", ylabel="% of those that were due", ylim=(0, 100))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, fontsize="small")
