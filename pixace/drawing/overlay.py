"""An overlay: what is painted over every picture of a drawing, and stays as it is."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.drawing.painted import Painted
from pixace.drawing.prompts import Prompt
from pixace.drawing.recipe import UsedFile
from pixace.drawing.used_files import PictureSource, local_picture, used_as
from pixace.pictures.fitting import fitted
from pixace.pictures.reading import read_image
from pixace.pictures.rgb import OPAQUE
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.reading import tokens_of_each
from pixace.tokens.vocabulary import PAD_ID
from pixace.wording import shown

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Overlay:
    """What to keep in each picture.

    Attributes:
      used: the file, as recipes name it, or what was painted.
      tokens: int32 (L,), of its pixels.
      kept: bool (L,), where it is opaque; what is elsewhere is no matter.
    """

    used: UsedFile | Painted
    tokens: np.ndarray
    kept: np.ndarray

    def over(self, tokens: np.ndarray) -> np.ndarray:
        """Returns pictures, int32 (..., L), with the overlay on top."""
        return np.where(self.kept, self.tokens, tokens)

    def over_prompts(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """Returns prompts with the overlay on top."""
        return [dataclasses.replace(each, tokens=self.over(each.tokens)) for each in prompts]

    def as_prompt(self) -> Prompt:
        """Returns the overlay as what pictures complete that have no prompt."""
        name = self.used if isinstance(self.used, Painted) else self.used.name
        return Prompt(name, self.tokens, self.kept)


def open_overlay(source: PictureSource, pictures: PictureSettings) -> Overlay:
    """Reads an overlay: what is opaque is kept; a pixel is what it is nearer to.

    A pixel that is kept has its own colour, also where something would shine through.

    Args:
      source: a file, or a picture, of any size; or the tokens that were painted, and PAD_ID where
        nothing was.
      pictures: of the model that draws the rest.

    Raises:
      UsageError: it is no picture and names none.
      ImageError: it cannot be read.
    """
    source = local_picture("overlay", source)
    if isinstance(source, Painted):
        numbers = source.sequence(pictures, codec_of(pictures).n_tokens)
        return Overlay(source, numbers, numbers != PAD_ID)
    of_alpha = dataclasses.replace(pictures, alpha=True)
    if isinstance(source, Image.Image):
        picture = fitted(source, of_alpha)
    else:
        picture = read_image(source, lambda img: fitted(img, of_alpha))
    is_opaque = np.asarray(picture)[..., 3] >= OPAQUE
    if is_opaque.all() or not is_opaque.any():
        name = "the overlay" if isinstance(source, Image.Image) else shown(source)
        what = "opaque: it leaves nothing to draw" if is_opaque.all() else "transparent"
        _log.warning("%s: all of it is %s", name, what)
    (tokens,) = tokens_of_each([picture if pictures.alpha else picture.convert("RGB")], pictures)
    used = used_as(source, np.asarray(picture))
    return Overlay(used, tokens, order_of(pictures).sequence(is_opaque))
