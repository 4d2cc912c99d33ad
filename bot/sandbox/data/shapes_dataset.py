"""Generate a small object-detection data set of coloured shapes, the same for the same seed.

Run ``python -m bot.sandbox.data.shapes_dataset OUT`` or call `write_shapes_dataset`.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

CLASS_NAMES = ("square", "circle", "triangle")
"""The classes, in the order of their label ids."""

_COLOURS = ((205, 60, 50), (60, 170, 80), (60, 90, 210))
_MAX_SHAPES = 3
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

    def label(self, image_px: int) -> str:
        """Return the YOLO label line: class, centre and size as fractions of the image."""
        x = (self.left + self.side / 2) / image_px
        y = (self.top + self.side / 2) / image_px
        size = self.side / image_px
        return f"{self.class_id} {x:.6f} {y:.6f} {size:.6f} {size:.6f}"


def _choose_shapes(rng: random.Random, image_px: int) -> list[_Shape]:
    """Choose one to three shapes that do not overlap."""
    shapes: list[_Shape] = []
    wanted = rng.randint(1, _MAX_SHAPES)
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
) -> Path:
    """Write images, YOLO labels and ``data.yaml`` below ``folder``, and return the YAML's path.

    The same arguments give the same pixels and labels; writing again replaces the files.  The
    paths in ``data.yaml`` are absolute, because Ultralytics resolves relative ones against a
    setting of the user.

    Raises:
        ValueError: A split would be empty, or images are smaller than 32 pixels.
        OSError: The folder cannot be written.
    """
    if train_images < 1 or val_images < 1:
        raise ValueError("a data set needs at least one image for training and one for validation")
    if image_px < 32:
        raise ValueError("images below 32 pixels leave no room for the shapes")
    rng = random.Random(seed)  # noqa: S311 - pixels, not secrets
    for split, count in (("train", train_images), ("val", val_images)):
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            shapes = _choose_shapes(rng, image_px)
            _draw(rng, shapes, image_px).save(images / f"{number:05d}.png")
            lines = "".join(shape.label(image_px) + "\n" for shape in shapes)
            (labels / f"{number:05d}.txt").write_text(lines, encoding="utf-8")
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASS_NAMES))
    data_yaml = folder / "data.yaml"
    data_yaml.write_text(
        f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n{names}",
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
    given = parser.parse_args(argv)
    written = write_shapes_dataset(
        given.out, given.train_images, given.val_images, given.image_px, given.seed
    )
    sys.stdout.write(f"{written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
