"""A picture of any mode to RGB, or to RGBA."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

from pixace.pictures.formats.orientation import turned
from pixace.pictures.formats.profiles import to_srgb

OPAQUE = 128  # least alpha of a pixel that has a colour, where it has one or is transparent

_PIECE = 1 << 20
_SQUARE, _GREYS = 2, (120, 150)  # pixels of a square's edge; light and dark around it are a page's


def to_rgb(img: Image.Image, background: str = "black") -> Image.Image:
    """Converts a picture of any mode to RGB.

    The first frame is used, EXIF orientation and colour profile applied, transparency composited on
    `background`, and deep greys scaled to eight bits (Pillow's own conversion would clip them to
    white).

    Returns:
      A picture of mode RGB.
    """
    img = _eight_bits(img)
    return on_background(img, background) if img.has_transparency_data else img.convert("RGB")


def to_rgba(img: Image.Image) -> Image.Image:
    """Converts a picture of any mode to RGBA, as `to_rgb` does but for what is transparent."""
    img = _eight_bits(img)
    return (img if img.has_transparency_data else img.convert("RGB")).convert("RGBA")


def on_background(img: Image.Image, background: str) -> Image.Image:
    """Composites a picture that has transparency on a colour; returns RGB."""
    canvas = Image.new("RGBA", img.size, (*ImageColor.getrgb(background)[:3], 255))
    canvas.alpha_composite(img.convert("RGBA"))
    return canvas.convert("RGB")


def on_chequers(img: Image.Image) -> Image.Image:
    """Makes it seen what is transparent, on squares in two greys, as drawing programs do.

    Args:
      img: in a mode that may have transparency; what is nearly transparent counts as that.

    Returns:
      A picture of mode RGB.
    """
    pixels = np.asarray(img.convert("RGBA"))
    rows, columns = np.indices(pixels.shape[:2]) // _SQUARE
    greys = np.where((rows + columns) % 2, *_GREYS).astype(np.uint8)[..., None]
    return Image.fromarray(np.where(pixels[..., 3:] < OPAQUE, greys, pixels[..., :3]))


def _eight_bits(img: Image.Image) -> Image.Image:
    """Decodes a picture, turns it upright, and makes it one of eight bits and of sRGB."""
    img = upright(img)
    if img.mode.startswith("I") or img.mode == "F":
        img = _deep_grey_to_8_bits(img)
    return to_srgb(img)


def upright(img: Image.Image) -> Image.Image:
    """Decodes a picture, and turns it as its EXIF says."""
    img.load()
    return turned(img)


def _deep_grey_to_8_bits(img: Image.Image) -> Image.Image:
    """Scales 16-bit, 32-bit and floating-point greys to mode L, or LA if one is transparent.

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
    plain = Image.fromarray(np.concatenate(levels).reshape(grey.shape))
    if (clear := img.info.get("transparency")) is not None:
        alpha = Image.fromarray(np.where(grey == clear, 0, 255).astype(np.uint8))
        plain = Image.merge("LA", (plain, alpha))
    plain.info = {key: value for key, value in img.info.items() if key != "transparency"}
    return plain


def _finite(grey: np.ndarray) -> np.ndarray:
    """Returns float64 values, without those that are no numbers."""
    return np.nan_to_num(grey.astype(np.float64))
