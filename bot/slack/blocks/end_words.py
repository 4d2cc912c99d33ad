"""What most likely made a training fail, and what to do next: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.notices import RunEnded
from bot.domain.states import RunState
from bot.protocol.messages import EndCause

_AS_IT_IS = "Tried again as it is it would end the same way"

ADVICE: Mapping[EndCause, str] = {
    EndCause.OUT_OF_MEMORY: (
        "Most likely batch and image size are too large for one GPU: choose a smaller `batch` or"
        f" `imgsz`, or more GPUs. {_AS_IT_IS}."
    ),
    EndCause.DIVERGED: (
        "Most likely the learning rate is too high for this batch: try a tenth of `lr0`, a longer"
        f" `warmup_epochs`, or `amp=false`. {_AS_IT_IS}."
    ),
    EndCause.DATA_ERROR: (
        "Most likely a path, a label or an image of the data set is wrong: correct it on the host,"
        f" then retry. {_AS_IT_IS}."
    ),
    EndCause.DISK_FULL: (
        "Most likely the host's disk is full of other runs and data: ask an admin to make room;"
        " then it goes on from its last whole checkpoint."
    ),
    EndCause.KILLED: (
        "Most likely the host ran out of memory (RAM), or somebody killed it there: fewer `workers`"
        " or `cache=false` help against the first."
    ),
    EndCause.HOST_LOST: (
        "Most likely the machine or its network went down: the run can go on elsewhere from the"
        " last checkpoint that its agent has sent."
    ),
    EndCause.REFUSED: (
        "Most likely a model or data set is not below the folders that this host allows: correct"
        " the name, or ask an admin to put it there."
    ),
    EndCause.CRASHED: (
        "The last lines say where: what names CUDA, a driver or a package is for whoever runs the"
        " host, and another host may do; anything else is most likely in the arguments."
    ),
}
"""By cause; an end that was asked for needs none."""

_FITS = "A smaller `imgsz` would help as well."
_FAILED = (RunState.FAILED, RunState.HOST_LOST)


def advice(notice: RunEnded) -> str:
    """Return the likely cause and the next step for a training that failed, else nothing."""
    if notice.state not in _FAILED:
        return ""
    try:
        cause = EndCause(notice.cause)
    except ValueError:
        return ""
    if cause is EndCause.OUT_OF_MEMORY and notice.batch_that_fits:
        return _FITS  # which batch fits is said beside it, with the button for it
    return ADVICE.get(cause, "")
