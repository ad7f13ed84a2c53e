"""A BMP as Pillow reads it, but for palettes of few greys and alphas that nobody filled in.

And that the colour profile is known which may be in it.
"""

from __future__ import annotations

import struct

from PIL import ImagePalette
from PIL.BmpImagePlugin import BmpImageFile, DibImageFile
from PIL.ImageFile import ImageFile

from pixace.pictures.formats import profiles

_OLD_HEADER = 12  # bytes of OS/2's, whose fields are shorter
_NEW_HEADER = 124  # the only one that has a place for a profile
_WITH_PROFILE = b"DEBM"  # where a header says which colour space it is
_GREYS = {"1": (0, 255), "L": tuple(range(256))}  # what Pillow takes the indices for


def drop_unfilled_alpha(img: ImageFile) -> None:
    """Makes a picture opaque of which no pixel would be seen.

    Of some formats many programs do not say whether their fourth channel means anything, and leave
    zeros in it. Others show such a picture.

    Args:
      img: a picture that has just been decoded.
    """
    if img.mode == "RGBA" and img.im.getband(3).getextrema() == (0, 0):
        img.im = img.im.convert("RGB")
        img._mode = "RGB"


class BmpFile(BmpImageFile):
    """A BMP file; see the module."""

    def _bitmap(self, header: int = 0, offset: int = 0) -> None:
        assert self.fp is not None
        start = header or self.fp.tell()
        super()._bitmap(header, offset)
        self._read_profile(start)
        if self.mode not in _GREYS:
            return
        # A palette of greys in their order is left out, and the pixels taken for bits or bytes.
        self.fp.seek(start)
        fields = self.fp.read(16)
        place = 10 if int.from_bytes(fields[:4], "little") == _OLD_HEADER else 14
        bits = int.from_bytes(fields[place : place + 2], "little")
        if bits == {"1": 1, "L": 8}[self.mode]:
            return
        greys = bytes(level for level in _GREYS[self.mode] for _ in "RGB")
        self.palette = ImagePalette.raw("RGB", greys)
        self._mode = "P"
        tile = self.tile[0]
        assert isinstance(tile.args, tuple)
        raw_mode = "P" if bits == 8 else f"P;{bits}"
        self.tile = [tile._replace(args=(raw_mode, *tile.args[1:]))]

    def _read_profile(self, start: int) -> None:
        """Reads the colour profile, if there is one.

        Args:
          start: where in the file the header of the picture begins.
        """
        assert self.fp is not None
        self.fp.seek(start)
        fields = self.fp.read(_NEW_HEADER)
        is_there = int.from_bytes(fields[:4], "little") == _NEW_HEADER == len(fields)
        if not is_there or fields[56:60] != _WITH_PROFILE:
            return
        place, n_bytes = struct.unpack_from("<II", fields, 112)
        self.fp.seek(start + place)
        profile = self.fp.read(min(n_bytes, profiles.MAX_BYTES))
        if len(profile) == n_bytes:
            self.info[profiles.KEY] = profile

    def load_end(self) -> None:
        """Looks at what has been decoded."""
        drop_unfilled_alpha(self)


class DibFile(BmpFile, DibImageFile):
    """A BMP without the header of a file."""
