"""What a picture is to a model: its shape, and which colours its pixels can have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import check_bitdepth, check_colour, require_int
from pixace.wording import quoted, spell

MAX_EDGE = 256  # pixels
# What stands for what a user does not name.
IMAGE_SIZE, BITDEPTH, BACKGROUND = 32, (5, 4, 4), "black"
_HSV = "hsv:"


@dataclasses.dataclass(frozen=True)
class PictureSettings:
    """What pictures are made to be before a model sees them.

    Attributes:
      height: H in pixels.
      width: W in pixels.
      colours: the codec that makes an integer of a pixel, as it spells itself: "hsv:5,4,4".
      background: colour that shows through transparent pixels, as Pillow spells colours.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    height: int
    width: int
    colours: str
    background: str = BACKGROUND

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            require_int(name, getattr(self, name), 1, MAX_EDGE)
            object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's go into no JSON
        if not isinstance(self.colours, str) or not re.fullmatch(r"[a-z]+:.+", self.colours):
            raise UsageError(f"colours must be such as hsv:5,4,4, not {quoted(self.colours)}")
        check_colour(self.background)

    @classmethod
    def of(
        cls,
        image_size: int = IMAGE_SIZE,
        bitdepth: Sequence[int] = BITDEPTH,
        background: str = BACKGROUND,
    ) -> PictureSettings:
        """Returns what the user's words for it mean: a square, in HSV.

        Args:
          image_size: edge in pixels.
          bitdepth: bits of hue, saturation and value.
          background: colour behind transparent pixels.

        Raises:
          UsageError: a value of the wrong type or out of range.
        """
        require_int("image_size", image_size, 1, MAX_EDGE)
        return cls(image_size, image_size, hsv(bitdepth), background)

    def to_dict(self) -> dict[str, Any]:
        """Returns them in the user's words where these say it all, as plain JSON values."""
        is_square = self.height == self.width
        colours: dict[str, Any] = {"colours": self.colours}
        if self.colours.startswith(_HSV):
            colours = {"bitdepth": [*map(int, brief(self.colours).split(","))]}
        return {
            "image_size": self.width if is_square else f"{self.width}x{self.height}",
            **colours,
            "background": self.background,
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
    def n_pixels(self) -> int:
        """L, the number of tokens of one picture."""
        return self.height * self.width


def hsv(bitdepth: Sequence[int]) -> str:
    """Names the colours of so many bits of hue, saturation and value: "hsv:5,4,4".

    Raises:
      UsageError: not three integers from 0 to 8, or no bit at all.
    """
    return _HSV + spell(check_bitdepth(bitdepth))


def brief(colours: str) -> str:
    """Names colours as users may: those of HSV by their bits alone, "5,4,4"."""
    return colours.removeprefix(_HSV)
