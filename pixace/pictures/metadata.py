"""Text inside a picture's file, in each format's own way."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pixace.errors import ImageError, PixaceError
from pixace.pictures.formats.decoding_limits import MAX_FILE_BYTES, LimitedReader
from pixace.system.reading import IrregularFileError, open_regular
from pixace.wording import shown

RECIPE_KEY = "pixace"  # in `Image.info`, and of PNG's text chunk
CARRIERS = ("PNG", "JPEG", "WEBP", "GIF")  # Pillow's names of the formats that can hold a recipe

SOFTWARE_KEY = "Software"  # of PNG's text chunk that names the program
SOFTWARE = "pixace"

_EXIF_IFD, _USER_COMMENT, _SOFTWARE_TAG = 0x8769, 0x9286, 0x0131
_ASCII = b"ASCII\0\0\0"  # how EXIF marks the alphabet of a comment

T = TypeVar("T")


def saving_options(text: str | None, picture_format: str) -> dict[str, Any]:
    """Returns the options with which Pillow saves a recipe inside a picture.

    Args:
      text: the recipe; in the place of None stands the name of the program, by which its work is
        known where there is nothing to be drawn again.
      picture_format: Pillow's name of the format; one that is none of `CARRIERS` gets no option.
    """
    if picture_format == "PNG":
        chunk = PngInfo()
        chunk.add_text(*((SOFTWARE_KEY, SOFTWARE) if text is None else (RECIPE_KEY, text)))
        return {"pnginfo": chunk}
    if picture_format in ("JPEG", "WEBP"):
        exif = Image.Exif()
        if text is None:
            exif[_SOFTWARE_TAG] = SOFTWARE
        else:
            exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII + text.encode("ascii")
        return {"exif": exif}
    return {"comment": (text or SOFTWARE).encode("ascii")} if picture_format == "GIF" else {}


def look_inside(path: str | os.PathLike[str], work: Callable[[Image.Image], T]) -> T:
    """Returns what `work` makes of a picture's file of which no pixel is decoded.

    Args:
      path: the file; may be a stranger's.
      work: gets the picture.

    Raises:
      ImageError: it cannot be read, or its format is none of `CARRIERS`.
    """
    name = shown(path)
    try:
        with (
            open(open_regular(path), "rb", buffering=0) as raw,
            LimitedReader(raw) as file,
            warnings.catch_warnings(),
        ):
            if os.fstat(raw.fileno()).st_size > MAX_FILE_BYTES:
                raise ImageError(f"{name}: not a picture's file")
            warnings.simplefilter("ignore")  # of large pictures: this one is not decoded
            return work(Image.open(file, formats=CARRIERS))
    except PixaceError:
        raise
    except IrregularFileError:
        raise ImageError(f"{name}: not a picture's file") from None
    except (Image.UnidentifiedImageError, Image.DecompressionBombError):
        raise ImageError(f"{name}: not a PNG, JPEG, WebP or GIF that pixace drew") from None
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(f"{name}: damaged ({type(error).__name__})") from None


def is_drawn(picture: Image.Image) -> bool:
    """Returns whether a picture carries a text that may be a recipe, as PNG or in memory."""
    return isinstance(picture.info.get(RECIPE_KEY), str)


def is_marked(picture: Image.Image) -> bool:
    """Returns whether a picture's file says that pixace made it, without a recipe."""
    if picture.format == "PNG":
        return picture.info.get(SOFTWARE_KEY) == SOFTWARE
    if picture.format == "GIF":
        return picture.info.get("comment") == SOFTWARE.encode()
    return picture.getexif().get(_SOFTWARE_TAG) == SOFTWARE


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
