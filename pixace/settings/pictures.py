"""What a picture is to a model: its shape, and which colours its pixels can have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from pixace.errors import UsageError
from pixace.settings.checks import check_colour, require_bool, require_choice, require_int
from pixace.settings.colours import BITDEPTH, HSV, PALETTE, brief, hsv, named_colours
from pixace.wording import quoted

MAX_EDGE = 256  # pixels
SQUASH, CROP, PAD = FITS = ("squash", "crop", "pad")
# In which order pixels come: see `tokens.order`.
ROWS, COLUMNS, REVERSED = SCANS = ("rows", "columns", "reversed")
COLUMNS_REVERSED = "columns-reversed"
ANY = "any"  # of them, and of those that begin at another corner: a model is told which
# What stands for what a user does not name.
IMAGE_SIZE, BACKGROUND, FIT = 32, "black", SQUASH


# As users name it: 32, "32x18" or (32, 18).
ImageSize: TypeAlias = int | str | tuple[int, int]


def size_of(image_size: ImageSize) -> tuple[int, int]:
    """Returns the width and height that a user means, each from 1 to `MAX_EDGE`.

    Args:
      image_size: the edge of a square; "32x18", or (32, 18), are 32 wide and 18 high.

    Raises:
      UsageError: it is none of these, or out of range.
    """
    edges: Sequence[Any] = (image_size, image_size)
    if isinstance(image_size, list | tuple):
        edges = image_size
    elif isinstance(image_size, str) and "x" in image_size:
        is_size = re.fullmatch("[0-9]{1,9}x[0-9]{1,9}", image_size)
        edges = [*map(int, image_size.split("x"))] if is_size else ()
    if len(edges) != 2:
        raise UsageError(
            "image_size must be one number, or a width and a height such as 32x18, not "
            f"{quoted(image_size)}"
        )
    for edge in edges:
        require_int("image_size", edge, 1, MAX_EDGE)
    return int(edges[0]), int(edges[1])


def as_image_size(size: tuple[int, int]) -> int | str:
    """Returns how settings hold a width and a height: a number for a square, or "32x18"."""
    width, height = size
    return width if width == height else f"{width}x{height}"


def spelled_size(image_size: ImageSize) -> str:
    """Spells a size as width and height, also that of a square: "32x32"."""
    width, height = size_of(image_size)
    return f"{width}x{height}"


def scaled_to(size: tuple[int, int], longer_edge: int) -> tuple[int, int]:
    """Returns a width and a height of the same shape whose longer one is so many pixels."""
    width, height = (max(1, round(edge * longer_edge / max(size))) for edge in size)
    return width, height


def tile_size(size: tuple[int, int], scale: int) -> tuple[int, int]:
    """Returns the width and the height of a tile of a collage.

    Args:
      size: width and height of the small picture, to which the tile adds a border of one pixel.
      scale: longer edge of the tile.
    """
    return scaled_to((size[0] + 2, size[1] + 2), scale)


@dataclasses.dataclass(frozen=True)
class PictureSettings:
    """What pictures are made to be before a model sees them.

    Attributes:
      height: H in pixels.
      width: W in pixels.
      colours: the codec that makes an integer of a pixel, as it spells itself: "hsv:5,4,4".
      background: colour that shows through transparent pixels, as Pillow spells colours.
      alpha: whether pixels can be transparent, too; then nothing shows through them.
      fit: how pictures of other shapes become of this one, one of `FITS`.
      scan: in which order its pixels come, one of `SCANS`, or columns from the bottom right.
      unscale: whether what is this shape made larger by whole blocks is taken back exactly. That is
        of the pictures at hand, not of the model.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    height: int
    width: int
    colours: str
    background: str = BACKGROUND
    alpha: bool = False
    fit: str = FIT
    unscale: bool = False
    scan: str = ROWS

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            require_int(name, getattr(self, name), 1, MAX_EDGE)
            object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's go into no JSON
        if not isinstance(self.colours, str) or not re.fullmatch(r"[a-z]+:.+", self.colours):
            raise UsageError(f"colours must be such as hsv:5,4,4, not {quoted(self.colours)}")
        check_colour(self.background)
        require_bool("alpha", self.alpha)
        require_choice("fit", self.fit, FITS)
        require_choice("scan", self.scan, (*SCANS, COLUMNS_REVERSED))

    @classmethod
    def of(
        cls,
        image_size: ImageSize = IMAGE_SIZE,
        bitdepth: Sequence[int] | None = None,
        background: str = BACKGROUND,
        colours: str | None = None,
        alpha: bool = False,
        fit: str = FIT,
        scan: str = ROWS,
    ) -> PictureSettings:
        """Returns what the user's words for it mean.

        Args:
          image_size: see `size_of`.
          bitdepth: bits of hue, saturation and value; `BITDEPTH` where no colours are named.
          background: colour behind transparent pixels.
          colours: the codec, as it spells itself; None is that of `bitdepth`.
          alpha: whether pixels can be transparent, too.
          fit: see the attribute.
          scan: see the attribute.

        Raises:
          UsageError: a value of the wrong type or out of range, or two that name different colours.
        """
        width, height = size_of(image_size)
        named = named_colours(bitdepth, colours) or hsv(BITDEPTH)
        return cls(height, width, named, background, alpha, fit, scan=scan)

    def to_dict(self) -> dict[str, Any]:
        """Returns them in the user's words where these say it all, as plain JSON values."""
        colours: dict[str, Any] = {"colours": self.colours}
        if self.colours.startswith(HSV):
            colours = {"bitdepth": [*map(int, brief(self.colours).split(","))]}
        return {
            "image_size": as_image_size(self.size),
            **colours,
            "background": self.background,
            **({"alpha": True} if self.alpha else {}),
            **({} if self.fit == FIT else {"fit": self.fit}),
            **({"unscale": True} if self.unscale else {}),
            **({} if self.scan == ROWS else {"scan": self.scan}),
        }

    @property
    def shape(self) -> tuple[int, int]:
        """H and W, as NumPy counts them."""
        return self.height, self.width

    @property
    def raster(self) -> tuple[int, int]:
        """How many lines its pixels come in, and how many pixels each of them has."""
        return (self.width, self.height) if self.is_turned else (self.height, self.width)

    @property
    def is_turned(self) -> bool:
        """Whether these lines are columns."""
        return self.scan in (COLUMNS, COLUMNS_REVERSED)

    @property
    def size(self) -> tuple[int, int]:
        """W and H, as Pillow counts them."""
        return self.width, self.height

    @property
    def in_blocks(self) -> bool:
        """Whether enlarging pictures must make no new colours, nor half-transparent edges."""
        return self.colours.startswith(PALETTE) or self.alpha

    @property
    def n_channels(self) -> int:
        """C, numbers of a pixel: red, green and blue, and alpha where pixels can be transparent."""
        return 4 if self.alpha else 3

    @property
    def n_pixels(self) -> int:
        """L, the number of tokens of one picture."""
        return self.height * self.width
