"""A PNG as Pillow reads it, but that no chunk beside the pixels costs the picture."""

from __future__ import annotations

import contextlib
import io
import logging
import zlib
from typing import Any

from PIL import Image, ImageChops, ImageFile
from PIL.PngImagePlugin import MAX_TEXT_MEMORY, PngImageFile, PngStream

from pixace.pictures.formats.decoding_limits import RefusedError

_log = logging.getLogger(__name__)

# Ancillary chunks that decide about pixels; of the others Pillow refuses many that are odd.
_OF_PIXELS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
_OF_ANIMATION = (b"acTL", b"fcTL")
_OF_COLOURS = (b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"eXIf")  # and of how it lies
# By how a file stores its levels: how many there are, and what Pillow makes of the highest.
_LEVELS = {
    "1": (2, 255),
    "L;2": (4, 255),
    "L;4": (16, 255),
    "L": (256, 255),
    "I;16B": (65536, 65535),
    "RGB": (256, 255),
    "RGB;16B": (65536, 65535),
}
_BOTH_BYTES = "RGB;16B"
_LOW_BYTES = "RGB;16L"  # read so, the lower of two bytes is taken for the higher one


class _Stream(PngStream):
    """The chunks of a PNG, of which those that are damaged and not needed are skipped.

    Attributes:
      is_still: whether what it says of an animation is damaged, and so is none.
      has_pixels: whether pixels have been met.
    """

    is_still = False
    has_pixels = False

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        """Does what a chunk says; returns its data."""
        if cid[0] < ord("a"):
            self.has_pixels |= cid == b"IDAT"
            return super().call(cid, pos, length)
        if cid in _OF_ANIMATION and not self.has_pixels:
            return self._animation(cid, length)
        is_needed = cid == b"tRNS" or not self.is_still
        if cid in _OF_PIXELS and is_needed:
            return super().call(cid, pos, length)
        if cid not in _OF_COLOURS or self._is_sound(cid, pos, length):
            try:
                if cid not in _OF_PIXELS and self.text_memory <= MAX_TEXT_MEMORY:
                    return super().call(cid, pos, length)
            except RefusedError:
                raise
            except Exception as error:  # nearly anything
                _log.debug("skipped a chunk %s: %s", cid.decode("ascii", "replace"), error)
        assert self.fp is not None
        self.fp.seek(pos + length)
        return b""

    def _is_sound(self, cid: bytes, pos: int, length: int) -> bool:
        """Returns whether the data of a chunk are those that its checksum is of."""
        assert self.fp is not None
        data = ImageFile._safe_read(self.fp, length)
        crc = int.from_bytes(self.fp.read(4), "big")
        self.fp.seek(pos)
        return zlib.crc32(cid + data) == crc

    def crc(self, cid: bytes, data: bytes) -> None:
        """Checks a chunk that is needed, as `call` has looked at the others."""
        if cid[0] < ord("a") or cid in _OF_PIXELS:
            super().crc(cid, data)
        else:
            self.crc_skip(cid, data)

    def chunk_tRNS(self, pos: int, length: int) -> bytes:
        """Reads which level is transparent, counted in the file's own depth."""
        data = super().chunk_tRNS(pos, length)
        level, raw = self.im_info.get("transparency"), self.im_rawmode
        if self.im_mode == "P" or level is None:
            return data
        count, white = _LEVELS[raw]
        if raw == "1":
            level = int.from_bytes(data[:2], "big")
        values = [
            (value % count) * white // (count - 1)
            for value in (level if isinstance(level, tuple) else (level,))
        ]
        self.im_info["transparency"] = tuple(values) if self.im_mode == "RGB" else values[0]
        return data

    def chunk_cICP(self, pos: int, length: int) -> bytes:
        """Reads the numbers of the colour space, which Pillow does not know."""
        assert self.fp is not None
        data = ImageFile._safe_read(self.fp, length)
        self.im_info["cicp"] = data
        return data

    def _animation(self, cid: bytes, length: int) -> bytes:
        """Reads what is said of an animation; where it is damaged, there is only a picture."""
        assert self.fp is not None
        data = ImageFile._safe_read(self.fp, length)
        whole, self.fp = self.fp, io.BytesIO(data)
        try:
            if not self.is_still:
                super().call(cid, 0, length)
        except (ValueError, SyntaxError):
            self.is_still = True
        finally:
            self.fp = whole
        # The first frame, where it is the picture before all animation, is as large as that.
        self.is_still |= self.im_info.get("bbox") not in (None, (0, 0, *self.im_size))
        if self.is_still:
            self.im_n_frames = None
            self.im_info.pop("bbox", None)
        return data


class PngFile(PngImageFile):
    """A PNG file; see the module."""

    _stream: PngStream | None = None

    @property
    def png(self) -> PngStream | None:  # type: ignore[override]
        """Its chunks."""
        return self._stream

    @png.setter
    def png(self, stream: PngStream | None) -> None:
        if stream is not None:
            stream.__class__ = _Stream
        self._stream = stream

    def load(self) -> Any:
        """Decodes the pixels, and tells the one colour of 16 bits that is transparent."""
        is_deep = bool(self.tile) and self.tile[0].args == _BOTH_BYTES
        clear = self.info.get("transparency") if is_deep else None
        if isinstance(clear, tuple) and self.is_animated:  # frames are put together in 8 bits
            self.info["transparency"] = tuple(level >> 8 for level in clear)
        pixels = super().load()
        if isinstance(clear, tuple) and not self.is_animated:
            self._clear_of_16_bits(clear)
            pixels = Image.Image.load(self)
        return pixels

    def load_end(self) -> None:
        """Reads what follows the pixels, which are whole however that ends."""
        if self.is_animated:
            super().load_end()
            return
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            super().load_end()

    def _seek(self, frame: int, rewind: bool = False) -> None:
        super()._seek(frame, rewind)
        if frame == 1 and self.default_image and self._prev_im is not None:
            # An animation does not begin on the picture for those who show none.
            if self.mode in ("RGBA", "LA"):
                self.im = Image.core.fill(self.mode, self.size, 0)
                self._prev_im = self.im.copy()

    def _clear_of_16_bits(self, clear: tuple[int, ...]) -> None:
        """Makes the pixels of one colour transparent, of which Pillow keeps 8 bits only."""
        assert isinstance(self._fp, io.BufferedReader)
        self._fp.seek(0)
        low = PngFile(self._fp)
        low.info.pop("transparency")
        low.tile = [low.tile[0]._replace(args=_LOW_BYTES)]
        low.load()
        is_other = Image.new("L", self.size)
        for plain, shift in ((self, 8), (low, 0)):
            for channel, level in zip(plain.split(), clear, strict=True):
                table = [255] * 256
                table[level >> shift & 255] = 0
                is_other = ImageChops.lighter(is_other, channel.point(table))
        del self.info["transparency"]
        rgba = self.convert("RGBA")
        rgba.putalpha(is_other)
        self.im, self._mode = rgba.im, "RGBA"
