"""Which decoder reads a file, told by its first bytes, and what a file is that none reads."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

# Each of these registers its format with Pillow, which otherwise loads them one by one on demand.
from PIL import AvifImagePlugin as _avif  # noqa: F401
from PIL import BmpImagePlugin as _bmp  # noqa: F401
from PIL import GifImagePlugin as _gif  # noqa: F401
from PIL import Image
from PIL import JpegImagePlugin as _jpeg  # noqa: F401
from PIL import PngImagePlugin as _png  # noqa: F401
from PIL import TiffImagePlugin as _tiff  # noqa: F401
from PIL import WebPImagePlugin as _webp
from PIL.ImageFile import ImageFile

from pixace.pictures.formats.avif import AvifFile
from pixace.pictures.formats.bmp import BmpFile, DibFile
from pixace.pictures.formats.decoding_limits import LimitedReader, RefusedError
from pixace.pictures.formats.gif import GifFile
from pixace.pictures.formats.jpeg import JpegFile
from pixace.pictures.formats.png import PngFile
from pixace.pictures.formats.suffixes import SUFFIXES
from pixace.pictures.formats.tiff import TiffFile

# Only these decoders ever see a file, whatever its name claims: Pillow knows others that start
# foreign programs (EPS) or that nobody needs here.
_DECODERS: dict[str, Callable[[LimitedReader], ImageFile]] = {
    "JPEG": JpegFile,
    "PNG": PngFile,
    "WEBP": _webp.WebPImageFile,
    "BMP": BmpFile,
    "DIB": DibFile,
    "GIF": GifFile,
    "TIFF": TiffFile,
    "AVIF": AvifFile,
}
_UNSURE = ("DIB",)  # whose first bytes may be those of other files, too
_N_FIRST = 4096  # bytes that tell what a file is
_N_ACCEPTED = 16  # of which Pillow wants to know
_ANEW = "copy or download it anew"

_STARTS = {  # of what people take for images, or get instead of them
    "a HEIC picture": rb".{4}ftyp.{0,64}?(hei[cxms]|hev[cxms])",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a video": rb".{4}ftyp(?!avi[fs]|m[is]f1)|\x1a\x45\xdf\xa3|RIFF.{4}AVI ",
    "a picture of Photoshop": rb"8BPS",
    "a picture of GIMP": rb"gimp xcf",
    "an SVG picture": rb"(?>\s+|<\?xml[^>]*>|<!--.{0,2000}?-->|<!DOCTYPE svg[^>]*>)*+<svg\b",
    "a web page": rb"(?i)(\xef\xbb\xbf)?(?>\s+|<!--.{0,2000}?-->)*+(<!doctype html|<html)",
    "a text in XML": rb"(\xef\xbb\xbf)?\s*<\?xml\b",
    "a picture of icons": rb"\0\0[\1\2]\0",
    "a PDF": rb"%PDF-",
    "an archive": rb"PK[\3\5]|\x1f\x8b|BZh|\xfd7zXZ\0|7z\xbc\xaf|Rar!",
    "a pointer of Git LFS": rb"version https://git-lfs",
}
_KINDS = [(name, re.compile(start, re.DOTALL)) for name, start in _STARTS.items()]
_PNG_AS_TEXT = re.compile(rb"\x89PNG(?!\r\n\x1a\n)|(\xc2\x89|\xef\xbf\xbd|\t)PNG\r?\n")
_NOT_DAMAGED = re.compile(r"unsupported|cannot handle|not yet supported|unknown pixel mode", re.I)


def opened(reader: LimitedReader) -> ImageFile:
    """Opens an image, without decoding it.

    Args:
      reader: the file, at its start.

    Raises:
      RefusedError: it is damaged, or of another kind; the message says which.
      OSError: it cannot be read.
    """
    prefix = reader.read(_N_ACCEPTED)
    for kind, decoder in _DECODERS.items():
        if not _is_accepted(kind, prefix):
            continue
        reader.seek(0)
        try:
            return decoder(reader)
        except (RefusedError, MemoryError, Image.DecompressionBombError):
            raise
        except Exception as error:  # decoders of damaged files raise nearly anything
            if getattr(error, "errno", None) is not None:
                raise
            problem = _other_kind(reader) or (None if kind in _UNSURE else damage(kind, error))
            raise RefusedError(problem or _unknown()) from None
    raise RefusedError(_other_kind(reader) or _unknown())


def _is_accepted(kind: str, prefix: bytes) -> bool:
    """Returns whether a file that begins so is for the decoder of a format."""
    _, accepts = Image.OPEN.get(kind, (None, None))
    try:  # it may also return a text, which says that the format is not supported
        return accepts is not None and accepts(prefix) is True
    except struct.error:  # of too few bytes
        return False


def damage(kind: str, error: Exception) -> str:
    """Says what is wrong with an image.

    Args:
      kind: its format's name.
      error: what its decoder has raised.
    """
    reason = str(error).split("\n")[0] or type(error).__name__
    if isinstance(error.__cause__ or error, struct.error):
        reason = "cut short"
    elif reason == "not identified by this driver":
        reason = "what it says of itself makes no sense"
    if _NOT_DAMAGED.search(reason):
        return f"a {kind} of a rare kind, which is not read ({reason}); save it as PNG"
    return f"damaged {kind}: {reason}"


def _unknown() -> str:
    return f"not an image of a known kind ({', '.join(suffix[1:] for suffix in SUFFIXES)})"


def _other_kind(reader: LimitedReader) -> str | None:
    """Says what a file is that is no image of a known kind; None where that is not known."""
    reader.seek(0)
    first = reader.read(_N_FIRST)
    if not first:
        return f"empty, a file of 0 bytes; {_ANEW}"
    if _PNG_AS_TEXT.match(first):
        return f"damaged PNG: changed on its way by a program that took it for text; {_ANEW}"
    if not first.strip(b"\0"):
        return f"damaged: nothing but zeros at its beginning; {_ANEW}"
    for name, start in _KINDS:
        if start.match(first):
            advice = "; save it as PNG" if "picture" in name else ""
            return f"{name}, which is {_unknown()}{advice}"
    return None
