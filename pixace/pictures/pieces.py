"""A picture that is a part of an image file: a frame of an animation, or a cell of a sheet."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from pixace.pictures.rgb import to_rgba

Box: TypeAlias = tuple[int, int, int, int]  # left, upper, right and lower edge in pixels

_LONGEST_LABEL = 100


@dataclasses.dataclass(frozen=True)
class Piece(os.PathLike[str]):
    """A part of an image file, spelt as a path with a fragment: tiles.png#2,3.

    Attributes:
      path: the file.
      label: what the part is called in it.
      frame: number of the frame, from 0.
      box: what part of that frame it is; None for all of it.
      place: where its left upper corner is on its canvas.
      canvas: width and height of a transparent canvas that it is restored to; None for none.
    """

    path: Path
    label: str
    frame: int = 0
    box: Box | None = None
    place: tuple[int, int] = (0, 0)
    canvas: tuple[int, int] | None = None

    def __fspath__(self) -> str:
        return f"{self.path}#{self.label}"

    def __str__(self) -> str:
        return os.fspath(self)

    def encoded(self) -> bytes:
        """Returns all but the path in a few bytes; a set may have a million of them."""
        numbers = [self.frame, *(self.box or ())]
        if self.canvas is not None:
            numbers += [*self.place, *self.canvas]
        label = self.label[:_LONGEST_LABEL].encode("utf-8", "backslashreplace")
        return b"%s\0%s" % (",".join(map(str, numbers)).encode(), label)

    @classmethod
    def decoded(cls, path: Path, data: bytes) -> Piece:
        """Returns the piece that `encoded` has made these bytes of."""
        spelled, _, label = data.partition(b"\0")
        frame, *numbers = map(int, spelled.split(b","))
        piece = cls(path, label.decode(), frame)
        if numbers:
            left, top, right, bottom = numbers[:4]
            piece = dataclasses.replace(piece, box=(left, top, right, bottom))
        if numbers[4:]:
            x, y, width, height = numbers[4:]
            piece = dataclasses.replace(piece, place=(x, y), canvas=(width, height))
        return piece


def cut(img: Image.Image, piece: Piece) -> Image.Image:
    """Returns the picture that a piece of a file is.

    Args:
      img: the file, opened, and upright where the piece has a box.
      piece: of it.
    """
    if piece.box is None:
        img.seek(piece.frame)
        return img
    part = img.crop(piece.box)
    return part if piece.canvas is None else _restored(part, piece.canvas, piece.place)


def _restored(part: Image.Image, size: tuple[int, int], place: tuple[int, int]) -> Image.Image:
    """Puts back what was trimmed: transparent pixels around a part."""
    canvas = Image.new("RGBA", size)
    canvas.paste(to_rgba(part), place)
    return canvas
