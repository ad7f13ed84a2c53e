"""Which token ids there are."""

from __future__ import annotations

from collections.abc import Sequence

PAD_ID = 0  # also the start symbol that the models see before the first pixel
FILL_ID = 1
N_RESERVED = 2


def token_count(bitdepth: Sequence[int]) -> int:
    """Returns V, the size of the vocabulary: `2**sum(bitdepth) + 2`.

    >>> token_count(bitdepth=(5, 4, 4))
    8194
    """
    return 2 ** sum(bitdepth) + N_RESERVED
