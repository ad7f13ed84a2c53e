"""What decoding one image may cost, however it was made.

A file of a few kilobytes can claim the memory of the whole machine, or keep a decoder busy for
hours: Pillow bounds some of it, and this module the rest. All bounds are on what a file holds and
never on time, so that a slow machine reads the same images as a fast one.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import threading
from collections.abc import Iterator

from PIL.TiffImagePlugin import TiffImageFile

MAX_PIXELS = 50_000_000  # beyond that a picture of a few kilobytes can claim gigabytes of memory
MAX_JPEG_PIXELS = 4 * MAX_PIXELS  # of which a half of the width and the height is decoded, or less
MAX_FILE_BYTES = 250_000_000  # Pillow reads the whole of a WebP; 50 million plain pixels are less
# One by one, Pillow reads a PNG's chunks, a GIF's blocks and the markers of a JPEG: a file of
# nothing else takes minutes. A PNG of 200 MB in chunks of 8 KB takes a third of this.
MAX_READS = 300_000
# Pillow copies the EXIF of a JPEG anew for each of its segments: 250 MB take many minutes.
MAX_HEADER_BYTES = 32_000_000
# A progressive JPEG passes over its pixels once for each scan, 10 times as a rule.
MAX_SCANNED_PIXELS = 1_000_000_000
_USUAL_SCANS = 12  # that a picture of any size may have
# An animation's frames are decoded one after another, and each anew to come to a later one.
MAX_FRAMES = 10_000
MAX_ANIMATED_PIXELS = 1_000_000_000
_MAX_SEGMENTS = 100_000
# A marker of a JPEG; 0xff inside of compressed pixels is followed by a zero or is a restart. Any
# number of 0xff may come before it: one at a time, or a run without a marker takes hours.
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])")
# In which libtiff keeps to what memory the picture needs, and takes no longer than for its pixels.
_TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits")
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags
START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"


class RefusedError(OSError):
    """A file that may be whole, and is not read."""


class LimitedReader(io.BufferedReader):
    """A file that can be read only MAX_READS times, and MAX_HEADER_BYTES of it piece by piece.

    Args:
      raw: what is read; positioned at its start.
    """

    reads_left = MAX_READS
    bytes_left: float = MAX_HEADER_BYTES

    def let_pixels_follow(self) -> None:
        """Ends the bound on bytes: what comes before the pixels has been read."""
        self.bytes_left = math.inf

    def let_twice_the_file_follow(self) -> None:
        """Widens that bound: in a TIFF, what is no pixel may come after them, and many times."""
        self.bytes_left += 2 * self.seek(0, os.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads as any file does.

        Raises:
          RefusedError: it was read too often, or too much of it before the pixels.
        """
        self.reads_left -= 1
        if self.reads_left < 0:
            raise RefusedError("made of too many small pieces")
        data = super().read(size)
        if size is not None and size >= 0:  # else the whole file at once, as WebP is read
            self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise RefusedError(f"more than {MAX_HEADER_BYTES // 10**6} MB come before the pixels")
        return data


def check_tiff(img: TiffImageFile) -> None:
    """Refuses a TIFF whose decoder is not one of those known here, or would need too much memory.

    Raises:
      RefusedError: its compression is another one, or its tiles are larger than MAX_PIXELS.
    """
    compression = str(img.info.get("compression"))
    if compression not in _TIFF_COMPRESSIONS:
        raise RefusedError(f"TIFF with {compression} compression is not read; save it as PNG")
    # One is decoded at once, however few pixels the picture has.
    width, length = (img.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    if not (isinstance(width, int) and isinstance(length, int) and width * length <= MAX_PIXELS):
        raise RefusedError("tiles larger than a picture may be")


def check_scans(file: io.BufferedReader, n_pixels: int) -> None:
    """Refuses a JPEG whose scans pass over more than MAX_SCANNED_PIXELS; keeps the position.

    Raises:
      RefusedError: it has too many scans for its size.
    """
    place = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(place)
    most = max(_USUAL_SCANS, MAX_SCANNED_PIXELS // n_pixels)
    if data.count(b"\xff" + START_OF_SCAN) <= most:
        return  # there cannot be more of them, and this is faster than to look where they are
    if sum(marker == START_OF_SCAN for marker, _ in jpeg_segments(data)) > most:
        raise RefusedError("too many scans for its size")


def jpeg_segments(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yields the markers of a JPEG, up to its end, and where what follows them begins.

    Raises:
      RefusedError: it has too many.
    """
    position = 0
    for _ in range(_MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if marker is None or marker[1] == _END_OF_IMAGE:
            return
        yield marker[1], marker.end()
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    raise RefusedError("too many scans for its size")


class PixelAllowance:
    """How many pixels may be decoded at once, in all threads together.

    Each takes up to 25 bytes on the way.

    Args:
      n_pixels: at least as many as the largest picture has.
    """

    def __init__(self, n_pixels: int) -> None:
        self._left = n_pixels
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taking(self, n_pixels: int) -> Iterator[None]:
        """Waits until so many pixels are allowed, and takes them for the length of the block."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= n_pixels)
            self._left -= n_pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += n_pixels
                self._changed.notify_all()
