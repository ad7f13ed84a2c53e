"""What a pixel has around it, told to the first layer at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, Mode, Signature
from pixace.models.layers.places import next_places, written

# Pixels that are there before the next one is drawn, as (rows, columns) from it: of its own row
# three, of those above it seven, five and one.
NEIGHBOURS = (
    *((0, x) for x in (-1, -2, -3)),
    *((-1, x) for x in range(-3, 4)),
    *((-2, x) for x in range(-2, 3)),
    (-3, 0),
)
_MARGIN = 3  # rows and columns that the farthest of them is away


class SeenPixels(NamedTuple):
    """What a model in mode predict was fed.

    Attributes:
      seen: int32 (), how many pixels, the start symbol included; or (B,), of each row.
      vectors: float32 (B, L, E), of which the first `seen` along L count.
    """

    seen: Array
    vectors: Array


class Neighbours(trax.layers.base.Layer):
    """Puts the vectors of a pixel's neighbours side by side: (B, T, E) to (B, T, N * E).

    The vector that comes in at position t is that of pixel t - 1, as in the models' other layers;
    what goes out there is of the pixels around pixel t, those of `NEIGHBOURS`. Outside of the
    picture is zero. In mode predict the state is a `SeenPixels`.

    Args:
      shape: (H, W) of the picture.
      mode: train, eval or predict.
    """

    state: SeenPixels

    def __init__(self, shape: tuple[int, int], mode: Mode) -> None:
        super().__init__()
        self._shape = shape
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes an empty memory."""
        if self._mode == "predict":
            n_rows, _, width = input_signature.shape
            seen = jnp.zeros((n_rows, math.prod(self._shape), width), jnp.float32)
            self.state = SeenPixels(jnp.zeros((), jnp.int32), seen)

    def forward(self, x: Array) -> Array:
        """Gathers the neighbours of the T pixels that come next."""
        return self._of_next(x) if self._mode == "predict" else self._of_all(x)

    def _of_all(self, vectors: Array) -> Array:
        """Returns the neighbours of the first T pixels, by moving the picture about."""
        n_rows, n_columns = self._shape
        n_pictures, length, width = vectors.shape
        # Each at its own place again; pixels that have not come in are nobody's neighbours.
        missing = n_rows * n_columns - length + 1
        picture = jnp.pad(vectors[:, 1:], ((0, 0), (0, missing), (0, 0)))
        picture = picture.reshape(n_pictures, n_rows, n_columns, width)
        picture = jnp.pad(picture, ((0, 0), (_MARGIN, 0), (_MARGIN, _MARGIN), (0, 0)))
        moved = [
            picture[:, _MARGIN + y :, _MARGIN + x :][:, :n_rows, :n_columns] for y, x in NEIGHBOURS
        ]
        around = jnp.concatenate(moved, axis=-1)
        return around.reshape(n_pictures, n_rows * n_columns, -1)[:, :length]

    def _of_next(self, vectors: Array) -> Array:
        """Returns the neighbours of the T pixels after those seen."""
        seen, before = self.state
        before = written(before, vectors, seen)
        n_new = vectors.shape[1]
        self.state = SeenPixels(seen + n_new, before)
        (y, x), n_columns = np.array(NEIGHBOURS).T, self._shape[1]
        pixels = next_places(seen, n_new)[..., None]
        rows, columns = pixels // n_columns + y, pixels % n_columns + x
        there = (rows >= 0) & (columns >= 0) & (columns < n_columns)  # ([B,] T, N)
        # Pixel p came in at position p + 1.
        places = jnp.where(there, rows * n_columns + columns + 1, 0)
        looked_up = before[:, places] if seen.ndim == 0 else _by_row(before, places)
        around = jnp.where(there[..., None], looked_up, 0)
        return around.reshape(*vectors.shape[:2], -1)


def _by_row(vectors: Array, places: Array) -> Array:
    """Returns of each row of vectors, (B, L, E), those at places of its own, int (B, T, N)."""
    return jax.vmap(lambda of_row, places: of_row[places])(vectors, places)
