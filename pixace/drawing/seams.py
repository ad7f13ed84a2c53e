"""Seams: how well a picture meets itself where it is repeated.

A picture that is rolled by half of its size has in its middle what met at its sides. So of several
candidates the one with the least seams is that which a model that was trained on rolled pictures
finds likeliest when it is rolled.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from pixace.insight.likelihood import Scorer
from pixace.models.stored import StoredModel
from pixace.tokens.order import order_of

_log = logging.getLogger(__name__)

_PER_PASS = 8  # pictures measured at once, which bounds memory


class SeamJudge:
    """Compares pictures of a model by their seams.

    Args:
      stored: the model.
    """

    def __init__(self, stored: StoredModel) -> None:
        if not stored.is_rolled:
            _log.warning(
                "this model was not trained with --roll, and knows little of what meets at the "
                "sides of pictures: tiles may have seams"
            )
        self._order = order_of(stored.config.pictures)
        self._model = stored.build("eval", batch_size=1)
        self._scorer = Scorer(self._model)

    def merits(
        self, tokens: np.ndarray, axes: Sequence[int], captions: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns ln p per pixel of rolled pictures, float64 (B,).

        Args:
          tokens: int32 (B, L), whole pictures.
          axes: along which they are rolled by half: 0 for the rows, 1 for the columns.
          captions: text tokens of each, int32 (B, P); None for a model that knows no words.
        """
        shifts = [
            np.full(len(tokens), size // 2) for size in (self._order.height, self._order.width)
        ]
        down, right = (shift * (axis in axes) for axis, shift in enumerate(shifts))
        rolled = self._order.rolled(tokens, down, right)
        size = min(_PER_PASS, len(tokens))
        return -self._scorer.image_nats(self._model.weights, rolled, size, captions)
