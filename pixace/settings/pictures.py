"""What a picture is to a model: its shape, and which colours its pixels can have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import check_colour, require_bool, require_int
from pixace.settings.colours import BITDEPTH, HSV, PALETTE, brief, hsv, named_colours
from pixace.wording import quoted

MAX_EDGE = 256  # pixels
# What stands for what a user does not name.
IMAGE_SIZE, BACKGROUND = 32, "black"


@dataclasses.dataclass(frozen=True)
class PictureSettings:
    """What pictures are made to be before a model sees them.

    Attributes:
      height: H in pixels.
      width: W in pixels.
      colours: the codec that makes an integer of a pixel, as it spells itself: "hsv:5,4,4".
      background: colour that shows through transparent pixels, as Pillow spells colours.
      alpha: whether pixels can be transparent, too; then nothing shows through them.
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
    unscale: bool = False

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            require_int(name, getattr(self, name), 1, MAX_EDGE)
            object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's go into no JSON
        if not isinstance(self.colours, str) or not re.fullmatch(r"[a-z]+:.+", self.colours):
            raise UsageError(f"colours must be such as hsv:5,4,4, not {quoted(self.colours)}")
        check_colour(self.background)
        require_bool("alpha", self.alpha)

    @classmethod
    def of(
        cls,
        image_size: int = IMAGE_SIZE,
        bitdepth: Sequence[int] | None = None,
        background: str = BACKGROUND,
        colours: str | None = None,
        alpha: bool = False,
    ) -> PictureSettings:
        """Returns what the user's words for it mean: a square.

        Args:
          image_size: edge in pixels.
          bitdepth: bits of hue, saturation and value; `BITDEPTH` where no colours are named.
          background: colour behind transparent pixels.
          colours: the codec, as it spells itself; None is that of `bitdepth`.
          alpha: whether pixels can be transparent, too.

        Raises:
          UsageError: a value of the wrong type or out of range, or two that name different colours.
        """
        require_int("image_size", image_size, 1, MAX_EDGE)
        named = named_colours(bitdepth, colours) or hsv(BITDEPTH)
        return cls(image_size, image_size, named, background, alpha)

    def to_dict(self) -> dict[str, Any]:
        """Returns them in the user's words where these say it all, as plain JSON values."""
        is_square = self.height == self.width
        colours: dict[str, Any] = {"colours": self.colours}
        if self.colours.startswith(HSV):
            colours = {"bitdepth": [*map(int, brief(self.colours).split(","))]}
        return {
            "image_size": self.width if is_square else f"{self.width}x{self.height}",
            **colours,
            "background": self.background,
            **({"alpha": True} if self.alpha else {}),
            **({"unscale": True} if self.unscale else {}),
        }

    @property
    def shape(self) -> tuple[int, int]:
        """H and W, as NumPy counts them."""
        return self.height, self.width

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
