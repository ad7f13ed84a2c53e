"""Which files are pixace's own work: pictures that it has made, and the folders of its models.

They lie where people work, often below the very folder of images that is read next.
"""

from __future__ import annotations

import enum
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pixace.errors import ImageError, UsageError
from pixace.pictures.metadata import is_marked, look_inside, text_inside
from pixace.settings.pictures import size_of
from pixace.system.reading import read_small

MODEL_PICTURES = "pictures/"  # in a model's folder: what its training has drawn

_WEIGHTS = re.compile(r"model(-\d{5,})?\.pkl\.gz")
_SETTINGS = "config.json"
_ALWAYS_SET, _COLOURS = {"model_type", "image_size"}, {"bitdepth", "colours"}  # of every model
_MAX_SETTINGS_BYTES = 1 << 16

_HEAD_BYTES = 2048  # in which a text stands that pixace has put into a file
_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_IN_RECIPES = {"checkpoint", "sha256", "config", "drawing"}


class Made(enum.Enum):
    """What a file is to pixace."""

    NOT = enum.auto()  # somebody else's
    NATIVE = enum.auto()  # one picture that a model drew, pixel by pixel as it drew it
    COMPOSED = enum.auto()  # a collage, sheet, film, table or plot


def made_by_pixace(path: bytes | str | os.PathLike[str]) -> Made:
    """Returns whether a picture's file says that pixace has made it.

    Of files that do not seem to, no more than the first few kilobytes are read.
    """
    if not _may_be_made(path):
        return Made.NOT
    try:
        return look_inside(os.fsdecode(path), _kind_of)
    except ImageError:
        return Made.NOT


def is_model_folder(path: str, names: Collection[str]) -> bool:
    """Returns whether a folder is a model's: it holds weights, or the settings of a model.

    Args:
      path: the folder.
      names: what is in it.
    """
    if any(map(_WEIGHTS.fullmatch, names)):
        return True
    if _SETTINGS not in names:
        return False
    try:
        values = json.loads(read_small(Path(path, _SETTINGS), _MAX_SETTINGS_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    # Others' models have settings of that name, too; what they do not have are colours.
    return (
        isinstance(values, dict)
        and values.keys() >= _ALWAYS_SET
        and not values.keys().isdisjoint(_COLOURS)
    )


def _may_be_made(path: bytes | str | os.PathLike[str]) -> bool:
    """Returns whether it is worth while to look inside a file.

    This is done for each image of a folder at each start: it takes a tenth of what `open` would.
    """
    try:
        descriptor = os.open(path, _WITHOUT_WAITING)
    except (OSError, ValueError):  # which reading it will tell
        return False
    try:
        head = os.read(descriptor, _HEAD_BYTES)
    except OSError:  # as of a folder
        return False
    finally:
        os.close(descriptor)
    start = head[:4]
    if start == b"\x89PNG":
        return b"tEXtpixace\0" in head or b"tEXtSoftware\0pixace" in head
    if start[:3] == b"\xff\xd8\xff":
        return b"ASCII\0\0\0{" in head or b"pixace\0" in head
    if start == b"RIFF":  # a WebP's text stands at its end; a flag says whether there is one
        return head[12:16] == b"VP8X" and bool(head[20:21]) and bool(head[20] & 8)
    return start == b"GIF8" and b"!\xfe" in head


def _kind_of(picture: Image.Image) -> Made:
    if is_marked(picture):
        return Made.COMPOSED
    try:
        recipe = json.loads(text_inside(picture) or "")
    except (ValueError, RecursionError):
        return Made.NOT
    if not (isinstance(recipe, dict) and recipe.keys() >= _IN_RECIPES):
        return Made.NOT
    is_native = picture.format == "PNG" and picture.size == _native_size(recipe)
    return Made.NATIVE if is_native else Made.COMPOSED


def _native_size(recipe: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns width and height of a single picture drawn by a recipe; None if it tells none."""
    try:
        width, height = size_of(recipe["config"]["image_size"])
        scale = str(recipe["drawing"].get("scale"))
        times = int(scale[:-1]) if scale.endswith("x") else 1
    except (AttributeError, LookupError, TypeError, ValueError, UsageError):
        return None
    return width * times, height * times
