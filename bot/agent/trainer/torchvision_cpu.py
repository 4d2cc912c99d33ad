"""Let ``import torchvision`` work beside a torch that was built for the CPU only.

The usual Linux wheel of torchvision is a CUDA build. Beside a CPU build of torch its C++ operators
do not load, and the import fails with ``operator torchvision::nms does not exist``, although the
rest of the package is plain Python.  Ultralytics brings a non-maximum suppression written in
torch; registering it under the missing name is enough.  On a GPU host nothing is changed.
"""

from __future__ import annotations

import sys
from typing import Any

_registered: list[Any] = []
"""Holds the operator library: its registrations vanish with the object."""


def make_torchvision_importable() -> bool:
    """Register the missing operators if torch has no GPU build; return whether it did.

    Must run before torchvision is imported; running it again changes nothing.
    """
    import torch

    if _registered or "torchvision" in sys.modules:
        return False
    if torch.version.cuda or torch.version.hip or hasattr(torch.ops.torchvision, "nms"):
        return False
    library = torch.library.Library("torchvision", "DEF")
    # torchvision attaches shape functions to both of these while it is imported.
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _suppress, "CPU")
    _registered.append(library)
    from torchvision import extension

    # Asked by torchvision.ops before it calls an operator; ours is there although its own is not.
    extension._has_ops = lambda: True  # noqa: SLF001 - there is no public switch
    return True


def _suppress(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Return the indices of the boxes to keep, best first."""
    from ultralytics.utils.nms import TorchNMS

    return TorchNMS.nms(boxes, scores, iou_threshold)
