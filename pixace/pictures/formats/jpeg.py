"""A JPEG as Pillow reads it, but that no segment beside the pixels costs the picture.

What lacks only its last marker is whole: browsers show it, and many programs forget to write it.
"""

from __future__ import annotations

import contextlib
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ImageFile
from PIL.JpegImagePlugin import MARKER, JpegImageFile

from pixace.pictures.formats.decoding_limits import MAX_PIXELS, START_OF_SCAN, jpeg_segments

_SCAN, _COMMENT = 0xFFDA, 0xFFFE
_SCAN_MARKER = b"\xff" + START_OF_SCAN
_RESTARTS = [bytes([0xFF, number]) for number in range(0xD0, 0xD8)]
_PROGRESSIVE = (0xFFC2, 0xFFC6, 0xFFCA, 0xFFCE)
_N_COEFFICIENTS = 64
_END = b"\xff\xd9"
_ICC_HEAD = 14  # bytes before the part of a profile that is in a segment
_SCALES = (2, 4, 8)  # at which a part of the pixels can be decoded
_N_CODES, _N_MADE_UP = 4096, 3  # bytes, more than a block of any channel takes; and how often
_STRIP = 1 << 22  # pixels


def _tails(data: bytes) -> Iterator[bytes]:
    """Yields what may follow a JPEG that has no end: nothing, and pixels that are made up.

    Those that are still to come would look like them, also if they are behind the next marker.
    """
    yield _END
    last = max(data.rfind(marker, data.rfind(_SCAN_MARKER)) for marker in _RESTARTS)
    first = _RESTARTS.index(data[last : last + 2]) + 1 if last >= 0 else 0
    markers = [*_RESTARTS[first:], *_RESTARTS[:first]]
    chance = np.random.default_rng(0)
    for _ in range(_N_MADE_UP):
        codes = chance.bytes(_N_CODES).replace(b"\xff", b"\xfe")
        yield b"".join([codes, *(marker + codes for marker in markers), _END])


class JpegFile(JpegImageFile):
    """A JPEG file; see the module.

    One that is made of several pictures (MPO) is its first one. More than MAX_PIXELS are not
    decoded, but a half, a quarter or an eighth of the width and the height.
    """

    _tail = b""
    _last = 0  # byte that was read
    _is_cut = False
    _is_progressive = False

    def _open(self) -> None:
        """Reads what comes before the pixels, as Pillow does."""
        assert self.fp is not None
        if self.fp.read(2) != b"\xff\xd8":
            raise SyntaxError("not a JPEG file")
        self.bits = self.layers = self._exif_offset = 0
        self.layer, self.applist, self.icclist = [], [], []
        self._huffman_dc, self._huffman_ac, self.quantization, self.app = {}, {}, {}, {}
        while (marker := self._next_marker()) is not None:
            if marker not in MARKER:
                raise SyntaxError("no marker found")
            handler = MARKER[marker][2]
            if handler is not None and (marker == _COMMENT or marker >> 4 == 0xFFE):
                # Odd ones are too short, or hold other things than they say.
                with contextlib.suppress(IndexError, ValueError, struct.error):
                    handler(self, marker)
            elif handler is not None:
                self.icclist = [part for part in self.icclist if len(part) >= _ICC_HEAD]
                handler(self, marker)
            self._is_progressive |= marker in _PROGRESSIVE
            if marker == _SCAN:
                raw_mode = "CMYK;I" if self.mode == "CMYK" else self.mode  # as Adobe's are
                place = (0, 0, *self.size)
                self.tile = [ImageFile._Tile("jpeg", place, 0, (raw_mode, ""))]
                return

    def _next_marker(self) -> int | None:
        """Returns the next marker, whatever comes before it; None at the end of the file."""
        assert self.fp is not None
        byte = b"\0"
        while byte == b"\0":
            while byte and byte != b"\xff":
                byte = self.fp.read(1)
            while byte == b"\xff":
                byte = self.fp.read(1)
        return 0xFF00 | byte[0] if byte else None

    def load(self) -> Any:
        """Decodes it.

        Raises:
          OSError: it is damaged, or pixels are missing.
        """
        if not self.tile:
            return super().load()
        self._scale_to(MAX_PIXELS)
        tile, file = self.tile, self.fp
        try:
            return super().load()
        except OSError as error:
            digests: set[int] = set()
            for tail in self._possible_tails():
                self.tile, self.fp, self._tail = list(tile), file, tail
                pixels = super().load()
                digests.add(self._digest())
                if len(digests) > 1:
                    break
            if len(digests) == 1:
                return pixels
            self.tile, self.fp, self._im = tile, file, None
            raise error

    def load_read(self, read_bytes: int) -> bytes:
        """Reads more of the file, and then what is put behind it."""
        assert self.fp is not None
        data = self.fp.read(read_bytes)
        if not data and self._tail:
            # A 0xff among the pixels is followed by a zero; what is put there is no part of it.
            data = bytes(self._last == 0xFF) + self._tail
            self._tail = b""
        self._is_cut |= not data
        self._last = data[-1] if data else self._last
        return data

    def _scale_to(self, most: int) -> None:
        """Sees to it that no more than so many pixels are decoded."""
        width, height = self.size
        if width * height <= most or self.decoderconfig[:1] not in ((), (1,)):
            return
        scale = next(n for n in _SCALES if math.ceil(width / n) * math.ceil(height / n) <= most)
        self.decoderconfig = ()
        self.draft(None, (width // scale, height // scale))

    def _possible_tails(self) -> Iterator[bytes]:
        """Returns what may follow, if only the end is missing; nothing where more is."""
        if not self._is_cut:
            return iter(())
        assert self.fp is not None
        self.fp.seek(0)
        data = self.fp.read()
        return _tails(data) if self._has_all_scans(data) else iter(())

    def _has_all_scans(self, data: bytes) -> bool:
        """Returns whether every coefficient of every channel was sent, and in full."""
        left = {channel: [1] * _N_COEFFICIENTS for channel, *_ in self.layer}  # bits, or more
        for marker, place in jpeg_segments(data):
            if marker != START_OF_SCAN:
                continue
            count = data[place + 2] if place + 2 < len(data) else 0
            first, last, precision = 0, _N_COEFFICIENTS - 1, 0
            if self._is_progressive:
                first, last, precision = data[place + 3 + 2 * count :][:3].ljust(3, b"\0")
            for channel in data[place + 3 : place + 3 + 2 * count : 2]:
                if channel in left:
                    for number in range(first, min(last + 1, _N_COEFFICIENTS)):
                        left[channel][number] = precision & 15
        return not any(map(any, left.values()))

    def _digest(self) -> int:
        """Returns a checksum of the pixels."""
        digest, rows = 0, max(1, _STRIP // self.width)
        for top in range(0, self.height, rows):
            strip = self.crop((0, top, self.width, min(top + rows, self.height)))
            digest = zlib.crc32(strip.tobytes(), digest)
        return digest
