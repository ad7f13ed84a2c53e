"""Which token ids there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PAD_ID = 0  # also the start symbol that the models see before the first pixel
TRANSPARENT_ID = 1  # of models that know transparent pixels; others never use it
N_RESERVED = 2


def token_count(bitdepth: Sequence[int]) -> int:
    """Returns V, the size of the vocabulary: `2**sum(bitdepth) + 2`.

    >>> token_count(bitdepth=(5, 4, 4))
    8194
    """
    return 2 ** sum(bitdepth) + N_RESERVED


def numbers_of_colours(n_tokens: int) -> np.ndarray:
    """Returns the factors of V colours that do not come apart, int32 (V, 1); see `Codec`."""
    return np.maximum(np.arange(n_tokens, dtype=np.int32) - N_RESERVED, -1)[:, None]
