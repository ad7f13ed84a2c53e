"""Convolutions that see only pixels already drawn, as trax layers.

Pictures come as rows of pixels, float32 (B, R, E, D), in modes train and eval: all R rows at once.
In mode predict pixels come one at a time, and each layer remembers what the next ones need of the
last rows (Ramachandran et al., https://arxiv.org/abs/1704.06001): drawing a pixel takes the same
time whatever the size of the picture.

Where an output may depend on all pixels before its own but not on it (mask A, a model's first
layer), the input in mode predict is the pixel before; elsewhere (mask B) it is the pixel itself.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Signature
from pixace.models.layers.block_matrices import BlockMatrix, product

Mask = Literal["A", "B"]


class MaskedConvolution(trax.layers.base.Layer):
    """A convolution over the pixels above and to the left, those before a pixel in reading order.

    The masks A and B of van den Oord et al. (https://arxiv.org/abs/1601.06759). The weights are
    those of the taps that are seen, (n_taps, D, F), and a bias (F,).

    Args:
      n_filters: F.
      shape: rows, those above and the pixel's own; columns, an odd number around the pixel's own.
      mask: whether the pixel itself is seen (B) or not (A).
      edge: E, pixels in a row.
      mode: train, eval or predict.
    """

    weights: ArrayTree
    state: ArrayTree

    def __init__(
        self, n_filters: int, shape: tuple[int, int], mask: Mask, edge: int, mode: str
    ) -> None:
        super().__init__(name=f"MaskedConvolution{mask}")
        self._n_filters = n_filters
        self._shape = shape
        self._mask = mask
        self._edge = edge
        self._mode = mode
        n_rows, n_columns = shape
        own = (n_rows - 1) * n_columns + n_columns // 2  # number of the pixel's own tap
        self._taps = np.arange(own + (mask == "B"))

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random weights, and an empty memory of the last rows."""
        batch, _, _, depth = input_signature.shape
        kernel = trax.layers.GlorotUniformInitializer()
        self.weights = (
            kernel((len(self._taps), depth, self._n_filters), self.rng),
            jnp.zeros(self._n_filters),
        )
        if self._mode == "predict":
            n_rows, n_columns = self._shape
            rows = jnp.zeros((batch, n_rows, self._edge + n_columns - 1, depth), jnp.float32)
            self.state = jnp.zeros((), jnp.int32), rows

    def matrices(self, weights: ArrayTree) -> list[Array]:
        """Returns the taps' matrices one above another, (n_taps * D, F), and the bias."""
        kernel, bias = weights
        return [kernel.reshape(-1, kernel.shape[-1]), bias]

    def forward(self, x: Array) -> Array:
        """Maps pixels (B, R, E, D) to features (B, R, E, F); in mode predict, of one pixel."""
        if self._mode == "predict":
            return self._next_pixel(x)
        kernel, bias = self.weights
        n_rows, n_columns = self._shape
        if n_rows > 1:  # zeros for the taps that are not seen
            missing = n_rows * n_columns - len(kernel)
            kernel = jnp.pad(kernel, ((0, missing), (0, 0), (0, 0)))
        whole = kernel.reshape(n_rows, -1, *kernel.shape[1:])
        return convolved(x, whole, n_left=n_columns // 2) + bias

    def _next_pixel(self, x: Array) -> Array:
        """Returns the features of the next pixel, (B, 1, 1, F); see the module for x."""
        kernel, bias = self.weights
        if not isinstance(kernel, BlockMatrix) and kernel.ndim == 3:
            kernel, bias = self.matrices(self.weights)
        n_seen, rows = self.state
        n_rows, n_columns = self._shape
        margin = n_columns // 2
        place = n_seen - (self._mask == "A")  # of the pixel that came
        rows = put_pixel(rows, x * (place >= 0), place, self._edge, margin)
        self.state = n_seen + 1, rows
        # Each row of a picture takes the place of the one n_rows above it.
        row, column = n_seen // self._edge, n_seen % self._edge
        window = jax.lax.dynamic_slice_in_dim(rows, column, n_columns, axis=2)
        window = jnp.roll(window, n_rows - 1 - row % n_rows, axis=1)
        seen = window.reshape(len(x), n_rows * n_columns, -1)[:, self._taps]
        features = product(seen.reshape(len(x), -1), kernel) + bias
        return features[:, None, None, :]


class VerticalConvolution(trax.layers.base.Layer):
    """A convolution over whole rows: those above, and with mask B the row itself.

    With mask B the row itself counts as seen: it holds features of the rows above it. In mode
    predict rows come one at a time, (B, 1, E, D): with mask A, the row before.

    Args:
      n_filters: F.
      shape: rows and columns, an odd number, of the kernel.
      mask: see above.
      mode: train, eval or predict.
    """

    weights: ArrayTree
    state: ArrayTree

    def __init__(self, n_filters: int, shape: tuple[int, int], mask: Mask, mode: str) -> None:
        super().__init__(name=f"VerticalConvolution{mask}")
        self._n_filters = n_filters
        self._shape = shape
        self._mask = mask
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random weights, (rows, columns, D, F) and (F,), and an empty memory."""
        batch, _, edge, depth = input_signature.shape
        kernel = trax.layers.GlorotUniformInitializer()
        shape = (*self._shape, depth, self._n_filters)
        self.weights = kernel(shape, self.rng), jnp.zeros(self._n_filters)
        if self._mode == "predict":
            self.state = jnp.zeros((batch, self._shape[0] - 1, edge, depth), jnp.float32)

    def forward(self, x: Array) -> Array:
        """Maps rows (B, R, E, D) to features (B, R, E, F)."""
        kernel, bias = self.weights
        n_left = self._shape[1] // 2
        if self._mode == "predict":
            rows = jnp.concatenate([self.state, x], axis=1)
            self.state = rows[:, 1:]
            return convolved(rows, kernel, n_left)[:, -1:] + bias
        if self._mask == "A":
            x = jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
        return convolved(x, kernel, n_left) + bias


def convolved(x: Array, kernel: Array, n_left: int) -> Array:
    """Returns the convolution of a picture with the rows above and columns around.

    Args:
      x: (B, R, E, D), zeros outside.
      kernel: (rows, columns, D, F), the last row at the pixel's own.
      n_left: columns left of the pixel's own, which may be the one after the last.

    Returns:
      (B, R, E, F).
    """
    n_rows, n_columns = kernel.shape[:2]
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=((n_rows - 1, 0), (n_left, n_columns - 1 - n_left)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def put_pixel(rows: Array, pixel: Array, place: Array, edge: int, margin: int) -> Array:
    """Writes a pixel (B, 1, 1, D) into rows (B, R, E + 2 margin, D), the row above R rows gone.

    Args:
      rows: the last R rows of a picture: number r is at r % R.
      pixel: what to write.
      place: the pixel's number in reading order; -1 is taken for 0.
      edge: E, pixels in a row.
      margin: columns left of the first pixel.
    """
    place = jnp.maximum(place, 0)
    start = (0, place // edge % rows.shape[1], place % edge + margin, 0)
    return jax.lax.dynamic_update_slice(rows, pixel.astype(rows.dtype), start)
