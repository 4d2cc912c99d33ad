"""What is installed from a wheel is all that a host needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_a_wheel_carries_migrations_console_and_demo_data(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("bot", "migrations", "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(REPOSITORY / name), str(copy / name)], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(copy)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("berth-*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "bot/migrations/env.py",
        "bot/sandbox/console/index.html",
        "bot/sandbox/console/console.js",
        "bot/sandbox/data/tiny.yaml",
        "bot/py.typed",
        "bot/web/pages/templates/frame.html",
        "bot/web/static/frame.css",
        "bot/web/static/timeline/main.js",
    }
    wanted |= {
        f"bot/migrations/versions/{revision.name}"
        for revision in (REPOSITORY / "migrations" / "versions").glob("*.py")
    }
    assert wanted <= carried
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in carried)
