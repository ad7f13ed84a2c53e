"""The order of pixels: where each pixel of a picture stands in its sequence of tokens."""

from __future__ import annotations

import dataclasses

import numpy as np

from pixace.settings.pictures import PictureSettings


@dataclasses.dataclass(frozen=True, eq=False)
class PixelOrder:
    """An order of the pixels of a picture: that of reading, unless another one is named.

    A prompt's cut is the number of pixels kept: the first ones in this order.

    Attributes:
      height: H.
      width: W.
      permutation: int (L,): which pixel, counted in reading order, stands at each place; None is
        reading order itself, row by row from the top left.
    """

    height: int
    width: int
    permutation: np.ndarray | None = None

    def sequence(self, picture: np.ndarray) -> np.ndarray:
        """Lays out pictures, (..., H, W), as sequences, (..., L)."""
        pixels = picture.reshape(*picture.shape[:-2], self.height * self.width)
        return pixels if self.permutation is None else pixels[..., self.permutation]

    def picture(self, sequence: np.ndarray) -> np.ndarray:
        """Puts the pixels of sequences, (..., L), in their places, (..., H, W)."""
        if self.permutation is not None:
            sequence = sequence[..., np.argsort(self.permutation)]
        return sequence.reshape(*sequence.shape[:-1], self.height, self.width)

    def mirrored(self) -> np.ndarray:
        """Returns int (L,): `sequence[mirrored]` is the picture with left and right swapped."""
        return self.sequence(self.picture(np.arange(self.height * self.width))[:, ::-1])

    def rolled(self, sequences: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Shifts pictures; what leaves one at a side comes in at the opposite one.

        Args:
          sequences: (B, L).
          down: by how many rows each is shifted, int (B,).
          right: by how many columns.

        Returns:
          (B, L).
        """
        rows = (np.arange(self.height) - down[:, None])[:, :, None] % self.height
        columns = (np.arange(self.width) - right[:, None])[:, None] % self.width
        each = np.arange(len(sequences))[:, None, None]
        return self.sequence(self.picture(sequences)[each, rows, columns])


def order_of(pictures: PictureSettings) -> PixelOrder:
    """Returns the order that settings name: so far, that of reading."""
    return PixelOrder(pictures.height, pictures.width)
