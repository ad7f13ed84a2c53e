"""Pictures that a drawing uses besides its prompts: masks, sketches and overlays."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from pixace.drawing.painted import Painted
from pixace.drawing.recipe import USED_FILES, Recipe, UsedFile
from pixace.errors import UsageError
from pixace.settings.paths import local_path
from pixace.system.files import file_sha256
from pixace.wording import shown

_log = logging.getLogger(__name__)

PictureSource: TypeAlias = Path | str | Image.Image | Painted


def local_picture(flag: str, source: PictureSource) -> PictureSource:
    """Returns a picture or a painting as it is, and a file as the system calls it.

    Raises:
      UsageError: it is no picture and names none.
    """
    if isinstance(source, Image.Image | Painted):
        return source
    return local_path(flag, source)


def used_as(source: PictureSource, pixels: np.ndarray) -> UsedFile | Painted:
    """Returns what recipes call a picture.

    Args:
      source: a file, a picture, or what was painted.
      pixels: what was made of it.
    """
    if isinstance(source, Painted):
        return source
    if isinstance(source, Image.Image):
        return UsedFile(None, hashlib.sha256(pixels.tobytes()).hexdigest())
    return UsedFile(os.fspath(source), file_sha256(Path(source)))


def file_of_recipe(flag: str, recipe: Recipe, like: Path | str) -> str | Painted | None:
    """Returns a file that a recipe used, with a warning where it has changed; None of none.

    What was painted is in the recipe itself.

    Args:
      flag: one of `USED_FILES`.
      recipe: that used it.
      like: the file that carries the recipe.

    Raises:
      UsageError: it is not here.
    """
    used = getattr(recipe, flag)
    if used is None or isinstance(used, Painted):
        return used
    if used.name is None or not os.path.isfile(used.name):
        what = "a picture without a name" if used.name is None else shown(used.name)
        raise UsageError(
            f"{shown(like)} was drawn with {USED_FILES[flag]}, {what}, which is not here; name it "
            f"with --{flag}"
        )
    if file_sha256(Path(used.name)) != used.sha256:
        _log.warning("%s has changed since: the pictures will differ", shown(used.name))
    return str(used.name)
