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


def with_meanings(
    named: Mapping[str, Any], like: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns settings of a drawing with the values that words for some of them mean.

    A quality means a number of candidates, which words judge where something is said by them.

    Args:
      named: by the names of `DrawingSettings`, and perhaps `quality`, one of `QUALITIES`.
      like: those of a recipe, which hold where none is named.

    Raises:
      UsageError: words mean nothing, a palette cannot be read, or a quality and its meaning are
        both named.
    """
    own = with_palette(named)
    if "seed" in own:
        own["seed"] = seed_of(own["seed"])
    quality = own.pop("quality", None)
    values = {**(like or {}), **own}
    if quality is None:
        return values
    require_choice("quality", quality, tuple(QUALITIES))
    if "best_of" in own:
        raise UsageError("quality and best_of exclude each other; name one of them")
    values["best_of"] = QUALITIES[quality]
    if any(values.get(name) for name in SAID) and "best_of_by" not in own:
        values["best_of_by"] = BY_CAPTION
    return values


def check_quality(named: Mapping[str, Any], settings: DrawingSettings, kept: np.ndarray) -> None:
    """Checks that, where a quality is named, there is something to tell the best candidate by.

    Args:
      named: as for `with_meanings`.
      settings: what it means.
      kept: bool (L,), which pixels of prompts are kept.

    Raises:
      UsageError: there are neither words nor kept pixels after drawn ones.
    """
    quality = named.get("quality")
    if quality is not None and not settings.text_prompts and not has_islands(kept):
        raise UsageError(
            f"quality={quality} needs what candidates can be judged by: --text, or kept pixels "
            "after drawn ones, by --mask, --keep or --overlay; the likeliest of others is the "
            "dullest, see --best_of"
        )
