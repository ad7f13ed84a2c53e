"""Symmetry: which pixels mirror each other, and take the same token.

The first of them is drawn, the others copy it: the picture is exactly symmetric. Nothing is weighed
by how likely that is, as the likeliest symmetric picture is an empty one. What is kept of a prompt
wins: a pixel that mirrors a kept one is known, too, wherever the two stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixace.drawing.prompts import Prompt
from pixace.errors import UsageError
from pixace.settings.drawing import LEFT_RIGHT, TOP_BOTTOM
from pixace.settings.pictures import PictureSettings
from pixace.tokens.order import order_of
from pixace.wording import shown

DRAWN = -1  # in the place of a token, or of the place that a token is copied from

_FLIPS: dict[str, list[Any]] = {
    LEFT_RIGHT: [np.s_[:, ::-1]],
    TOP_BOTTOM: [np.s_[::-1]],
    "both": [np.s_[:, ::-1], np.s_[::-1], np.s_[::-1, ::-1]],
}


def mirror_places(symmetry: str, pictures: PictureSettings) -> np.ndarray:
    """Returns the places in the sequence of each pixel and of those that mirror it, int (M, L).

    The first row holds each pixel's own place. One on an axis mirrors itself.
    """
    order = order_of(pictures)
    places = order.picture(np.arange(pictures.n_pixels))
    flipped = [places[flip] for flip in _FLIPS.get(symmetry, ())]
    return np.stack([order.sequence(picture) for picture in (places, *flipped)])


def also_mirrored(kept: np.ndarray, symmetry: str, pictures: PictureSettings) -> np.ndarray:
    """Returns which pixels are known where these are kept, bool (L,): those that mirror them, too.

    Args:
      kept: bool (L,).
      symmetry: see `DrawingSettings`.
      pictures: of the model.
    """
    return kept[mirror_places(symmetry, pictures)].any(axis=0)


def copied_places(known: np.ndarray, symmetry: str, pictures: PictureSettings) -> np.ndarray:
    """Returns from which place each pixel takes its token, int32 (L,), or DRAWN.

    Args:
      known: bool (L,), those pixels of which none is drawn; with each, all that mirror it.
      symmetry: see `DrawingSettings`.
      pictures: of the model.
    """
    places = mirror_places(symmetry, pictures)
    first = places.min(axis=0)
    return np.where(known | (first == places[0]), DRAWN, first).astype(np.int32)


def with_mirrored(
    known: np.ndarray, symmetry: str, pictures: PictureSettings, names: Sequence[object] = ()
) -> np.ndarray:
    """Returns what is known of pictures, int32 (N, L): those pixels that mirror known ones, too.

    Args:
      known: int32 (N, L), the tokens that are known, and DRAWN elsewhere.
      symmetry: see `DrawingSettings`.
      pictures: of the model.
      names: what the pictures are called, where it is a text; if there are fewer, again from the
        first one.

    Raises:
      UsageError: two known pixels that mirror each other differ.
    """
    places = mirror_places(symmetry, pictures)
    for mirrored in places[1:]:
        other = known[:, mirrored]
        differ = (known != DRAWN) & (other != DRAWN) & (known != other)
        if differ.any():
            row, place = (int(index) for index in np.argwhere(differ)[0])
            name = names[row % len(names)] if names else None
            called = shown(name) if isinstance(name, str) else "a picture"
            at = _where(place, pictures), _where(int(mirrored[place]), pictures)
            raise UsageError(
                f"symmetry={symmetry}: {at[0]} and {at[1]} of {called} are both kept, mirror each "
                "other, and differ; keep one of the two (--keep, --mask, --overlay), or leave "
                "symmetry out"
            )
    return known[:, places].max(axis=1)


def check_symmetry(prompts: Sequence[Prompt], symmetry: str, pictures: PictureSettings) -> None:
    """Checks that what is kept of prompts can be part of symmetric pictures.

    Raises:
      UsageError: see `with_mirrored`.
    """
    for prompt in prompts:
        known = np.where(prompt.kept, prompt.tokens, DRAWN)
        with_mirrored(known[None], symmetry, pictures, [prompt.name])


def _where(place: int, pictures: PictureSettings) -> str:
    """Returns in words where in the picture the pixel of a place in the sequence is."""
    numbers = order_of(pictures).picture(np.arange(pictures.n_pixels))
    row, column = np.argwhere(numbers == place)[0] + 1
    return f"row {row}, column {column}"
