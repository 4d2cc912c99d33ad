"""The process environment that Ultralytics and torch must find when they are imported."""

from __future__ import annotations

import os
from pathlib import Path


def settings_for(threads: int) -> dict[str, str]:
    """Return the variables for an offline and quiet training.

    ``threads`` bounds the CPU threads of every numeric library.
    """
    return {
        # No network, no pip, no progress bars:
        # https://docs.ultralytics.com/reference/utils/__init__/
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }


def folders_for(cache_dir: Path) -> dict[str, str]:
    """Return the variables that keep settings and caches out of the user's home."""
    return {
        "YOLO_CONFIG_DIR": str(cache_dir),
        "MPLCONFIGDIR": str(cache_dir / "matplotlib"),
        "TORCH_HOME": str(cache_dir / "torch"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache_dir / "inductor"),
        "TRITON_CACHE_DIR": str(cache_dir / "triton"),
        "XDG_CACHE_HOME": str(cache_dir / "cache"),
        "XDG_CONFIG_HOME": str(cache_dir / "config"),
    }


def prepare_environment(cache_dir: Path, threads: int) -> None:
    """Set the environment of this process; must run before Ultralytics is imported.

    A folder that the agent has already set stays, so that one host can share its font and kernel
    caches between attempts: building them anew costs seconds per start.

    Raises:
        OSError: A folder cannot be made.
    """
    os.environ.update(settings_for(threads))
    for name, folder in folders_for(cache_dir).items():
        Path(os.environ.setdefault(name, folder)).mkdir(parents=True, exist_ok=True)
    # Ultralytics takes a process below pytest for its own tests and behaves differently.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
