"""From a folder of images to batches of tokens.

Every image is read, decoded and quantised once, in parallel, into one compact array in memory;
from then on `tf.data` gathers batches from that array and no file is touched again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixace.config import ModelConfig
from pixace.errors import ImageError, shown
from pixace.images import find_images, open_image
from pixace.tokens import image_to_tokens, token_count
from pixace.trax_compat import tf

_log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """One batch for a language model.

    Attributes:
      inputs: int32 tokens (B, L); the model itself shifts them to the right.
      targets: the same tokens, which it is to predict.
      weights: float32 (B, L), the share of each position in the loss.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class ImageSet(NamedTuple):
    """A folder of images as tokens.

    Attributes:
      tokens: unsigned integers (N, L), in the narrowest type that holds the vocabulary.
      paths: the N files, in the same order.
      skipped: one line for each file that could not be read.
    """

    tokens: np.ndarray
    paths: list[Path]
    skipped: list[str]


def load_images(folder: Path | str, config: ModelConfig) -> ImageSet:
    """Reads all images of a folder and its sub-folders as tokens.

    Files that cannot be read are left out, logged by name, and listed in the result.

    Args:
      folder: the top folder.
      config: image size, bitdepth and background.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
    """
    paths = find_images(folder)
    dtype = np.uint16 if token_count(config.bitdepth) <= 2**16 else np.uint32
    tokens = np.zeros((len(paths), config.n_pixels), dtype)
    good: list[Path] = []
    skipped: list[str] = []
    for index, (row, problem) in enumerate(_read_in_parallel(paths, config)):
        if problem:
            skipped.append(problem)
            _log.warning("skipped %s", problem)
        else:
            tokens[len(good)] = row
            good.append(paths[index])
    if not good:
        raise ImageError(
            f"{shown(folder)}: none of its {len(paths)} image files can be read; the first: "
            f"{skipped[0]}"
        )
    return ImageSet(tokens[: len(good)], good, skipped)


def _read_in_parallel(
    paths: Sequence[Path], config: ModelConfig
) -> Iterator[tuple[np.ndarray, str]]:
    """Yields the tokens (L,) of each file in turn, or the reason why there are none."""

    def read(path: Path) -> tuple[np.ndarray, str]:
        try:
            img = open_image(path, config.background)
        except ImageError as error:
            return np.zeros(config.n_pixels, np.int32), str(error)
        return image_to_tokens(img, config.image_size, config.bitdepth), ""

    # The decoders release Python's lock, so threads really run side by side. Not by `tf.data`:
    # measuring a model reads images, too, and should not wait for TensorFlow.
    with ThreadPool() as pool:
        yield from pool.imap(read, paths)


def training_batches(
    tokens: np.ndarray, batch_size: int, seed: int, *, start: int = 0, mirror: bool = False
) -> Iterator[Batch]:
    """Yields batches for ever: every image once in each pass, each pass in a new order.

    Image number i of the stream depends on `seed` and i alone, so that a stream opened at `start`
    continues exactly where another one stopped. Batches are always full; the last batch of a pass
    holds the first images of the next one.

    Args:
      tokens: unsigned integers (N, L).
      batch_size: B; may be larger than N.
      seed: of the shuffle and of the mirroring.
      start: number of images that the stream has already yielded.
      mirror: flip every picture left to right with probability one half.
    """
    n_images, length = tokens.shape
    edge = round(length**0.5)
    table = tf.constant(tokens.astype(np.int32) if tokens.dtype == np.uint32 else tokens)

    def row(position: tf.Tensor) -> tf.Tensor:
        passes, place = position // n_images, position % n_images
        # A keyed permutation of the whole set, computed per image: nothing to store or replay.
        key = tf.stack([tf.constant(seed, tf.int64), passes])
        index = tf.random.experimental.index_shuffle(place, key, n_images - 1)
        picture = tf.cast(table[index], tf.int32)
        if mirror:
            coin_key = tf.stack([tf.constant(seed, tf.int64), position])
            coin = tf.random.stateless_uniform([], coin_key)
            flipped = tf.reshape(tf.reverse(tf.reshape(picture, (edge, edge)), [1]), (length,))
            picture = tf.where(coin < 0.5, flipped, picture)
        return picture

    dataset = (
        tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        .map(row, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    weights = np.ones((batch_size, length), np.float32)
    for pictures in dataset.as_numpy_iterator():
        yield Batch(pictures, pictures, weights)


def spread_rows(tokens: np.ndarray, count: int) -> np.ndarray:
    """Returns rows from all over a set, at even distances; of fewer than `count`, some repeatedly.

    Args:
      tokens: unsigned integers (N, L).
      count: how many rows to return.
    """
    return tokens[np.linspace(0, len(tokens), count, endpoint=False).astype(int)]


def padded_batches(tokens: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields each image once, in order, in batches of one shape, which compile once.

    Args:
      tokens: unsigned integers (N, L).
      batch_size: B.

    Yields:
      int32 tokens (B, L), and the number of rows that count: the last batch repeats its last image.
    """
    batch_size = min(batch_size, len(tokens))
    for start in range(0, len(tokens), batch_size):
        rows = tokens[start : start + batch_size].astype(np.int32)
        yield np.pad(rows, ((0, batch_size - len(rows)), (0, 0)), mode="edge"), len(rows)
