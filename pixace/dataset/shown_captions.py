"""Captions as a training shows them: one of several, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pixace.dataset.captions import Captions

_SIDES = re.compile(r"\b(left|right)\b")


class ShownCaptions(NamedTuple):
    """Captions as a training shows them.

    Attributes:
      captions: of N pictures.
      length: P, tokens of each.
      dropout: share of pictures that are shown without.
    """

    captions: Captions
    length: int
    dropout: float

    def shown(self, rows: np.ndarray, alternatives: np.ndarray, dropped: np.ndarray) -> list[str]:
        """Returns one caption for each of B pictures, empty where there is none or it is dropped.

        Args:
          rows: the pictures, int (B,).
          alternatives: which to take of several, from 0 to 1, float (B,).
          dropped: it is if this is below `dropout`, from 0 to 1, float (B,).
        """
        texts = []
        for row, alternative, is_low in zip(rows, alternatives, dropped, strict=True):
            known = self.captions[row] if is_low >= self.dropout else ()
            texts.append(known[int(float(alternative) * len(known))] if known else "")
        return texts


def names_sides(captions: Sequence[str]) -> np.ndarray:
    """Returns bool (B,): which captions say left or right, and are wrong of a mirrored picture."""
    return np.array([_SIDES.search(caption) is not None for caption in captions], bool)
