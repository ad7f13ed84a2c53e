"""How many pictures are drawn at a time, so that they fit into memory."""

from __future__ import annotations

import functools
import math

import numpy as np

from pixace.backend.door import jax, trax
from pixace.drawing.sampler import PROMPT_PER_CALL
from pixace.models.build import build_model
from pixace.models.layers.cached_attention import caches_in
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of

_MAX_ROWS = 16  # a larger batch draws hardly more pixels a second
_MEMORY = 1 << 30  # bytes that the rows of one batch may need together


def batch_size_for(n_pictures: int, config: ModelConfig, n_kept: int, n_rows: int = 1) -> int:
    """Returns how many of some pictures a model draws at a time.

    Args:
      n_pictures: to draw in all.
      config: the model's settings.
      n_kept: pixels kept of each prompt.
      n_rows: of the model for each picture.
    """
    if n_pictures == 1:  # which spares a tracing of the model
        return 1
    return pictures_per_batch(n_pictures, bytes_per_row(config, n_kept), n_rows)


def pictures_per_batch(n_pictures: int, row_bytes: int, n_rows: int = 1) -> int:
    """Returns how many pictures to draw at a time: few enough for memory, and evenly many.

    Args:
      n_pictures: to draw in all.
      row_bytes: memory that a row of the model needs.
      n_rows: of the model for each picture.
    """
    most = max(1, min(_MAX_ROWS, _MEMORY // row_bytes) // n_rows)
    return math.ceil(n_pictures / math.ceil(n_pictures / most))


@functools.lru_cache  # it traces the model
def bytes_per_row(config: ModelConfig, n_kept: int) -> int:
    """Returns the bytes that drawing one row needs besides the weights.

    Args:
      config: the model's settings.
      n_kept: pixels of the prompt, which are read many at a time.
    """
    signature = trax.shapes.ShapeDtype((1, 1), np.int32)
    _, state = jax.eval_shape(lambda: build_model(config, "predict").init(signature))
    state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    n_read = min(max(n_kept, 1), PROMPT_PER_CALL)
    # One layer attends after the other.
    attention = max((cache.attention_bytes(n_read) for cache in caches_in(state)), default=0)
    return state_bytes + attention + 4 * codec_of(config.pictures).n_tokens
