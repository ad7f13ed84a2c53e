"""Batches of tokens for training, by `tf.data`, and for measuring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pixace.backend.door import tf
from pixace.dataset.cache import TokenRows
from pixace.dataset.captions import Captions
from pixace.pictures.folder import spread_numbers
from pixace.settings.checks import MAX_SEED
from pixace.tokens.order import PixelOrder
from pixace.tokens.text import text_tokens

# What is drawn for each picture of a stream, besides its place and its mirroring.
_ALTERNATIVE, _DROPPED = 1, 2

_SIDES = re.compile(r"\b(left|right)\b")


class Batch(NamedTuple):
    """Some pictures, and how much each of their tokens counts.

    Attributes:
      tokens: int32 (B, L).
      weights: of the tokens in the loss, float32 (B, L), from 0 for one that does not count; None
        lets all count alike.
      captions: text tokens of each, int32 (B, P), see `tokens.text`; None for a model that knows no
        words.
    """

    tokens: np.ndarray
    weights: np.ndarray | None = None
    captions: np.ndarray | None = None


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


def training_batches(
    tokens: TokenRows,
    batch_size: int,
    seed: int,
    *,
    start: int = 0,
    mirror: PixelOrder | None = None,
    captions: ShownCaptions | None = None,
) -> Iterator[Batch]:
    """Yields batches for ever: every image once in each pass, each pass in a new order.

    Image number i of the stream depends on `seed` and i alone, so that a stream opened at `start`
    continues exactly where another one stopped. Batches are always full; the last batch of a pass
    holds the first images of the next one. Of `tokens`, which may be a file larger than memory,
    only the rows of a batch are touched.

    Args:
      tokens: unsigned integers (N, L).
      batch_size: B; may be larger than N.
      seed: of the shuffle and of the mirroring.
      start: number of images that the stream has already yielded.
      mirror: the order of their pixels, to flip every picture left to right with probability one
        half; None flips none.
      captions: of the pictures; one that tells left from right keeps its picture from being
        flipped. None for a model that knows no words.

    Yields:
      B pictures.
    """
    n_images = len(tokens)
    mirrored = None if mirror is None else mirror.mirrored()

    def choose(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        passes, place = position // n_images, position % n_images
        # A keyed permutation of the whole set, computed per image: nothing to store or replay.
        key = tf.stack([tf.constant(seed, tf.int64), passes])
        row = tf.random.experimental.index_shuffle(place, key, n_images - 1)
        coin_key = tf.stack([tf.constant(seed, tf.int64), position])
        flip = mirror is not None and tf.random.stateless_uniform([], coin_key) < 0.5
        if captions is None:
            return row, flip
        return row, flip, *(drawn(purpose, position) for purpose in (_ALTERNATIVE, _DROPPED))

    def drawn(purpose: int, position: tf.Tensor) -> tf.Tensor:
        key = tf.stack([tf.constant(seed + purpose * (MAX_SEED + 1), tf.int64), position])
        return tf.random.stateless_uniform([], key)

    dataset = (
        tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        .map(choose, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    for rows, flips, *draws in dataset.as_numpy_iterator():
        pictures = tokens[rows].astype(np.int32)
        texts = None
        if captions is not None:
            shown = captions.shown(rows, *draws)
            flips = flips & [_SIDES.search(text) is None for text in shown]
            texts = text_tokens(shown, captions.length)
        if mirrored is not None:
            pictures[flips] = pictures[flips][:, mirrored]
        yield Batch(pictures, captions=texts)


def spread_rows(tokens: TokenRows, count: int) -> np.ndarray:
    """Returns rows from all over a set, at even distances; of fewer than `count`, some repeatedly.

    Args:
      tokens: unsigned integers (N, L).
      count: how many rows to return.
    """
    return tokens[spread_numbers(len(tokens), count)]


def padded_batches(
    tokens: TokenRows, batch_size: int, captions: np.ndarray | None = None
) -> Iterator[tuple[Batch, int]]:
    """Yields each image once, in order, in batches of one shape, which compile once.

    Args:
      tokens: unsigned integers (N, L).
      batch_size: B.
      captions: text tokens of each, integers (N, P); None for a model that knows no words.

    Yields:
      B pictures, and how many of them are new: the last batch repeats its last image.
    """
    batch_size = min(batch_size, len(tokens))

    def padded(rows: np.ndarray) -> np.ndarray:
        padding = (0, batch_size - len(rows)), (0, 0)
        return np.pad(rows.astype(np.int32), padding, mode="edge")

    for start in range(0, len(tokens), batch_size):
        rows = tokens[start : start + batch_size]
        texts = None if captions is None else padded(captions[start : start + batch_size])
        yield Batch(padded(rows), captions=texts), len(rows)
