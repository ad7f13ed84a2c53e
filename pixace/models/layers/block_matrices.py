"""Weight matrices laid out for drawing on a CPU, where reading them is what takes the time.

XLA multiplies a few rows by a large matrix at little more than half of the memory's speed. The same
matrix as one block of columns per core, each transposed, is read nearly as fast as the memory gives
it (figures: benchmarks/README.md). A `BlockMatrix` takes the place of a layer's matrix;
`trax.layers.Dense` multiplies by it through the door's `dot`.
"""

from __future__ import annotations

from typing import NamedTuple

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.system.limits import n_cores

# XLA (JAX 0.12) multiplies several rows faster by a matrix in blocks, one for each core, as long as
# a block has so many numbers; and a single row by a matrix in one block, if it has so many numbers.
_MIN_BLOCK = 1 << 17
_MIN_LARGE = 1 << 23


class BlockMatrix(NamedTuple):
    """A matrix (D, F) as blocks of its columns, each transposed.

    Attributes:
      blocks: float32 (F_i, D), the F_i summing to F.
    """

    blocks: tuple[Array, ...]

    @classmethod
    def of(cls, matrix: Array, n_blocks: int) -> BlockMatrix:
        """Cuts a matrix (D, F) into `n_blocks` of nearly equal size."""
        return cls(tuple(jnp.array(part.T) for part in jnp.array_split(matrix, n_blocks, axis=1)))

    def left_product(self, x: Array) -> Array:
        """Returns x times the matrix, float32 (..., F), for x of shape (..., D)."""
        rows = x.reshape(-1, x.shape[-1])
        columns = jnp.concatenate([block @ rows.T for block in self.blocks])
        return columns.T.reshape(*x.shape[:-1], -1)


def product(x: Array, matrix: Array | BlockMatrix) -> Array:
    """Returns x (..., D) times a matrix (D, F), plain or a `BlockMatrix`."""
    return matrix.left_product(x) if isinstance(matrix, BlockMatrix) else x @ matrix


def decoding_weights(layer: Layer, weights: ArrayTree, batch_size: int) -> ArrayTree:
    """Returns a model's weights laid out for drawing.

    Args:
      layer: a trax layer, with all its sublayers.
      weights: of that layer, as `layer.weights`.
      batch_size: rows drawn at a time.

    Returns:
      The same nest, with each layer's matrices as that layer multiplies by them fastest.
    """
    if layer.sublayers and isinstance(weights, tuple | list):  # else a mark: shared with another
        pairs = zip(layer.sublayers, weights, strict=True)
        return tuple(decoding_weights(sublayer, below, batch_size) for sublayer, below in pairs)
    if hasattr(layer, "matrices"):
        return tuple(_laid_out(matrix, batch_size) for matrix in layer.matrices(weights))
    if isinstance(layer, trax.layers.Dense) and isinstance(weights, tuple | list):
        matrix, bias = weights
        return _laid_out(matrix, batch_size), bias
    return weights


def _laid_out(matrix: Array, batch_size: int) -> Array | BlockMatrix:
    """Returns the matrix as it is, or a `BlockMatrix` where that is faster."""
    if jax.default_backend() != "cpu":  # an accelerator needs no help
        return matrix
    if batch_size == 1:
        return BlockMatrix.of(matrix, 1) if matrix.size >= _MIN_LARGE else matrix
    n_blocks = min(n_cores(), matrix.size // _MIN_BLOCK)
    return BlockMatrix.of(matrix, n_blocks) if n_blocks > 1 else matrix
