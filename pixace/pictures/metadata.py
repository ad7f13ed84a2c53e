"""Text inside a picture's file, in each format's own way."""

from __future__ import annotations

from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

RECIPE_KEY = "pixace"  # in `Image.info`, and of PNG's text chunk
CARRIERS = ("PNG", "JPEG", "WEBP", "GIF")  # Pillow's names of the formats that can hold a recipe

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_ASCII = b"ASCII\0\0\0"  # how EXIF marks the alphabet of a comment


def saving_options(text: str, picture_format: str) -> dict[str, Any]:
    """Returns the options with which Pillow saves a recipe inside a picture.

    Args:
      text: the recipe.
      picture_format: Pillow's name of the format; one that is none of `CARRIERS` gets no option.
    """
    if picture_format == "PNG":
        chunk = PngInfo()
        chunk.add_text(RECIPE_KEY, text)
        return {"pnginfo": chunk}
    if picture_format in ("JPEG", "WEBP"):
        exif = Image.Exif()
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII + text.encode("ascii")
        return {"exif": exif}
    return {"comment": text.encode("ascii")} if picture_format == "GIF" else {}


def is_drawn(picture: Image.Image) -> bool:
    """Returns whether a picture carries a text that may be a recipe, as PNG or in memory."""
    return isinstance(picture.info.get(RECIPE_KEY), str)


def text_inside(picture: Image.Image) -> str | None:
    """Returns the text that may be a recipe, None where a picture carries none."""
    if picture.format == "PNG":
        text = picture.info.get(RECIPE_KEY)
        return text if isinstance(text, str) else None
    if picture.format == "GIF":
        comment = picture.info.get("comment")
    else:
        comment = picture.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if not isinstance(comment, bytes):
        return None
    # A comment may be anybody's: only what starts as a recipe does is taken for one.
    text = comment.removeprefix(_ASCII).decode("ascii", "replace")
    return text if text.startswith("{") else None
