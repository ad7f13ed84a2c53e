"""Batches of tokens for training, by `tf.data`, and for measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pixace.backend.door import tf
from pixace.dataset.cache import TokenRows
from pixace.dataset.shown_captions import ShownCaptions, names_sides
from pixace.pictures.folder import spread_numbers
from pixace.settings.checks import MAX_SEED
from pixace.tokens.order import PixelOrder
from pixace.tokens.text import text_tokens

# What is drawn by lot for each position of a stream, besides its picture.
_MIRRORING, _ALTERNATIVE, _DROPPING, _ROLL_DOWN, _ROLL_RIGHT, _ORDERING = range(6)


class Batch(NamedTuple):
    """Some pictures, and how much each of their tokens counts.

    Attributes:
      tokens: int32 (B, L).
      weights: of the tokens in the loss, float32 (B, L), from 0 for one that does not count; None
        lets all count alike.
      captions: text tokens of each, int32 (B, P), see `tokens.text`, behind which stands the number
        of the order of its pixels where the model knows all of them; None for one that reads
        neither.
    """

    tokens: np.ndarray
    weights: np.ndarray | None = None
    captions: np.ndarray | None = None


def training_batches(
    tokens: TokenRows,
    batch_size: int,
    seed: int,
    *,
    start: int = 0,
    mirror: PixelOrder | None = None,
    captions: ShownCaptions | None = None,
    roll: PixelOrder | None = None,
    orders: np.ndarray | None = None,
) -> Iterator[Batch]:
    """Yields batches for ever: every image once in each pass, each pass in a new order.

    Image number i of the stream depends on `seed` and i alone, so that a stream opened at `start`
    continues exactly where another one stopped. Batches are always full; the last batch of a pass
    holds the first images of the next one. Of `tokens`, which may be a file larger than memory,
    only the rows of a batch are touched.

    Args:
      tokens: unsigned integers (N, L).
      batch_size: B; may be larger than N.
      seed: of the shuffle, and of all else that is drawn by lot.
      start: number of images that the stream has already yielded.
      mirror: the order of their pixels, to flip every picture left to right with probability one
        half; None flips none.
      captions: of the pictures; one that tells left from right keeps its picture from being
        flipped. None for a model that knows no words.
      roll: the order of their pixels, to shift every picture, after that, by any number of rows and
        columns; what leaves it at a side comes in at the opposite one. None shifts none.
      orders: int (K, L), see `tokens.order.all_orders`, for a model that learns them all, each
        picture in one by lot; None leaves pixels in theirs.

    Yields:
      B pictures.
    """
    mirrored = None if mirror is None else mirror.mirrored()
    n_orders = None if orders is None else len(orders)
    choices = _choices(len(tokens), seed, mirror is not None, captions is not None, roll, n_orders)
    dataset = (
        tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        .map(choices, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    for rows, flips, shifts, numbers, *draws in dataset.as_numpy_iterator():
        pictures = tokens[rows].astype(np.int32)
        texts = None
        if captions is not None:
            shown = captions.shown(rows, *draws)
            flips = flips & ~names_sides(shown)
            texts = text_tokens(shown, captions.length)
        if mirrored is not None:
            pictures[flips] = pictures[flips][:, mirrored]
        if roll is not None:
            pictures = roll.rolled(pictures, *shifts.T)
        if orders is not None:
            pictures, texts = _in_orders(pictures, texts, orders, numbers)
        yield Batch(pictures, captions=texts)


def _in_orders(
    pictures: np.ndarray, texts: np.ndarray | None, orders: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures in orders of pixels, and what is read before them, which tells the orders.

    Args:
      pictures: int32 (B, L).
      texts: int32 (B, P), if there are any.
      orders: int (K, L).
      numbers: which of them each picture has, int (B,).
    """
    told = numbers[:, None].astype(np.int32)
    read = told if texts is None else np.concatenate([texts, told], axis=1)
    return np.take_along_axis(pictures, orders[numbers], axis=1), read


def _choices(
    n_images: int,
    seed: int,
    has_mirror: bool,
    has_captions: bool,
    roll: PixelOrder | None,
    n_orders: int | None,
) -> Callable[..., Any]:
    """Returns what makes of a position in the stream all that is drawn by lot for it.

    Args:
      n_images: in one pass.
      seed: of the stream.
      has_mirror: whether pictures are flipped.
      has_captions: whether captions are shown.
      roll: the order of the pixels of pictures that are shifted.
      n_orders: of pixels, of which each picture has one; None for pictures that have the same.
    """

    def drawn(purpose: int, position: tf.Tensor, n_numbers: int | None = None) -> tf.Tensor:
        key = tf.stack([tf.constant(seed + purpose * (MAX_SEED + 1), tf.int64), position])
        if n_numbers is None:
            return tf.random.stateless_uniform([], key)
        return tf.random.stateless_uniform([], key, 0, n_numbers, tf.int32)

    def choose(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        passes, place = position // n_images, position % n_images
        # A keyed permutation of the whole set, computed per image: nothing to store or replay.
        key = tf.stack([tf.constant(seed, tf.int64), passes])
        row = tf.random.experimental.index_shuffle(place, key, n_images - 1)
        flip = has_mirror and drawn(_MIRRORING, position) < 0.5
        shift: Any = ()
        if roll is not None:
            down = drawn(_ROLL_DOWN, position, roll.height)
            shift = tf.stack([down, drawn(_ROLL_RIGHT, position, roll.width)])
        number = () if n_orders is None else drawn(_ORDERING, position, n_orders)
        if not has_captions:
            return row, flip, shift, number
        captions = drawn(_ALTERNATIVE, position), drawn(_DROPPING, position)
        return row, flip, shift, number, *captions

    return choose


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
