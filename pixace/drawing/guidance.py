"""Drawing by words: what the model reads for each picture, and what its answers are worth.

A picture is R rows of the model. One reads no words, each other one a text, and what is drawn from
is (Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598, for several texts)

    logits without words + sum of w (logits with a text - logits without words)

in which w is guidance x the text's weight. Where w is 1 for a single text, that text's row is all
that counts, and where each w is 0, the row without words: no other row is needed then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pixace.backend.types import Array
from pixace.settings.drawing import BY_CAPTION, DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import ANY
from pixace.settings.scans import drawn_pictures
from pixace.settings.text_prompts import TextPrompt
from pixace.tokens.order import SCAN_NUMBERS
from pixace.tokens.text import text_tokens


class Guide(NamedTuple):
    """What the model reads for each of B pictures, in R rows of each.

    Attributes:
      captions: text tokens, int32 (B, R, P); all pads read no words.
      weights: float32 (B, R), how far the logits go from those of the first row to another's.
    """

    captions: np.ndarray
    weights: np.ndarray


class RowsRead(NamedTuple):
    """The rows of one picture.

    Attributes:
      texts: what each reads, None for no words.
      weights: see `Guide`.
      judge: the row whose likelihood counts as the picture's.
      merits: what ln p of each row counts where candidates are chosen by caption.
    """

    texts: tuple[str | None, ...]
    weights: tuple[float, ...]
    judge: int
    merits: tuple[float, ...]


def guided(logits: Array, weights: Array) -> Array:
    """Returns what to draw from, float32 (B, V).

    Args:
      logits: of the rows of each picture, float32 (B, R, V), finite.
      weights: float32 (B, R); where all are 0 it is the first row, bit for bit.
    """
    first = logits[:, 0]
    return first + (weights[..., None] * (logits - first[:, None])).sum(axis=1)


def rows_read(prompts: Sequence[TextPrompt], guidance: float, by_caption: bool = False) -> RowsRead:
    """Returns the fewest rows that a picture needs.

    Args:
      prompts: what is said, or nothing.
      guidance: by which each weight is multiplied.
      by_caption: whether the likelihoods with and without words are both asked for.
    """
    texts = [prompt.text for prompt in prompts]
    merits = [prompt.weight for prompt in prompts]
    weights = [guidance * weight for weight in merits]
    followed = max(weights, default=0)
    judge = 1 + weights.index(followed) if followed > 0 else 0
    if weights == [1]:
        rows = RowsRead((texts[0], None), (0, 0), 0, (merits[0], -merits[0]))
    else:
        rows = RowsRead((None, *texts), (0, *weights), judge, (-sum(merits), *merits))
    if by_caption or any(rows.weights):
        return rows
    return RowsRead(rows.texts[:1], (0,), 0, (0,))


class Said(NamedTuple):
    """What is said to the model of B pictures, and what its answers count.

    Attributes:
      guide: see there.
      judges: int (B,), the row of each picture whose likelihood is its own.
      merits: float64 (B, R), by which candidates are compared; None where likelihood does that.
    """

    guide: Guide
    judges: np.ndarray
    merits: np.ndarray | None

    def judged(self, log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns the likelihood of pictures, and by how much the words have raised it.

        Args:
          log_likelihood: ln p of each row that the model has read, float64 (B * R,).

        Returns:
          float64 (B,): ln p given the text that is followed most, or given no words where none is;
          and the sum of weight x (ln p with a text - ln p without words), where that is asked for.
        """
        nats = log_likelihood.reshape(len(self.judges), -1)
        own = np.take_along_axis(nats, self.judges[:, None], axis=1)[:, 0]
        return own, None if self.merits is None else (self.merits * nats).sum(axis=1)


class Words:
    """What a drawing says, in any of its pictures.

    Args:
      settings: of the drawing.
      caption_length: P, tokens of a caption; 0 where the model knows no words.
      order: the number of the order of pixels, see `tokens.order.all_orders`, which is told behind
        each caption, also where it says nothing; None for a model that has one order.

    Attributes:
      n_rows: R, the most rows of the model that any picture needs.
    """

    def __init__(
        self, settings: DrawingSettings, caption_length: int, order: int | None = None
    ) -> None:
        by_caption = settings.best_of_by == BY_CAPTION and settings.best_of > 1
        texts = settings.text_prompts or ((),)
        read = [
            rows_read(prompts, guidance, by_caption)
            for prompts in texts
            for guidance in settings.guidance
        ]
        self._n_texts, self._n_guidances = len(texts), len(settings.guidance)
        self.n_rows = max(len(rows.texts) for rows in read)
        self._judges = np.array([rows.judge for rows in read])
        # A picture that needs fewer rows than another one has some of which nothing comes.
        n_told = caption_length if order is None else caption_length + 1
        self._captions = np.zeros((len(read), self.n_rows, n_told), np.int32)
        if order is not None:
            self._captions[..., -1] = order
        self._weights = np.zeros((len(read), self.n_rows), np.float32)
        self._merits = np.zeros((len(read), self.n_rows)) if by_caption else None
        for number, rows in enumerate(read):
            own = (number, slice(len(rows.texts)))
            self._captions[own][:, :caption_length] = text_tokens(rows.texts, caption_length)
            self._weights[own] = rows.weights
            if self._merits is not None:
                self._merits[own] = rows.merits

    def said(self, rows: np.ndarray, columns: np.ndarray, n_rows: int) -> Said:
        """Returns what is said of some pictures.

        Args:
          rows: of results, int (B,).
          columns: likewise.
          n_rows: how many rows of results there are, those of the first text first.
        """
        kinds = rows * self._n_texts // n_rows * self._n_guidances + columns % self._n_guidances
        guide = Guide(self._captions[kinds], self._weights[kinds])
        merits = None if self._merits is None else self._merits[kinds]
        return Said(guide, self._judges[kinds], merits)


def words_of(settings: DrawingSettings, config: ModelConfig) -> Words | None:
    """Returns what a drawing says to a model; None where it reads nothing but pixels.

    Args:
      settings: of the drawing.
      config: the model's settings.
    """
    if config.prefix_length is None:
        return None
    order = SCAN_NUMBERS[drawn_pictures(config, settings).scan] if config.scan == ANY else None
    return Words(settings, config.caption_length or 0, order)
