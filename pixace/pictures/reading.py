"""Opening images safely, making them plain RGB."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pixace.errors import ImageError
from pixace.pictures.fitting import drafted, fitted
from pixace.pictures.formats import png_colours, profiles
from pixace.pictures.formats.decoding_limits import (
    MAX_FILE_BYTES,
    MAX_JPEG_PIXELS,
    MAX_PIXELS,
    LimitedReader,
    PixelAllowance,
    RefusedError,
    check_scans,
    check_tiff,
)
from pixace.pictures.formats.jpeg import JpegFile
from pixace.pictures.formats.opening import damage, opened
from pixace.pictures.rgb import to_rgb
from pixace.settings.pictures import PictureSettings
from pixace.system.reading import open_regular
from pixace.wording import shown

_log = logging.getLogger(__name__)

_allowance = PixelAllowance(2 * MAX_PIXELS)

T = TypeVar("T")


def open_image(
    source: Path | str, background: str = "black", *, allow_private_urls: bool = False
) -> Image.Image:
    """Reads an image file or an http(s) URL as plain RGB, in its own size.

    Args:
      source: a path, or a URL.
      background: colour behind transparent pixels.
      allow_private_urls: fetch also from this machine and its own network.

    Returns:
      The first frame, upright, in mode RGB; a JPEG of more than MAX_PIXELS is scaled below that.

    Raises:
      ImageError: it cannot be fetched or read; the message names it.
    """
    return _read(source, lambda img: to_rgb(img, background), allow_private_urls)


def open_fitted(
    source: Path | str, pictures: PictureSettings, *, allow_private_urls: bool = False
) -> Image.Image:
    """Reads an image file or an http(s) URL as `fitted` makes it.

    Of a large JPEG not all is decoded, see `drafted`.

    Args:
      source: see `open_image`.
      pictures: see `fitted`.
      allow_private_urls: see `open_image`.

    Raises:
      ImageError: see `open_image`.
    """
    return _read(source, lambda img: fitted(drafted(img, pictures), pictures), allow_private_urls)


def _read(source: Path | str, work: Callable[[Image.Image], T], allow_private_urls: bool) -> T:
    """Does the work of `read_image` on a file or on what a server sends."""
    if is_url(source):
        return _read_url(str(source), work, allow_private_urls)
    return read_image(source, work)


def read_image(source: Path | str, work: Callable[[Image.Image], T], *, besides: int = 0) -> T:
    """Opens an image file safely, and returns what `work` makes of it.

    Args:
      source: its path.
      work: gets the picture in its own mode, not yet decoded.
      besides: pixels that the work has in memory beside the file's own, at most MAX_PIXELS.

    Raises:
      ImageError: it cannot be read, is of no supported format, damaged, or larger than MAX_PIXELS;
        the message names it.
    """
    try:
        with open(open_regular(source), "rb", buffering=0) as file:
            n_bytes = os.fstat(file.fileno()).st_size
            if n_bytes > MAX_FILE_BYTES:
                raise ImageError(
                    f"{shown(source)}: {n_bytes:,} bytes are more than the "
                    f"{MAX_FILE_BYTES // 10**6} million allowed"
                )
            return _decode(file, shown(source), work, besides)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{shown(source)}: {reason}") from None


def is_url(source: object) -> bool:
    """Returns whether a prompt is to be fetched instead of opened."""
    return str(source).lower().startswith(("http://", "https://"))


def _read_url(url: str, work: Callable[[Image.Image], T], allow_private_urls: bool) -> T:
    """Does the work of `read_image` on what a server sends."""
    # Some 0.1 s that only prompts from the web should pay.
    from pixace.web.addresses import is_any, is_public
    from pixace.web.prompt import fetch

    fetched = fetch(url, allowed=is_any if allow_private_urls else is_public)
    try:
        return _decode(io.BytesIO(fetched.body), shown(url), work)
    except ImageError as error:
        if not fetched.kind or fetched.kind.startswith("image/"):
            raise
        raise ImageError(f"{error}; the server calls it {fetched.kind}") from None


def _decode(
    file: io.RawIOBase | io.BytesIO,
    name: str,
    work: Callable[[Image.Image], T],
    besides: int = 0,
) -> T:
    """Does the work of `read_image` on an open file, which messages call `name`."""
    _log.debug("opening %s", name)
    with (
        reasons_named(name),
        LimitedReader(file) as reader,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # Pillow warns of oddities that do not matter here
        img = opened(reader)
        _check_pixels(img, name)
        if isinstance(img, TiffImageFile):
            check_tiff(img)
            reader.let_twice_the_file_follow()
        else:
            reader.let_pixels_follow()
        n_pixels = img.width * img.height
        if isinstance(img, JpegFile):
            check_scans(reader, n_pixels)
        _check_profile(img, name)
        # What an AVIF decodes may be larger than what it says of itself: two of them at a time.
        n_taken = MAX_PIXELS if isinstance(img, AvifImageFile) else min(n_pixels, MAX_PIXELS)
        with _allowance.taking(n_taken + besides), reasons_named(name, img.format):
            return work(img)


def _check_pixels(img: Image.Image, name: str) -> None:
    """Refuses a picture of too many pixels.

    Raises:
      ImageError: it has more than MAX_PIXELS, or as a JPEG that can be decoded in part, more than
        MAX_JPEG_PIXELS.
    """
    is_scaled = isinstance(img, JpegFile) and bool(img.quantization)  # a lossless one cannot be
    most = MAX_JPEG_PIXELS if is_scaled else MAX_PIXELS
    if img.width * img.height > most:
        raise ImageError(
            f"{name}: {img.width}x{img.height} pixels are more than the "
            f"{most // 10**6} million allowed"
        )


def _check_profile(img: Image.Image, name: str) -> None:
    """Leaves out a colour profile that is broken, and takes what a PNG says of its colours for one.

    It costs nobody the picture, which is then shown as one without.
    """
    profile = img.info.get(profiles.KEY)
    if img.format == "PNG" and (profile is None or "cicp" in img.info):
        profile = png_colours.profile_of(img.info) or profile
    if profile is None:
        return
    if profiles.fits(profile, img.mode):
        img.info[profiles.KEY] = profile
    else:
        img.info.pop(profiles.KEY, None)
        _log.debug("%s: its colour profile is broken, or not of such a picture: ignored", name)


@contextlib.contextmanager
def reasons_named(name: str, kind: str | None = None) -> Iterator[None]:
    """Makes one line of whatever a decoder raises, which begins with the name of the picture.

    Args:
      name: of the picture.
      kind: its format's name, if that is known.

    Raises:
      ImageError: something was raised.
    """
    try:
        yield
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{name}: not enough memory to decode it") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        is_told = isinstance(error, RefusedError | Image.DecompressionBombError)
        if kind is not None and not is_told and getattr(error, "errno", None) is None:
            reason = damage(kind, error)
        raise ImageError(f"{name}: {reason or type(error).__name__}") from None
