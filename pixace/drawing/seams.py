"""Seams: how well a picture meets itself where it is repeated.

A picture that is rolled by half of its size has in its middle what met at its sides. A model that
was trained on rolled pictures tells there how surprising the seam is. Of several candidates that
one is kept whose seam is the least surprising compared with the rest of it: compared with nothing,
the plainest would be.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence

import numpy as np

from pixace.drawing.guidance import Words
from pixace.drawing.stream import DrawingStep
from pixace.insight.likelihood import Scorer
from pixace.models.stored import StoredModel
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.tokens.order import PixelOrder

_log = logging.getLogger(__name__)

_PER_PASS = 8  # pictures measured at once, always so many: another number would round otherwise


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
        # Pictures are seen as lines of pixels, whatever sides these come from: what comes behind a
        # seam, and what has neighbours to be told by, is the same in each order then.
        self._lines = PixelOrder(*stored.config.pictures.raster)
        self._model = stored.build("eval", batch_size=1)
        self._scorer = Scorer(self._model)

    def judged(
        self,
        steps: Iterator[DrawingStep],
        settings: DrawingSettings,
        pictures: PictureSettings,
        words: Words | None,
        n_rows: int,
        tile: tuple[int, int] | None,
    ) -> Iterator[DrawingStep]:
        """Yields the steps of a drawing, of which those of whole pictures tell these merits.

        Args:
          steps: of `drawing_steps`.
          settings: how they are drawn.
          pictures: what they are to the model meanwhile.
          words: see `drawing_steps`.
          n_rows: of results.
          tile: see `drawing_steps`.
        """
        n_pixels = self._lines.height * self._lines.width
        axes = [1 - axis if pictures.is_turned else axis for axis in settings.seamless_axes]
        for step in steps:
            if step.tokens.shape[1] == n_pixels:
                captions = None
                if words is not None:
                    rows, columns = (step.places[:, :2] + (tile or (0, 0))).T
                    said = words.said(rows, columns, n_rows)
                    captions = said.guide.captions[np.arange(len(rows)), said.judges]
                merits = self.merits(step.tokens, axes, captions)
                step = dataclasses.replace(step, merit=merits)
            yield step

    def merits(
        self, tokens: np.ndarray, axes: Sequence[int], captions: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns by how much seams are less surprising than the rest of a picture, float64 (B,).

        Both are the mean of -ln p in nats per pixel, when pictures are rolled by half. The seam are
        the first pixels behind it; the rest is without the first line and the first pixel of each,
        which have no neighbours to be told by.

        Args:
          tokens: int32 (B, L), whole pictures.
          axes: along which they are to be seamless: 0 from line to line, 1 along them.
          captions: text tokens of each, int32 (B, P); None for a model that knows no words.
        """
        shape = self._lines.height, self._lines.width
        seam, rest = np.zeros((2, *shape), bool)
        rest[1:, 1:] = True
        shifts = []
        for axis, size in enumerate(shape):
            shifts.append(np.full(len(tokens), size // 2 if axis in axes else 0))
            if axis in axes:
                seam[(slice(None),) * axis + (size // 2,)] = True
        rolled = self._lines.rolled(tokens, *shifts)
        n_rows = max(_PER_PASS, len(tokens))
        rolled = np.resize(rolled, (n_rows, rolled.shape[1]))
        if captions is not None:
            captions = np.resize(captions, (n_rows, captions.shape[1]))
        of_passes = self._scorer.pixel_nats(self._model.weights, rolled, _PER_PASS, captions)
        nats = self._lines.picture(np.concatenate([*of_passes])[: len(tokens)])
        return _mean(nats, rest & ~seam) - _mean(nats, seam & rest)


def _mean(nats: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Returns the mean of some pixels of pictures, (B, H, W); 0 where there are none."""
    return nats[:, where].sum(axis=1) / max(1, where.sum())
