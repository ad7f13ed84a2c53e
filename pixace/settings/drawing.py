"""How to draw pictures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import MAX_SEED, check_sampling, require_int
from pixace.settings.colours import palette_colours
from pixace.settings.fields import check_settings, setting, stored_values
from pixace.settings.pictures import tile_size
from pixace.wording import quoted

_MAX_COLUMNS = 100
_MAX_TILE = 4096  # pixels of its edge
_MAX_TIMES = 256
# What recipes hold whatever it is; see `stored_values`.
_ALWAYS_STORED = (
    *("batch_size", "cut", "temperature", "scale", "seed", "top_k", "top_p", "best_of"),
)


@dataclasses.dataclass(frozen=True)
class DrawingSettings:
    """How to draw pictures.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    batch_size: int = setting(1, "Pictures to draw when there is no prompt.", bounds=(1, 10_000))
    cut: int | None = setting(
        None, "Keep this many of a prompt's pixels.", unset="half of them", bounds=(0, None)
    )
    temperature: tuple[float, ...] = setting(
        (1.0,),
        "One column of results for each; lower is more careful, 0 takes the likeliest pixel.",
    )
    scale: int | str = setting(  # see `_checked_scale` for its bounds
        256,
        "Longer edge of a tile in pixels; or 4x: each pixel four times as large, without borders.",
    )
    seed: int | None = setting(
        None,
        "The same seed draws the same picture, whatever is drawn beside it.",
        unset="a new one",
        bounds=(0, MAX_SEED),
    )
    # The next two have their bounds in `check_sampling`, which the sampler calls, too.
    top_k: int = setting(0, "Draw only from the k likeliest colours; 0 means all.")
    top_p: float = setting(
        1.0, "Draw only from the fewest colours that hold this share of the probability."
    )
    best_of: int = setting(
        1,
        "Draw this many candidates for each tile and keep the one that the model finds likeliest.",
        bounds=(1, 1000),
    )
    unscale: bool = setting(
        False, "Take prompts back exactly that were made larger by whole blocks."
    )
    # Here, and in recipes, its colours: "000000,ff004d". Users name them otherwise, too, see
    # `tokens.palette_names.with_palette`.
    palette: str | None = setting(
        None,
        "Give each pixel drawn the nearest colour of this palette: a file (.gpl, .hex, .pal or "
        ".png), or a name such as pico-8.",
        unset="the model's own colours",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if not isinstance(self.temperature, list | tuple) or len(self.temperature) > _MAX_COLUMNS:
            raise UsageError(f"temperature must be at most {_MAX_COLUMNS} numbers")
        check_sampling(self.temperature, top_k=self.top_k, top_p=self.top_p)
        _check_palette(self.palette)
        object.__setattr__(self, "scale", _checked_scale(self.scale))
        # NumPy's numbers go into no JSON.
        object.__setattr__(self, "temperature", tuple(map(float, self.temperature)))
        object.__setattr__(self, "top_k", int(self.top_k))
        object.__setattr__(self, "top_p", float(self.top_p))

    @classmethod
    def of(cls, **values: Any) -> DrawingSettings:
        """Takes values as users of the Python API give them: one temperature or several.

        Raises:
          UsageError: an unknown name, or a value of the wrong type or out of range.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise UsageError(f"unknown setting {unknown[0]!r} of a drawing")
        if "temperature" not in values:
            return cls(**values)
        named = values["temperature"]
        is_list = isinstance(named, Sequence) and not isinstance(named, str | bytes)
        is_several = is_list or getattr(named, "ndim", 0) == 1  # a NumPy array
        return cls(**{**values, "temperature": tuple(named if is_several else [named])})

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as recipes hold them."""
        return stored_values(self, _ALWAYS_STORED)

    @property
    def times(self) -> int | None:
        """How often each pixel is repeated both ways: 4 of "4x"; None where tiles have borders."""
        return int(self.scale[:-1]) if isinstance(self.scale, str) else None

    def tile_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns width and height of one tile of a collage, of a picture of this width, height."""
        if isinstance(self.scale, int):
            return tile_size(size, self.scale)
        times = self.times or 1
        return size[0] * times, size[1] * times

    def kept_pixels(self, n_pixels: int, n_prompts: int) -> int:
        """Returns how many pixels to keep of each prompt; 0 where there is none.

        Args:
          n_pixels: L of the model.
          n_prompts: how many prompts there are.

        Raises:
          UsageError: cut is not from 0 to L, or is given without a prompt.
        """
        if self.cut is not None:
            require_int("cut", self.cut, 0, n_pixels)
            if not n_prompts:
                raise UsageError("cut needs a prompt to keep pixels of")
        if not n_prompts:
            return 0
        return n_pixels // 2 if self.cut is None else self.cut


def _check_palette(colours: Any) -> None:
    """Checks that a palette is one as settings hold it.

    Raises:
      UsageError: it is not.
    """
    if colours is None:
        return
    if not isinstance(colours, str):
        raise UsageError(f"palette must be such as 000000,ff004d, not {quoted(colours)}")
    try:
        palette_colours(colours)
    except UsageError as error:
        raise UsageError(f"palette: {error}") from None


def _checked_scale(scale: Any) -> int | str:
    """Returns the edge of a tile in pixels, or a number of times such as "4x".

    Raises:
      UsageError: it is neither, or out of range.
    """
    if not isinstance(scale, str):
        require_int("scale", scale, 1, _MAX_TILE)
        return int(scale)
    if not re.fullmatch("[1-9][0-9]{0,2}x", scale) or int(scale[:-1]) > _MAX_TIMES:
        raise UsageError(
            f"scale must be pixels from 1 to {_MAX_TILE} or times from 1x to {_MAX_TIMES}x, not "
            f"{quoted(scale)}"
        )
    return scale
