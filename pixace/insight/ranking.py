"""The images of a folder in the order of their surprise."""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections.abc import Sequence

import numpy as np

from pixace.insight.classification import Classification, Classifier
from pixace.insight.surprise import Surprise
from pixace.pictures.folder import ImagePaths, Unreadable


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The images of a folder, the most surprising first.

    Attributes:
      paths: the N files that could be read; those of equal surprise in the order of their paths.
      nats_per_pixel: float64 (N,), -ln p of one pixel of each.
      unreadable: the other files.
      surprises: the pixels of the first of them, for `surprise.surprise_sheet`.
      classification: which of several captions is the likeliest for each, if that was asked.
    """

    paths: ImagePaths
    nats_per_pixel: np.ndarray
    unreadable: list[Unreadable]
    surprises: list[Surprise]
    classification: Classification | None = None

    @property
    def bits_per_pixel(self) -> np.ndarray:
        """-log2 p of one pixel of each image, float64 (N,)."""
        return self.nats_per_pixel / math.log(2)


class Ranker:
    """Collects how much images surprise a model, and puts them in order.

    Args:
      paths: of the folder's images.
      n_surprises: of how many of the most surprising to keep all pixels.
    """

    def __init__(self, paths: ImagePaths, n_surprises: int) -> None:
        self._paths, self._n_surprises = paths, n_surprises
        self._numbers, self._nats = array("q"), array("d")
        self._surprises: list[Surprise] = []

    def add(self, images: Sequence[tuple[int, np.ndarray]], nats: np.ndarray) -> None:
        """Takes up some images, which come in the order of their paths.

        Args:
          images: the number and the tokens (L,) of each.
          nats: -ln p of their pixels, float64, a row (L,) for each; more rows are passed over.
        """
        for (number, row), row_nats in zip(images, nats, strict=False):
            self._numbers.append(number)
            self._nats.append(row_nats.mean())
            if self._n_surprises:
                self._surprises.append(Surprise(self._paths.label(number), row, row_nats))
        # A stable sort of what came in the order of the paths.
        self._surprises.sort(key=lambda surprise: -surprise.nats.mean())
        del self._surprises[self._n_surprises :]

    def ranking(self, unreadable: list[Unreadable], classifier: Classifier | None) -> Ranking:
        """Returns the images in order.

        Args:
          unreadable: the other files.
          classifier: that has taken up the same images; None where that was not asked.
        """
        nats = np.array(self._nats)
        order = np.argsort(-nats, kind="stable")
        paths = self._paths.select(np.array(self._numbers)[order])
        chosen = None if classifier is None else classifier.ordered(order)
        return Ranking(paths, nats[order], unreadable, self._surprises, chosen)
