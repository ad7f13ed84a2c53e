"""Finding images, opening them safely, making them plain RGB."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import queue
import stat
import struct
import threading
import time
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar, overload

import numpy as np

# Each of these registers its format with Pillow, which otherwise loads them one by one on demand
# and does not know the names in FORMATS before that.
from PIL import BmpImagePlugin as _bmp  # noqa: F401
from PIL import GifImagePlugin as _gif  # noqa: F401
from PIL import Image, ImageColor, ImageOps
from PIL import JpegImagePlugin as _jpeg  # noqa: F401
from PIL import PngImagePlugin as _png  # noqa: F401
from PIL import WebPImagePlugin as _webp  # noqa: F401

from pixace.errors import ImageError, UsageError, shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
# Only these decoders ever see a file, whatever its name claims: Pillow knows others that start
# foreign programs (EPS) or that nobody needs here.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")
MAX_PIXELS = 50_000_000  # beyond that a picture of a few kilobytes can claim gigabytes of memory
MAX_DOWNLOAD_BYTES = 20_000_000
DOWNLOAD_SECONDS = 20.0
CONNECT_SECONDS = 5.0
MAX_REDIRECTS = 3

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


def find_images(folder: Path | str) -> ImagePaths:
    """Lists the image files of a folder and its sub-folders, in the order of their paths.

    Files are chosen by suffix, any letter case. Links to folders are followed, each folder once.

    Raises:
      UsageError: the folder has no name.
      ImageError: the folder does not exist or holds no image.
    """
    if folder == "":  # `--images=$UNSET` does not mean the current folder
        raise UsageError("the name of the folder of images is empty")
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


def open_image(source: Path | str, background: str = "black") -> Image.Image:
    """Reads an image file or an http(s) URL as plain RGB.

    Args:
      source: a path, or a URL.
      background: colour behind transparent pixels.

    Returns:
      The first frame, upright, in mode RGB.

    Raises:
      ImageError: it cannot be fetched or read; the message names it.
    """
    return read_image(source, functools.partial(to_rgb, background=background))


def read_image(source: Path | str, work: Callable[[Image.Image], T]) -> T:
    """Opens an image file or an http(s) URL safely, and returns what `work` makes of it.

    Args:
      source: a path, or a URL.
      work: gets the picture in its own mode, not yet decoded.

    Raises:
      ImageError: it cannot be fetched or read, is of no supported format, damaged, or larger than
        MAX_PIXELS; the message names it.
    """
    if is_url(source):
        return _decode(io.BytesIO(_fetch(str(source))), shown(source), work)
    try:
        if not stat.S_ISREG(os.stat(source).st_mode):  # opening a FIFO would wait for ever
            raise ImageError(f"{shown(source)}: not a regular file")
        with open(source, "rb") as file:
            return _decode(file, shown(source), work)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{shown(source)}: {reason}") from None


def _decode(file: IO[bytes], name: str, work: Callable[[Image.Image], T]) -> T:
    """Does the work of `read_image` on an open file, which messages call `name`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities that do not matter here
            img = Image.open(file, formats=FORMATS)
            if img.width * img.height > MAX_PIXELS:
                raise ImageError(
                    f"{name}: {img.width}x{img.height} pixels are more than the "
                    f"{MAX_PIXELS // 10**6} million allowed"
                )
            return work(img)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{name}: not enough memory to decode it") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = str(error).split("\n")[0] or type(error).__name__
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
    grey = np.nan_to_num(np.asarray(img).astype(np.float64))
    peak = float(np.max(grey, initial=0.0))
    whites = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(img.mode, (65535.0,))
    white = next((white for white in whites if peak <= white), peak)
    return Image.fromarray(np.round(np.clip(grey / white, 0, 1) * 255).astype(np.uint8))


def resize(img: Image.Image, size: int) -> Image.Image:
    """Scales a picture to `size` x `size` pixels with Pillow's default filter (bicubic)."""
    return img.resize((size, size))


def is_url(source: Path | str) -> bool:
    """Says whether a prompt is to be fetched instead of opened."""
    return str(source).lower().startswith(("http://", "https://"))


def _fetch(url: str) -> bytes:
    """Downloads a prompt image in a thread, because requests has no limit on the whole time."""
    results: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put(_ask(url))
        except Exception as error:
            results.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        result = results.get(timeout=DOWNLOAD_SECONDS)
    except queue.Empty:
        raise ImageError(f"{shown(url)}: not complete after {DOWNLOAD_SECONDS:.0f} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def _ask(url: str) -> bytes:
    """Downloads a prompt image, bounded in bytes and in time.

    Raises:
      ImageError: anything but a complete answer with status 200 within the bounds.
    """
    import requests  # 0.2 s that only prompts from the web should pay

    session = requests.Session()
    session.max_redirects = MAX_REDIRECTS
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    try:
        with session.get(url, stream=True, timeout=(CONNECT_SECONDS, DOWNLOAD_SECONDS)) as answer:
            if answer.status_code != 200:
                raise ImageError(
                    f"{shown(url)}: the server answered {answer.status_code} {shown(answer.reason)}"
                )
            body = bytearray()
            for chunk in answer.iter_content(1 << 16):
                body += chunk
                if len(body) > MAX_DOWNLOAD_BYTES:
                    raise ImageError(
                        f"{shown(url)}: more than {MAX_DOWNLOAD_BYTES // 10**6} MB, too much for "
                        "an image"
                    )
                if time.monotonic() > deadline:
                    raise ImageError(f"{shown(url)}: not complete after {DOWNLOAD_SECONDS:.0f} s")
    except requests.TooManyRedirects:
        raise ImageError(f"{shown(url)}: redirected more than {MAX_REDIRECTS} times") from None
    except requests.Timeout:
        raise ImageError(f"{shown(url)}: no answer in time") from None
    except (requests.RequestException, ValueError) as error:
        reason = type(error).__name__
        raise ImageError(f"{shown(url)}: cannot be fetched ({reason})") from None
    announced = answer.headers.get("Content-Length", "")
    plain = "Content-Encoding" not in answer.headers
    if plain and announced.isdigit() and len(body) != int(announced):
        raise ImageError(f"{shown(url)}: cut short at {len(body)} of {announced} bytes")
    return bytes(body)
