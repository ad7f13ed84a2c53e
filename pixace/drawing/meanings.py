"""What users' words for a drawing mean: the name of a palette, a seed of words, a quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pixace.drawing.region import has_islands
from pixace.errors import UsageError
from pixace.settings.checks import require_choice
from pixace.settings.drawing import BY_CAPTION, SAID, DrawingSettings
from pixace.settings.seeds import seed_of
from pixace.tokens.palette_names import with_palette

QUALITIES = {"draft": 1, "normal": 4, "better": 8, "best": 16}  # so many candidates


def with_meanings(named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings of a drawing with the values that the words for palette and seed mean.

    Args:
      named: by the names of `DrawingSettings`.

    Raises:
      UsageError: the words mean nothing, or a palette cannot be read.
    """
    values = with_palette(named)
    return {**values, "seed": seed_of(values["seed"])} if "seed" in values else values


def with_candidates(
    named: Mapping[str, Any], quality: str | None, like: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns settings of a drawing with as many candidates as a quality means.

    Where something is said in words, the candidates are judged by them.

    Args:
      named: by the names of `DrawingSettings`.
      quality: one of `QUALITIES`; None means what the settings say.
      like: those of a recipe, which hold where none is named.

    Raises:
      UsageError: there is no such quality, or the candidates are named, too.
    """
    values = {**(like or {}), **named}
    if quality is None:
        return values
    require_choice("quality", quality, tuple(QUALITIES))
    if "best_of" in named:
        raise UsageError("quality and best_of exclude each other; name one of them")
    values["best_of"] = QUALITIES[quality]
    if any(values.get(name) for name in SAID) and "best_of_by" not in named:
        values["best_of_by"] = BY_CAPTION
    return values


def check_quality(quality: str | None, settings: DrawingSettings, kept: np.ndarray) -> None:
    """Checks that there is something by which the best candidate can be told.

    Args:
      quality: as named.
      settings: how to draw.
      kept: bool (L,), which pixels of prompts are kept.

    Raises:
      UsageError: there are neither words nor kept pixels after drawn ones.
    """
    if quality is not None and not settings.text_prompts and not has_islands(kept):
        raise UsageError(
            f"quality={quality} needs what candidates can be judged by: --text, or a --mask with "
            "kept pixels after drawn ones; the likeliest of others is the dullest, see --best_of"
        )
