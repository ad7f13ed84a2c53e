"""How to draw pictures."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import MAX_SEED, check_sampling, require_int
from pixace.settings.colours import palette_colours
from pixace.settings.fields import check_settings, setting, stored_values
from pixace.settings.pictures import tile_size
from pixace.settings.sweep import checked_sweep, frames_of
from pixace.settings.text_prompts import TextPrompt, check_guidance, check_words, text_prompts
from pixace.wording import quoted

_MAX_ROWS = 10_000
_MAX_COLUMNS = 100
_MAX_TILE = 4096  # pixels of its edge
_MAX_TIMES = 256
MAX_PARTICLES = 256
SIDES = ("top", "bottom", "left", "right")
BY_PICTURE, BY_CAPTION = "picture", "caption"
NONE, LEFT_RIGHT, TOP_BOTTOM = "none", "left-right", "top-bottom"
_BEST_OF = 16  # drawn of each tile, where no number is named
_AXES = {NONE: (), "x": (1,), "y": (0,), "xy": (0, 1)}  # rows are 0, columns are 1
# By name, with what they are where nothing is said.
_OF_WORDS = {"guidance": (1.0,), "best_of_by": BY_PICTURE, "labels": False}
NEEDS_WORDS = frozenset(_OF_WORDS)
_KEEP = re.compile(rf"({'|'.join(SIDES)})(?::([0-9]{{1,4}}))?", re.ASCII)
# What says in words what to draw, and what users and messages call it: class is no name in Python.
SAID = {"text": "text", "class_name": "class"}
_LISTS = ("temperature", "guidance", *SAID)
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

    batch_size: int = setting(
        1,
        "Pictures to draw when there is no prompt; of each text, where there are some.",
        bounds=(1, _MAX_ROWS),
    )
    cut: int | None = setting(
        None, "Keep this many of a prompt's pixels.", unset="half of them", bounds=(0, None)
    )
    keep: str | None = setting(
        None,
        "Keep this half of a prompt instead: top, bottom, left or right; or so many rows or "
        "columns there: bottom:5.",
    )
    particles: int | None = setting(
        None,
        "Draw so many candidates of each picture side by side, which the kept pixels that come "
        "after drawn ones weigh.",
        unset="16 where there are such pixels, else 1",
        bounds=(1, MAX_PARTICLES),
    )
    init_strength: float | None = setting(
        None,
        "How much to follow the sketch of `init`: 0 not at all, 1 in each pixel's colour.",
        unset="0.5 where there is a sketch",
        bounds=(0, 1),
    )
    temperature: tuple[float, ...] = setting(
        (1.0,),
        "One column of results for each; lower is more careful, 0 takes the likeliest pixel.",
    )
    sweep: str | None = setting(
        None,
        "Draw each picture several times with the same noise, while this changes: temperature, "
        "guidance, cut or init_strength; or from where to where, such as temperature:0.5:1.5:9. "
        "They stand in a row; with --out=sweep.gif they are shown one after the other.",
    )
    scale: int | str = setting(  # see `_checked_scale` for its bounds
        256,
        "Longer edge of a tile in pixels; or 4x: each pixel four times as large, without borders.",
    )
    seed: int | None = setting(
        None,
        "The same seed draws the same picture, whatever is drawn beside it; a number, or words.",
        unset="a new one",
        bounds=(0, MAX_SEED),
    )
    # The next two have their bounds in `check_sampling`, which the sampler calls, too.
    top_k: int = setting(0, "Draw only from the k likeliest colours; 0 means all.")
    top_p: float = setting(
        1.0, "Draw only from the fewest colours that hold this share of the probability."
    )
    best_of: int = setting(
        None,
        "Draw this many candidates for each tile and keep the one that the model finds likeliest; "
        "with --tile, the one with the least surprising seams.",
        unset=f"1, or {_BEST_OF} with --tile",
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
    text: tuple[str, ...] = setting(
        (),
        'What to draw, such as "a red heart"; or several texts with weights. They are spelt as in '
        '"a red heart:1 | blue:0.5 | text:-1". May be repeated: a row each.',
    )
    class_name: tuple[str, ...] = setting(
        (), "Draw this class of those that the model has learnt. May be repeated: a row each."
    )
    guidance: tuple[float, ...] = setting(
        (1.0,),
        "How much to follow the words, one column of results for each: 1 as the model has learnt "
        "it, more exaggerates, 0 leaves them out.",
    )
    best_of_by: str = setting(
        BY_PICTURE,
        "Which candidate `best_of` keeps: the likeliest `picture`, or that whose likelihood the "
        "`caption` raises most.",
        choices=(BY_PICTURE, BY_CAPTION),
    )
    labels: bool = setting(False, "Show in the collage, below each row, which words it is of.")
    symmetry: str = setting(
        NONE,
        "Mirror what is drawn exactly: left-right, top-bottom or both; or none.",
        choices=(NONE, LEFT_RIGHT, TOP_BOTTOM, "both"),
    )
    # Elsewhere a tile is a place of the collage: what uses this asks for `seamless_axes`.
    tile: str = setting(
        NONE,
        "Draw textures that are seamless when they are repeated along x, y or xy; or none.",
        choices=tuple(_AXES),
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.best_of is None:
            object.__setattr__(self, "best_of", 1 if self.tile == NONE else _BEST_OF)
        if not isinstance(self.temperature, list | tuple) or len(self.temperature) > _MAX_COLUMNS:
            raise UsageError(f"temperature must be at most {_MAX_COLUMNS} numbers")
        check_sampling(self.temperature, top_k=self.top_k, top_p=self.top_p)
        self._check_kept()
        _check_palette(self.palette)
        object.__setattr__(self, "scale", _checked_scale(self.scale))
        # NumPy's numbers go into no JSON.
        object.__setattr__(self, "temperature", tuple(map(float, self.temperature)))
        object.__setattr__(self, "top_k", int(self.top_k))
        object.__setattr__(self, "top_p", float(self.top_p))
        self._check_words()
        object.__setattr__(self, "sweep", checked_sweep(self))

    def _check_kept(self) -> None:
        """Checks which part of a prompt is kept, as far as that can be without its size.

        Raises:
          UsageError: it is said twice, or in words that say nothing.
        """
        if self.keep is None:
            return
        if not isinstance(self.keep, str) or not _KEEP.fullmatch(self.keep):
            raise UsageError(
                f"keep must be {', '.join(SIDES)}, or such as bottom:5, not {quoted(self.keep)}"
            )
        if self.cut is not None:
            raise UsageError("cut and keep exclude each other; name one of them")

    def _check_words(self) -> None:
        """Checks what is said in words, and makes tuples of it.

        Raises:
          UsageError: it is wrong, too much, or not there where something else needs it.
        """
        for name, called in SAID.items():
            object.__setattr__(self, name, check_words(called, getattr(self, name)))
        most = _MAX_COLUMNS // len(self.temperature)
        object.__setattr__(self, "guidance", check_guidance(self.guidance, most))
        if self.text and self.class_name:
            raise UsageError("text and class exclude each other; name one of them")
        n_words = len(self.text_prompts)
        if self.batch_size * n_words > _MAX_ROWS:
            raise UsageError(
                f"batch_size={self.batch_size} of each of {n_words} texts is more than {_MAX_ROWS} "
                "pictures"
            )
        if self.tile != NONE and self.best_of_by == BY_CAPTION:
            raise UsageError(
                "tile keeps the candidate with the least seams, best_of_by=caption another one; "
                "leave one of them out"
            )
        for name, usual in _OF_WORDS.items():
            if not n_words and getattr(self, name) != usual:
                raise UsageError(f"{name} needs words, by --text or --class")

    @classmethod
    def of(cls, **values: Any) -> DrawingSettings:
        """Takes values as users of the Python API give them: one temperature, one text, or several.

        Raises:
          UsageError: an unknown name, or a value of the wrong type or out of range.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise UsageError(f"unknown setting {unknown[0]!r} of a drawing")
        taken: dict[str, Any] = {k: _listed(v) if k in _LISTS else v for k, v in values.items()}
        return cls(**taken)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as recipes hold them."""
        return stored_values(self, _ALWAYS_STORED)

    @property
    def times(self) -> int | None:
        """How often each pixel is repeated both ways: 4 of "4x"; None where tiles have borders."""
        return int(self.scale[:-1]) if isinstance(self.scale, str) else None

    @property
    def seamless_axes(self) -> tuple[int, ...]:
        """Along which axes a picture is to meet itself: 0 for the rows, 1 for the columns."""
        return _AXES[self.tile]

    @functools.cached_property
    def text_prompts(self) -> tuple[tuple[TextPrompt, ...], ...]:
        """What is said: the texts, with their weights, of each row of words; () says nothing."""
        if self.class_name:
            return tuple((TextPrompt(name),) for name in self.class_name)
        return tuple(map(text_prompts, self.text))

    @functools.cached_property
    def columns(self) -> list[tuple[float, float]]:
        """Temperature and guidance of each column of results: by temperatures first."""
        columns = ((each.temperature, each.guidance) for each in frames_of(self, 0))
        return [pair for each in columns for pair in itertools.product(*each)]

    def n_rows(self, n_prompts: int) -> int:
        """Returns how many rows of results there are: every prompt, or new picture, of each text.

        Those of the first text come first.
        """
        return (n_prompts or self.batch_size) * max(1, len(self.text_prompts))

    def said(self, rows: Iterable[int], n_rows: int) -> list[str]:
        """Returns the words of some of N rows, as they were named; none where there are none."""
        named = self.text or self.class_name
        return [named[row * len(named) // n_rows] for row in rows] if named else []

    def tile_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns width and height of one tile of a collage, of a picture of this width, height."""
        if isinstance(self.scale, int):
            return tile_size(size, self.scale)
        times = self.times or 1
        return size[0] * times, size[1] * times

    def kept_side(self, shape: tuple[int, int]) -> tuple[slice, slice] | None:
        """Returns the rows and columns to keep of a prompt of this height and width.

        Returns:
          None where `keep` names none.

        Raises:
          UsageError: there are not so many.
        """
        match = None if self.keep is None else _KEEP.fullmatch(self.keep)
        if match is None:
            return None
        side, axis = match[1], int(match[1] in ("left", "right"))
        length = shape[axis]
        n_kept = length // 2 if match[2] is None else int(match[2])
        if n_kept > length:
            raise UsageError(
                f"keep={self.keep}: a picture has {length} {('rows', 'columns')[axis]} here"
            )
        of_axis = slice(n_kept) if side in ("top", "left") else slice(length - n_kept, length)
        return (of_axis, slice(None)) if axis == 0 else (slice(None), of_axis)


def _listed(value: Any) -> tuple[Any, ...]:
    """Returns one value, several or none (None) as a tuple."""
    if value is None:
        return ()
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    is_several = is_list or getattr(value, "ndim", 0) == 1  # a NumPy array
    return tuple(value) if is_several else (value,)


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
