"""Finding images, opening them safely, making them plain RGB."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

import numpy as np

# Each of these registers its format with Pillow, which otherwise loads them one by one on demand
# and does not know the names in FORMATS before that.
from PIL import BmpImagePlugin as _bmp  # noqa: F401
from PIL import GifImagePlugin as _gif  # noqa: F401
from PIL import Image, ImageColor, ImageOps
from PIL import JpegImagePlugin as _jpeg
from PIL import PngImagePlugin as _png  # noqa: F401
from PIL import WebPImagePlugin as _webp  # noqa: F401

from pixace.decoding_limits import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    LimitedReader,
    PixelAllowance,
    check_scans,
)
from pixace.errors import ImageError, shown
from pixace.values import require_path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
# Only these decoders ever see a file, whatever its name claims: Pillow knows others that start
# foreign programs (EPS) or that nobody needs here.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")
_ORIENTATION = 0x0112  # EXIF's tag, and its value for a picture stored upright
_UPRIGHT = 1
_PIECE = 1 << 20
# A JPEG is decoded at a half, a quarter or an eighth of its width and height, if that leaves so
# many times what is asked for. With less to spare, one sees in a photograph that it was done.
_SPARE = 8
_allowance = PixelAllowance(2 * MAX_PIXELS)

T = TypeVar("T")


class ImagePaths(Sequence[Path]):
    """The image files of one folder: a million of them in some 40 MB.

    As a list of paths they would take ten times that. Here their names lie in one piece, and a
    path is made when it is asked for.

    Args:
      folder: the top folder.
      names: the files' names, relative to it.
    """

    def __init__(self, folder: Path, names: Iterable[bytes]) -> None:
        self.folder = folder
        self._names = bytearray()
        self._ends = array("q", [0])
        for name in names:
            self._names += name
            self._ends.append(len(self._names))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> ImagePaths: ...
    def __getitem__(self, index: int | slice) -> Path | ImagePaths:
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return self.select(chosen)
        return Path(self.folder, os.fsdecode(self.name(chosen)))

    def name(self, number: int) -> bytes:
        """Returns the name of one file, counted from 0, relative to the folder."""
        return bytes(self._names[self._ends[number] : self._ends[number + 1]])

    def select(self, numbers: Iterable[int]) -> ImagePaths:
        """Returns the files with these numbers, in that order."""
        return ImagePaths(self.folder, map(self.name, numbers))

    def spread(self, most: int) -> ImagePaths:
        """Returns at most so many of the files, from all over the folder."""
        numbers = np.linspace(0, len(self), min(most, len(self)), endpoint=False)
        return self.select(numbers.astype(int))


class Unreadable(NamedTuple):
    """An image file that cannot be read.

    Attributes:
      path: the file.
      problem: what is wrong with it.
    """

    path: Path
    problem: str

    @classmethod
    def because(cls, path: Path, error: ImageError) -> Unreadable:
        """Takes the problem from the error, whose message also names the file."""
        return cls(path, str(error).removeprefix(f"{shown(path)}: "))


def find_images(folder: Path | str, flag: str = "images") -> ImagePaths:
    """Lists the image files of a folder and its sub-folders, in the order of their paths.

    Files are chosen by suffix, any letter case. Links to folders are followed, each folder once.

    Args:
      folder: the top folder.
      flag: which flag named it.

    Raises:
      UsageError: the folder has no name, or one that cannot be.
      ImageError: the folder does not exist or holds no image.
    """
    require_path(flag, folder)  # `--images=$UNSET` does not mean the current folder
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise ImageError(f"{shown(folder)}: no such folder of images")
    found = ImagePaths(folder, map(os.fsencode, _walk(folder)))
    if not found:
        raise ImageError(f"{shown(folder)}: no images in this folder ({', '.join(SUFFIXES)})")
    return found


def _walk(folder: Path) -> Iterator[str]:
    """Yields the names of the image files below a folder, relative to it, in order."""
    seen: set[tuple[int, int]] = set()
    left = [""]  # what is still to come, the next one last; a folder ends with a slash
    while left:
        name = left.pop()
        if name and not name.endswith("/"):
            yield name
            continue
        with contextlib.suppress(OSError):  # a folder that cannot be read holds nothing for us
            path = os.path.join(folder, name)
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:  # a link back up, or a second way in
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                inside = [name + label for label in map(_label, entries) if label]
            left += sorted(inside, key=lambda label: label.rstrip("/"), reverse=True)


def _label(entry: os.DirEntry[str]) -> str:
    """Returns a folder's name with a slash, an image file's name, or nothing."""
    try:
        if entry.is_dir():
            return f"{entry.name}/"
    except OSError:  # a link that leads nowhere, which opening it will tell
        pass
    return entry.name if entry.name.lower().endswith(SUFFIXES) else ""


def open_image(
    source: Path | str,
    background: str = "black",
    *,
    size: int | None = None,
    allow_private_urls: bool = False,
) -> Image.Image:
    """Reads an image file or an http(s) URL as plain RGB.

    Args:
      source: a path, or a URL.
      background: colour behind transparent pixels.
      size: scale it to a square of so many pixels each way, as `resize` does; of a large JPEG
        not all is decoded then, see `_draft`.
      allow_private_urls: fetch also from this machine and its own network.

    Returns:
      The first frame, upright, in mode RGB.

    Raises:
      ImageError: it cannot be fetched or read; the message names it.
    """

    def work(img: Image.Image) -> Image.Image:
        if size is None:
            return to_rgb(img, background)
        return resize(to_rgb(_draft(img, size), background), size)

    if is_url(source):
        return _read_url(str(source), work, allow_private_urls)
    return read_image(source, work)


def _draft(img: Image.Image, size: int) -> Image.Image:
    """Scales a large JPEG to `size` x `size` pixels without decoding all of it; returns others.

    Not one of inks, whose mean is no mean of colours, and not a lossless one, which has no tables
    of quantisation and which no decoder scales.
    """
    if not (isinstance(img, _jpeg.JpegImageFile) and img.mode in ("RGB", "L") and img.quantization):
        return img
    whole = img.size
    drafted = img.draft(None, (size * _SPARE, size * _SPARE))
    if drafted is None or img.size == whole:
        return img
    # The box leaves out what only fills up the last blocks of a row and a column.
    return img.convert("RGB").resize((size, size), box=drafted[1])


def read_image(source: Path | str, work: Callable[[Image.Image], T]) -> T:
    """Opens an image file safely, and returns what `work` makes of it.

    Args:
      source: its path.
      work: gets the picture in its own mode, not yet decoded.

    Raises:
      ImageError: it cannot be read, is of no supported format, damaged, or larger than MAX_PIXELS;
        the message names it.
    """
    try:
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{shown(source)}: not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise ImageError(
                f"{shown(source)}: {status.st_size:,} bytes are more than the "
                f"{MAX_FILE_BYTES // 10**6} million allowed"
            )
        with open(source, "rb", buffering=0, opener=_open_at_once) as file:
            return _decode(file, shown(source), work)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{shown(source)}: {reason}") from None


def is_url(source: object) -> bool:
    """Says whether a prompt is to be fetched instead of opened."""
    return str(source).lower().startswith(("http://", "https://"))


def _read_url(url: str, work: Callable[[Image.Image], T], allow_private_urls: bool) -> T:
    """Does the work of `read_image` on what a server sends."""
    # Some 0.1 s that only prompts from the web should pay.
    from pixace.prompt_urls import fetch
    from pixace.public_addresses import is_any, is_public

    fetched = fetch(url, allowed=is_any if allow_private_urls else is_public)
    try:
        return _decode(io.BytesIO(fetched.body), shown(url), work)
    except ImageError as error:
        if not fetched.kind or fetched.kind.startswith("image/"):
            raise
        raise ImageError(f"{error}; the server calls it {fetched.kind}") from None


def _open_at_once(path: str, flags: int) -> int:
    """Opens a file; not even a FIFO that has taken its place meanwhile makes it wait."""
    return os.open(path, flags | os.O_NONBLOCK)


def _decode(file: io.RawIOBase | io.BytesIO, name: str, work: Callable[[Image.Image], T]) -> T:
    """Does the work of `read_image` on an open file, which messages call `name`."""
    try:
        with LimitedReader(file) as reader, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities that do not matter here
            img = Image.open(reader, formats=FORMATS)
            reader.let_pixels_follow()
            n_pixels = img.width * img.height
            if n_pixels > MAX_PIXELS:
                raise ImageError(
                    f"{name}: {img.width}x{img.height} pixels are more than the "
                    f"{MAX_PIXELS // 10**6} million allowed"
                )
            if isinstance(img, _jpeg.JpegImageFile):
                check_scans(reader, n_pixels)
            with _allowance.taking(n_pixels):
                return work(img)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{name}: not enough memory to decode it") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        reason = reason or type(error).__name__
        if isinstance(error, Image.UnidentifiedImageError):
            reason = f"not an image of a known kind ({', '.join(s[1:] for s in SUFFIXES)})"
        raise ImageError(f"{name}: {reason}") from None


def to_rgb(img: Image.Image, background: str = "black") -> Image.Image:
    """Converts a picture of any mode to RGB.

    The first frame is used, EXIF orientation applied, transparency composited on `background`,
    and deep greys scaled to eight bits (Pillow's own conversion would clip them to white).

    Returns:
      A picture of mode RGB.
    """
    img.load()
    # Damaged EXIF, which Pillow refuses in many ways, says nothing about the pixels.
    with contextlib.suppress(SyntaxError, ValueError, LookupError, TypeError, struct.error):
        if img.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT:
            img = ImageOps.exif_transpose(img)
    if img.mode.startswith("I") or img.mode == "F":
        img = _deep_grey_to_8_bits(img)
    if img.has_transparency_data:
        canvas = Image.new("RGBA", img.size, (*ImageColor.getrgb(background)[:3], 255))
        canvas.alpha_composite(img.convert("RGBA"))
        img = canvas
    return img.convert("RGB")


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


def resize(img: Image.Image, size: int) -> Image.Image:
    """Scales a picture to `size` x `size` pixels with Pillow's default filter (bicubic)."""
    return img.resize((size, size))
