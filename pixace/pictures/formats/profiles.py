"""Colours as a file means them, made those of sRGB, which everything else here takes them for.

An ICC profile is a stranger's program of a kind: LittleCMS, which also browsers use, reads it, no
larger ones than a profile is, and each is looked at once.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from PIL import Image

KEY = "icc_profile"  # in `Image.info`

MAX_BYTES = 4_000_000  # those of printers with many inks have 3 MB
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # what they are called in a profile
_SAME = 2  # of 255: a profile that moves no colour further means sRGB
_STEPS = 9  # levels of each channel that this is tried with
_CLASS_PLACE, _SPACE_PLACE = slice(12, 16), slice(16, 20)
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")  # of devices, and of spaces


def fits(profile: object, mode: str) -> bool:
    """Returns whether a profile can be read, and is one of pictures of a mode.

    Args:
      profile: what a file holds as one.
      mode: Pillow's name of how the file stores its pixels.
    """
    if not isinstance(profile, bytes) or len(profile) > MAX_BYTES:
        return False
    space = _SPACES.get(profile[_SPACE_PLACE].decode("latin-1"))
    if space is None or not _is_of(space, mode):
        return False
    return _conversion(profile, space) is not None


def to_srgb(img: Image.Image) -> Image.Image:
    """Makes the colours of a picture those of sRGB, if its profile says that they are others.

    Args:
      img: a picture of 8 bits per channel.

    Returns:
      The picture itself, where it has no profile, one that means sRGB, or one that is broken; or
      else a picture without profile, in mode RGB or RGBA.
    """
    profile = img.info.get(KEY)
    if profile is None or not fits(profile, img.mode):
        return img
    space = _SPACES[profile[_SPACE_PLACE].decode("latin-1")]
    conversion = _conversion(profile, space)
    assert conversion is not None, "it fits"
    if conversion.means_srgb:
        return img
    alpha = img.convert("RGBA").getchannel("A") if img.has_transparency_data else None
    converted = conversion.apply(img.convert(space))
    if alpha is not None:
        converted.putalpha(alpha)
    converted.info = {
        key: value for key, value in img.info.items() if key not in (KEY, "transparency")
    }
    return converted


def _is_of(space: str, mode: str) -> bool:
    """Returns whether pictures of a mode can have a profile of a space; greys can have two."""
    if mode == "CMYK":
        return space == "CMYK"
    is_grey = mode in ("1", "L", "LA") or mode[0] in "IF"
    return (space == "RGB" and mode != "LAB") or (space == "L" and is_grey)


class _Conversion:
    """What a profile makes of colours.

    Args:
      transform: Pillow's, to sRGB.
      space: the mode of what it is for.

    Attributes:
      means_srgb: whether colours stay what they are.
    """

    def __init__(self, transform: Any, space: str) -> None:
        self._transform = transform
        self.means_srgb = space != "CMYK" and self._moves(space) <= _SAME

    def apply(self, img: Image.Image) -> Image.Image:
        """Returns a picture of the space in sRGB."""
        return self._transform.apply(img)

    def _moves(self, space: str) -> int:
        """Returns how far the furthest of some colours is moved, of 255."""
        levels = np.linspace(0, 255, _STEPS).round().astype(np.uint8)
        tried = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        greys = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
        tried = greys if space == "L" else np.concatenate([tried, greys], axis=1)
        seen = self.apply(Image.fromarray(tried).convert(space))
        return int(np.abs(np.asarray(seen, int) - tried).max())


@functools.lru_cache(maxsize=16)
def _conversion(profile: bytes, space: str) -> _Conversion | None:
    """Returns what a profile does; None where it is broken."""
    from PIL import ImageCms  # some milliseconds that only pictures with a profile should pay

    if profile[_CLASS_PLACE] not in _CLASSES:
        return None
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            space,
            "RGB",
        )
        return _Conversion(transform, space)
    except (OSError, ValueError, TypeError, ImportError, ImageCms.PyCMSError):
        return None
