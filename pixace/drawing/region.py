"""Which pixels of prompts are kept, and which are drawn: by a cut, by a side, or by a mask."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from pixace.drawing.overlay import Overlay
from pixace.drawing.painted import Painted
from pixace.drawing.recipe import UsedFile
from pixace.drawing.symmetry import also_mirrored
from pixace.drawing.used_files import PictureSource, local_picture, used_as
from pixace.errors import UsageError
from pixace.pictures.fitting import fitted_mask
from pixace.pictures.reading import read_image
from pixace.settings.checks import require_int
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.settings.sweep import frames_of
from pixace.tokens.order import order_of


@dataclasses.dataclass(frozen=True, eq=False)
class Mask:
    """What to draw of each prompt.

    Attributes:
      used: the file, as recipes name it, or what was painted.
      is_drawn: bool (H, W): where it is white or transparent.
    """

    used: UsedFile | Painted
    is_drawn: np.ndarray


def open_mask(source: PictureSource, pictures: PictureSettings) -> Mask:
    """Reads a mask: white or transparent is drawn, black is kept; a grey is what it is nearer to.

    Args:
      source: a file, or a picture; of any size, which is scaled to the nearest pixel. Or what was
        painted: 1 for each pixel to be drawn.
      pictures: what prompts are to the model that completes them.

    Raises:
      UsageError: it is no picture and names none.
      ImageError: it cannot be read.
    """
    source = local_picture("mask", source)
    if isinstance(source, Painted):
        return Mask(source, source.numbers(pictures.n_pixels, 2).reshape(pictures.shape) > 0)
    if isinstance(source, Image.Image):
        is_drawn = _is_white(source, pictures)
    else:
        is_drawn = read_image(source, lambda img: _is_white(img, pictures))
    return Mask(used_as(source, is_drawn), is_drawn)


def _is_white(img: Image.Image, pictures: PictureSettings) -> np.ndarray:
    return np.asarray(fitted_mask(img, pictures)) > 0


def kept_of_prompts(
    settings: DrawingSettings,
    pictures: PictureSettings,
    n_prompts: int,
    mask: Mask | None = None,
    overlay: Overlay | None = None,
) -> np.ndarray:
    """Returns which pixels are kept of each prompt, and of what lies over them, bool (L,).

    Where there is neither, none are.

    Args:
      settings: how to draw.
      pictures: of the model.
      n_prompts: how many prompts there are.
      mask: what to draw of them; None goes by the settings.
      overlay: what is kept whatever these say, also where there is no prompt.

    Raises:
      UsageError: what is kept is said twice, or without a prompt, or there is not so much; or
        there are particles, and nothing that weighs them.
    """
    frames = frames_of(settings, pictures.n_pixels)
    cuts = [frame.cut for frame in frames if frame.cut is not None]
    for cut in cuts:
        require_int("cut", cut, 0, pictures.n_pixels)
    # What a sweep keeps in each of its pictures.
    settings = dataclasses.replace(frames[0], cut=min(cuts, default=None))
    named = {"cut": settings.cut, "keep": settings.keep, "mask": mask}
    said = [name for name, value in named.items() if value is not None]
    if len(said) > 1:
        raise UsageError(f"{said[0]} and {said[1]} exclude each other; name one of them")
    if said and not n_prompts:
        raise UsageError(f"{said[0]} needs a prompt to keep pixels of")
    kept = _kept(settings, pictures, n_prompts, mask)
    if overlay is not None:
        kept = kept | overlay.kept
    known = also_mirrored(kept, settings.symmetry, pictures)
    if (settings.particles or 1) > 1 and not has_islands(known):
        hint = "see --mask, --keep and --overlay"
        if settings.keep is not None:  # a side that comes first
            hint = f"keep={settings.keep} needs none of them"
        raise UsageError(
            "particles are weighed by kept pixels that come after drawn ones, and here none do; "
            + hint
        )
    return kept


def _kept(
    settings: DrawingSettings, pictures: PictureSettings, n_prompts: int, mask: Mask | None
) -> np.ndarray:
    """Does the work of `kept_of_prompts` where all is said once."""
    order = order_of(pictures)
    side = settings.kept_side(pictures.shape)
    if mask is not None:
        return order.sequence(~mask.is_drawn)
    if side is not None and n_prompts:
        kept = np.zeros(pictures.shape, bool)
        kept[side] = True
        return order.sequence(kept)
    half = pictures.n_pixels // 2 if n_prompts else 0
    return np.arange(pictures.n_pixels) < (half if settings.cut is None else settings.cut)


def has_islands(kept: np.ndarray) -> bool:
    """Returns whether a pixel is kept, bool (L,), that comes after one that is drawn."""
    return bool((kept[1:] & ~kept[:-1]).any())
