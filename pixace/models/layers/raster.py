"""Pixels drawn one by one, as convolutions need them: the rows above and the row so far."""

from __future__ import annotations

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer, Signature
from pixace.models.layers.masked_convolutions import put_pixel


class _PixelByPixel(trax.layers.base.Layer):
    """A layer that knows, in mode predict, where in its row a pixel is.

    Args:
      edge: E, pixels in a row.
      mode: train, eval or predict.
    """

    state: ArrayTree

    def __init__(self, edge: int, mode: str) -> None:
        super().__init__()
        self._edge = edge
        self._mode = mode


class LastRow(_PixelByPixel):
    """In mode predict, collects pixels (B, 1, 1, D) to the last full row (B, 1, E, D).

    In other modes pixels are in rows already. The input is the pixel before the next one.
    """

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes an empty row."""
        if self._mode == "predict":
            batch, _, _, depth = input_signature.shape
            row = jnp.zeros((batch, 1, self._edge, depth), jnp.float32)
            self.state = jnp.zeros((), jnp.int32), row

    def forward(self, x: Array) -> Array:
        """Returns the row, which is full when the next pixel starts a new one."""
        if self._mode != "predict":
            return x
        n_seen, row = self.state
        row = put_pixel(row, x * (n_seen > 0), n_seen - 1, self._edge, 0)
        self.state = n_seen + 1, row
        return row


class RowByRow(trax.layers.Serial):
    """Layers over rows that work, in mode predict, only when the next pixel starts a new row.

    Until then they give what they gave for the row's first pixel.

    Args:
      *layers: in mode predict from a row, (B, 1, E, D), to any number of outputs.
      edge: E, pixels in a row.
      mode: train, eval or predict.
    """

    state: ArrayTree

    def __init__(self, *layers: Layer, edge: int, mode: str) -> None:
        inside = trax.layers.Serial(*layers)
        super().__init__(inside, _Held(inside.n_out, mode))
        self._edge = edge
        self._mode = mode

    def forward(self, x: Array) -> ArrayTree:
        """Returns the outputs for the row that the next pixel is in."""
        if self._mode != "predict":
            return super().forward(x)
        inside, _ = self.sublayers
        weights, _ = self.weights
        inner_state, (n_seen, held) = self.state

        def new_row(state: ArrayTree, _: ArrayTree) -> tuple[ArrayTree, ArrayTree]:
            outputs, state = inside.pure_fn(x, weights, state, self.rng)
            return state, outputs

        inner_state, outputs = jax.lax.cond(
            n_seen % self._edge == 0, new_row, lambda *same: same, inner_state, held
        )
        self.state = inner_state, (n_seen + 1, outputs)
        return outputs


class _Held(trax.layers.base.Layer):
    """Remembers what comes through: the number of pixels seen, and the outputs of the last row."""

    state: ArrayTree

    def __init__(self, n_outputs: int, mode: str) -> None:
        super().__init__(n_in=n_outputs, n_out=n_outputs)
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Remembers nothing yet."""
        if self._mode == "predict":
            empty = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), input_signature)
            self.state = jnp.zeros((), jnp.int32), empty

    def forward(self, x: ArrayTree) -> ArrayTree:
        """Returns what came."""
        return x


class PixelOfRow(_PixelByPixel):
    """In mode predict, takes the next pixel's features (B, 1, 1, D) from a row's (B, 1, E, D)."""

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Starts at the first pixel."""
        if self._mode == "predict":
            self.state = jnp.zeros((), jnp.int32)

    def forward(self, x: Array) -> Array:
        """Returns the pixel's part, or in other modes all."""
        if self._mode != "predict":
            return x
        n_seen = self.state
        self.state = n_seen + 1
        return jax.lax.dynamic_slice_in_dim(x, n_seen % self._edge, 1, axis=2)


class Raster(trax.layers.Serial):
    """Layers over pictures, fed a sequence of pixels in reading order: tokens, or their vectors.

    Args:
      *layers: from pixels (B, R, E, ...) to features (B, R, E, F); in mode predict, pixel by pixel.
      edge: E, pixels in a row.
      mode: train, eval or predict.
    """

    state: ArrayTree

    def __init__(self, *layers: Layer, edge: int, mode: str) -> None:
        super().__init__(*layers)
        self._edge = edge
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes the layers' weights and states."""
        batch, length, *rest = input_signature.shape
        grid = (1, 1) if self._mode == "predict" else self._grid(length)
        signature = trax.shapes.ShapeDtype((batch, *grid, *rest), input_signature.dtype)
        super().init_weights_and_state(signature)

    def _grid(self, length: int) -> tuple[int, int]:
        """Returns the rows and columns that hold so many pixels."""
        return -(-length // self._edge), self._edge

    def forward(self, x: Array) -> Array:
        """Maps pixels (B, T, ...) to features (B, T, F), as `models.build_model` has it."""
        batch, length, *rest = x.shape
        if self._mode != "predict":
            n_rows, edge = self._grid(length)
            missing = [(0, n_rows * edge - length), *[(0, 0)] * len(rest)]
            pixels = jnp.pad(x, ((0, 0), *missing)).reshape(batch, n_rows, edge, *rest)
            return super().forward(pixels).reshape(batch, n_rows * edge, -1)[:, :length]
        if length == 1:
            return super().forward(x[:, :, None])[:, 0]
        layers = trax.layers.Serial(*self.sublayers)
        weights, rng = self.weights, self.rng

        def next_pixel(state: ArrayTree, pixel: Array) -> tuple[ArrayTree, Array]:
            features, state = layers.pure_fn(pixel[:, None, None], weights, state, rng)
            return state, features[:, 0, 0]

        self.state, features = jax.lax.scan(next_pixel, self.state, jnp.moveaxis(x, 1, 0))
        return jnp.moveaxis(features, 0, 1)
