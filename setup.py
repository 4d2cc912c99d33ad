"""Puts the migrations, which live beside the package, into the installed package."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMigrations(build_py):
    """Copies ``migrations/`` to ``bot/migrations`` where `bot.store.schema` looks first."""

    def run(self) -> None:
        """Build the package, then add the migrations; an editable install needs none."""
        super().run()
        if self.editable_mode:
            return
        source = Path(__file__).parent / "migrations"
        target = Path(self.build_lib) / "bot" / "migrations"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithMigrations})
