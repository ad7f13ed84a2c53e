"""Tokens to the tiles of a collage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.tokens import tokens_to_image
from pixace.tokens.vocabulary import FILL_ID


def token_rows(
    columns: Sequence[np.ndarray], bitdepth: Sequence[int], length: int
) -> list[list[Image.Image]]:
    """Decodes columns of token sequences to the rows of a collage.

    Args:
      columns: int tokens (B, T), T <= length; missing pixels are black.
      bitdepth: bits of hue, saturation and value.
      length: L, tokens of a whole picture.
    """
    filled = [
        np.pad(column, ((0, 0), (0, length - column.shape[1])), constant_values=FILL_ID)
        for column in columns
    ]
    return [
        [tokens_to_image(tokens, bitdepth) for tokens in row] for row in zip(*filled, strict=True)
    ]
