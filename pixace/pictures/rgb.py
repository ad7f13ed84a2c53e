"""A picture of any mode to RGB."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
from PIL import Image, ImageColor, ImageOps

_ORIENTATION = 0x0112  # EXIF's tag, and its value for a picture stored upright
_UPRIGHT = 1
_ON_ITS_SIDE = (5, 6, 7, 8)
# Damaged EXIF, which Pillow refuses in many ways, says nothing about the pixels.
_DAMAGED = (SyntaxError, ValueError, LookupError, TypeError, struct.error)
_PIECE = 1 << 20


def to_rgb(img: Image.Image, background: str = "black") -> Image.Image:
    """Converts a picture of any mode to RGB.

    The first frame is used, EXIF orientation applied, transparency composited on `background`,
    and deep greys scaled to eight bits (Pillow's own conversion would clip them to white).

    Returns:
      A picture of mode RGB.
    """
    img.load()
    with contextlib.suppress(*_DAMAGED):
        if img.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT:
            img = ImageOps.exif_transpose(img)
    if img.mode.startswith("I") or img.mode == "F":
        img = _deep_grey_to_8_bits(img)
    if img.has_transparency_data:
        canvas = Image.new("RGBA", img.size, (*ImageColor.getrgb(background)[:3], 255))
        canvas.alpha_composite(img.convert("RGBA"))
        img = canvas
    return img.convert("RGB")


def lies_on_its_side(img: Image.Image) -> bool:
    """Returns whether turning a picture upright swaps its width and its height."""
    with contextlib.suppress(*_DAMAGED):
        return img.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
    return False


def _deep_grey_to_8_bits(img: Image.Image) -> Image.Image:
    """Scales 16-bit, 32-bit and floating-point greys to mode L.

    A 16-bit picture is white at 65535. The other two modes do not say what their white is: the
    smallest of 1 (floats only), 255 and 65535 that holds every pixel is taken.
    """
    grey = np.asarray(img)
    # In pieces: eight bytes for each pixel, several times over, are too many for all at once.
    pieces = np.array_split(grey.reshape(-1), grey.size // _PIECE + 1)
    peak = max(float(np.max(_finite(piece), initial=0.0)) for piece in pieces)
    whites = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(img.mode, (65535.0,))
    white = next((white for white in whites if peak <= white), peak)
    levels = [
        np.round(np.clip(_finite(piece) / white, 0, 1) * 255).astype(np.uint8) for piece in pieces
    ]
    return Image.fromarray(np.concatenate(levels).reshape(grey.shape))


def _finite(grey: np.ndarray) -> np.ndarray:
    """Returns float64 values, without those that are no numbers."""
    return np.nan_to_num(grey.astype(np.float64))
