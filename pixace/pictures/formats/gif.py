"""A GIF as Pillow reads it, but that what no frame has covered is transparent, as in browsers."""

from __future__ import annotations

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

_TO_BACKGROUND, _TO_PREVIOUS = 2, 3  # what becomes of a frame's place before the next one
_CLEAR = (0, 0, 0, 0)


class GifFile(GifImageFile):
    """A GIF file; see the module."""

    _place: tuple[int, int, int, int] | None = None  # of the first frame, if it is not the whole

    def load_prepare(self) -> None:
        """Sees how much of the picture the first frame covers."""
        if self.tell() == 0:
            place = self.tile[0].extents
            is_part = place != (0, 0, *self.size) and "transparency" not in self.info
            self._place = place if is_part else None
        super().load_prepare()

    def load_end(self) -> None:
        """Makes transparent what the first frame does not cover."""
        super().load_end()
        if self.tell() == 0 and self._place is not None:
            self._become_rgba()
            canvas = Image.core.fill("RGBA", self.size, _CLEAR)
            canvas.paste(self._crop(self.im, self._place), self._place)
            self.im = canvas

    def _seek(self, frame: int, update_image: bool = True) -> None:
        if frame and update_image and self._clears():
            # Pillow would fill in the background's colour, which no browser does.
            self.load()
            self._become_rgba()
            left, top, right, bottom = self.dispose_extent or (0, 0, 0, 0)
            self.dispose = Image.core.fill("RGBA", (right - left, bottom - top), _CLEAR)
        super()._seek(frame, update_image)

    def _clears(self) -> bool:
        """Returns whether the place of the frame that is shown is to be cleared after it."""
        methods = (_TO_BACKGROUND, _TO_PREVIOUS) if self.tell() == 0 else (_TO_BACKGROUND,)
        return self.disposal_method in methods

    def _become_rgba(self) -> None:
        """Makes it a picture that can be transparent anywhere."""
        if self.mode != "RGBA":
            rgba = self.convert("RGBA")
            self.info.pop("transparency", None)
            self.im, self._mode = rgba.im, "RGBA"
