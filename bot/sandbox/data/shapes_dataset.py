"""Generate a small data set of coloured shapes, the same for the same seed, for any YOLO task.

Run ``python -m bot.sandbox.data.shapes_dataset OUT`` or call `write_shapes_dataset`.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

TASKS = ("detect", "segment", "classify", "pose", "obb")
CLASS_NAMES = ("square", "circle", "triangle")
"""The classes, in the order of their label ids."""

_COLOURS = ((205, 60, 50), (60, 170, 80), (60, 90, 210))
_MAX_SHAPES = 3
_CIRCLE_CORNERS = 16
_PLACING_TRIES = 25


@dataclass(frozen=True)
class _Shape:
    """One shape: its class and its square box in pixels."""

    class_id: int
    left: int
    top: int
    side: int

    def overlaps(self, other: _Shape) -> bool:
        return (
            self.left < other.left + other.side
            and other.left < self.left + self.side
            and self.top < other.top + other.side
            and other.top < self.top + self.side
        )

    def label(self, image_px: int, task: str) -> str:
        """Return the YOLO label line of a task; places and sizes are fractions of the image."""
        if task == "segment":
            return self._line(image_px, self._outline())
        if task == "obb":
            return self._line(image_px, self._corners())
        middle, size = self.side / 2, self.side / image_px
        box = [((self.left + middle) / image_px), ((self.top + middle) / image_px), size, size]
        numbers = " ".join(f"{number:.6f}" for number in box)
        if task == "pose":
            points = ((self.left + middle, self.top), *reversed(self._corners()[2:]))
            visible = (f"{x / image_px:.6f} {y / image_px:.6f} 2" for x, y in points)
            return f"{self.class_id} {numbers} {' '.join(visible)}"
        return f"{self.class_id} {numbers}"

    def _line(self, image_px: int, points: Sequence[tuple[float, float]]) -> str:
        flat = (f"{x / image_px:.6f} {y / image_px:.6f}" for x, y in points)
        return f"{self.class_id} {' '.join(flat)}"

    def _corners(self) -> tuple[tuple[float, float], ...]:
        right, bottom = self.left + self.side, self.top + self.side
        return (self.left, self.top), (right, self.top), (right, bottom), (self.left, bottom)

    def _outline(self) -> tuple[tuple[float, float], ...]:
        if CLASS_NAMES[self.class_id] == "square":
            return self._corners()
        radius = self.side / 2
        x, y = self.left + radius, self.top + radius
        if CLASS_NAMES[self.class_id] == "triangle":
            return (x, float(self.top)), *self._corners()[2:]
        turns = (2 * math.pi * step / _CIRCLE_CORNERS for step in range(_CIRCLE_CORNERS))
        return tuple((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns)


def _choose_shapes(rng: random.Random, image_px: int, most: int = _MAX_SHAPES) -> list[_Shape]:
    """Choose one or more shapes that do not overlap."""
    shapes: list[_Shape] = []
    wanted = rng.randint(1, most)
    for _ in range(_PLACING_TRIES):
        side = rng.randint(image_px // 5, image_px // 2)
        shape = _Shape(
            class_id=rng.randrange(len(CLASS_NAMES)),
            left=rng.randint(0, image_px - side - 1),
            top=rng.randint(0, image_px - side - 1),
            side=side,
        )
        if not any(shape.overlaps(other) for other in shapes):
            shapes.append(shape)
        if len(shapes) == wanted:
            break
    return shapes


def _shade(rng: random.Random, colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (max(0, min(255, part + rng.randint(-25, 25))) for part in colour)
    return red, green, blue


def _draw(rng: random.Random, shapes: list[_Shape], image_px: int) -> Image.Image:
    """Draw the shapes on a grey, slightly noisy ground."""
    grey = rng.randint(95, 150)
    image = Image.new("RGB", (image_px, image_px), (grey, grey, grey))
    canvas = ImageDraw.Draw(image)
    for _ in range(image_px):
        spot = (rng.randrange(image_px), rng.randrange(image_px))
        canvas.point(spot, fill=_shade(rng, (grey, grey, grey)))
    for shape in shapes:
        right, bottom = shape.left + shape.side, shape.top + shape.side
        fill = _shade(rng, _COLOURS[shape.class_id])
        if CLASS_NAMES[shape.class_id] == "square":
            canvas.rectangle((shape.left, shape.top, right, bottom), fill=fill)
        elif CLASS_NAMES[shape.class_id] == "circle":
            canvas.ellipse((shape.left, shape.top, right, bottom), fill=fill)
        else:
            apex = (shape.left + shape.side / 2, shape.top)
            canvas.polygon([(shape.left, bottom), (right, bottom), apex], fill=fill)
    return image


def write_shapes_dataset(
    folder: Path,
    train_images: int = 32,
    val_images: int = 16,
    image_px: int = 64,
    seed: int = 7,
    task: str = "detect",
) -> Path:
    """Write images and YOLO labels below ``folder``, and return what Ultralytics takes as data.

    That is the path of ``data.yaml``, for ``classify`` the folder itself, with one folder per
    class.  The same arguments give the same pixels and labels; writing again replaces the files.
    The paths in ``data.yaml`` are absolute, because Ultralytics resolves relative ones against a
    setting of the user.

    Raises:
        ValueError: A split would be empty, images are smaller than 32 pixels, or no such task.
        OSError: The folder cannot be written.
    """
    if train_images < 1 or val_images < 1:
        raise ValueError("a data set needs at least one image for training and one for validation")
    if image_px < 32:
        raise ValueError("images below 32 pixels leave no room for the shapes")
    if task not in TASKS:
        raise ValueError(f"no shapes for the task {task}")
    rng = random.Random(seed)  # noqa: S311 - pixels, not secrets
    for split, count in (("train", train_images), ("val", val_images)):
        for number in range(count):
            if task == "classify":
                _write_classified(rng, folder / split, number, image_px)
            else:
                _write_labelled(rng, folder, f"{split}/{number:05d}", image_px, task)
    return folder if task == "classify" else _write_description(folder, task)


def _write_classified(rng: random.Random, folder: Path, number: int, image_px: int) -> None:
    """Write one image of one shape; the classes take turns, so that none is without."""
    shape = replace(_choose_shapes(rng, image_px, 1)[0], class_id=number % len(CLASS_NAMES))
    home = folder / CLASS_NAMES[shape.class_id]
    home.mkdir(parents=True, exist_ok=True)
    _draw(rng, [shape], image_px).save(home / f"{number:05d}.png")


def _write_labelled(rng: random.Random, folder: Path, name: str, image_px: int, task: str) -> None:
    image, label = folder / "images" / f"{name}.png", folder / "labels" / f"{name}.txt"
    image.parent.mkdir(parents=True, exist_ok=True)
    label.parent.mkdir(parents=True, exist_ok=True)
    shapes = _choose_shapes(rng, image_px)
    _draw(rng, shapes, image_px).save(image)
    lines = "".join(shape.label(image_px, task) + "\n" for shape in shapes)
    label.write_text(lines, encoding="utf-8")


def _write_description(folder: Path, task: str) -> Path:
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASS_NAMES))
    # The top, and the two lower corners, which change places in a mirror.
    points = "kpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\n" if task == "pose" else ""
    data_yaml = folder / "data.yaml"
    data_yaml.write_text(
        f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\n{points}names:\n{names}",
        encoding="utf-8",
    )
    return data_yaml


def main(argv: list[str] | None = None) -> int:
    """Write the data set that the command line describes and print its ``data.yaml``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--train-images", type=int, default=32)
    parser.add_argument("--val-images", type=int, default=16)
    parser.add_argument("--image-px", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--task", choices=TASKS, default="detect")
    given = parser.parse_args(argv)
    written = write_shapes_dataset(
        given.out, given.train_images, given.val_images, given.image_px, given.seed, given.task
    )
    sys.stdout.write(f"{written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
