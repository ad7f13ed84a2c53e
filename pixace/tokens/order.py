"""The order of pixels: where each pixel of a picture stands in its sequence of tokens."""

from __future__ import annotations

import dataclasses

import numpy as np

from pixace.settings.pictures import COLUMNS, COLUMNS_REVERSED, REVERSED, ROWS, PictureSettings

# Among those of `all_orders`. By rows is 0, as is the pad that stands for what is not said: a model
# that is told nothing goes by rows.
SCAN_NUMBERS = {ROWS: 0, REVERSED: 3, COLUMNS: 4, COLUMNS_REVERSED: 7}


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
    """Returns the order that settings name."""
    number = SCAN_NUMBERS[pictures.scan]
    permutation = _permutation(pictures.shape, number) if number else None
    return PixelOrder(pictures.height, pictures.width, permutation)


def all_orders(shape: tuple[int, int]) -> np.ndarray:
    """Returns all orders of the pixels of a picture of this height and width, by their numbers.

    Returns:
      int (K, L): which pixel, counted in reading order, stands at each place. K is 8; or 4 where
      columns and rows are not equally long.
    """
    n_orders = 8 if shape[0] == shape[1] else 4
    return np.stack([_permutation(shape, number) for number in range(n_orders)])


def _permutation(shape: tuple[int, int], number: int) -> np.ndarray:
    """Returns an order, int (L,): rows or columns, from the right or not, from below or not."""
    places = np.arange(shape[0] * shape[1]).reshape(shape)
    if number & 1:
        places = places[:, ::-1]
    if number & 2:
        places = places[::-1]
    return (places.T if number & 4 else places).ravel()
