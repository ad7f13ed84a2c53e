"""An AVIF as Pillow reads it, but that it is turned as the format says, whatever its EXIF holds."""

from __future__ import annotations

import os

from PIL import AvifImagePlugin
from PIL.AvifImagePlugin import AvifImageFile

from pixace.pictures.formats.orientation import exif_of


class AvifFile(AvifImageFile):
    """An AVIF file; see the module."""

    def _open(self) -> None:
        assert self.fp is not None
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self._decoder = AvifImagePlugin._avif.AvifDecoder(self.fp.read(), "auto", threads)
        size, n_frames, mode, profile, _, orientation, _ = self._decoder.get_info()
        self._size, self._mode, self.n_frames = size, mode, n_frames
        self.is_animated = n_frames > 1
        if profile:
            self.info["icc_profile"] = profile
        self.info["exif"] = exif_of(orientation)
        self.seek(0)
