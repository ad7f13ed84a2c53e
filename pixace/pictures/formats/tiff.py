"""A TIFF as Pillow reads it, but that no tag beside those of the pixels costs the picture.

And that deep greys whose white is zero are not taken for their negative.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import IO

from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from pixace.pictures.formats.bmp import drop_unfilled_alpha
from pixace.pictures.formats.orientation import TURNS, UPRIGHT, exif_of

_ORIENTATION = 274
_RESOLUTION = (282, 283, 296)  # which Pillow computes with, whatever is in them
_EXTRA_SAMPLES = 338
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_DEEP_WHITE = 65535
_ENTRIES = {12: "HHII", 20: "HHQQ"}  # bytes of a directory's entry: tag, type, count, place


class _Tags(ImageFileDirectory_v2):
    """The tags of a TIFF; those whose value is not in the file are passed over.

    Pillow ends with the first of them, and knows nothing of those that follow.
    """

    def _ensure_read(self, fp: IO[bytes], size: int) -> bytes:
        data = super()._ensure_read(fp, size)
        if size not in _ENTRIES:
            return data
        order = self._endian + _ENTRIES[size]
        tag, kind, count, place = struct.unpack(order, data)
        n_bytes = count * self._load_dispatch.get(kind, (0,))[0]
        here = fp.tell()
        end = fp.seek(0, os.SEEK_END)
        fp.seek(here)
        if n_bytes > struct.calcsize(order[-1]) and place + n_bytes > end:
            return struct.pack(order, tag, 0, 0, 0)  # of no type that there is
        return data


class TiffFile(TiffImageFile):
    """A TIFF file; see the module."""

    @property
    def tag_v2(self) -> ImageFileDirectory_v2:  # type: ignore[override]
        """Its tags."""
        return self._tags

    @tag_v2.setter
    def tag_v2(self, tags: ImageFileDirectory_v2) -> None:
        tags.__class__ = _Tags
        self._tags = tags

    def _setup(self) -> None:
        orientation = None
        with contextlib.suppress(Exception):  # the tag may be of any kind
            orientation = self.tag_v2.get(_ORIENTATION)
        for tag in (_ORIENTATION, *_RESOLUTION):
            if tag in self.tag_v2:
                del self.tag_v2[tag]
        super()._setup()
        if self._is_negative() and self.mode == "F":  # whose white is not known
            raise SyntaxError("unknown pixel mode")
        if orientation == UPRIGHT or orientation in TURNS:  # said where other formats say it
            self.info["exif"] = exif_of(orientation)

    def load_end(self) -> None:
        """Looks at what has been decoded; turning it is another's business."""
        if self._is_negative() and self.mode == "I;16":
            self.im = self.im.point_transform(-1, _DEEP_WHITE)
        if _EXTRA_SAMPLES not in self.tag_v2:
            drop_unfilled_alpha(self)

    def _is_negative(self) -> bool:
        """Returns whether the levels count from white on."""
        return self.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
