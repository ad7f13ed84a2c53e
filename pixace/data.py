"""From a folder of images to batches of tokens.

Every image is read, decoded and quantised once, in parallel, into one compact array, in memory or
on disk (see `token_cache`). From then on batches are gathered from that array, in an order that
`tf.data` computes ahead, and no image file is touched again.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixace.config import ModelConfig
from pixace.errors import ImageError, shown
from pixace.images import ImagePaths, find_images, open_image
from pixace.parallel import in_order
from pixace.token_cache import TokenCache, TokenRows, fingerprints, token_dtype
from pixace.tokens import pixels_to_tokens
from pixace.trax_compat import tf
from pixace.values import require_int

_log = logging.getLogger(__name__)

_CHUNK_PIXELS = 2**14  # quantised together: small pictures one by one take three times as long


class ImageSet(NamedTuple):
    """A folder of images as tokens.

    Attributes:
      tokens: unsigned integers (N, L), in the narrowest type that holds the vocabulary; in memory,
        or in a file.
      paths: the N files, in the same order.
      skipped: one line for each file that could not be read.
    """

    tokens: TokenRows
    paths: ImagePaths
    skipped: list[str]


def load_images(
    folder: Path | str,
    config: ModelConfig,
    *,
    cache_dir: Path | str | None = None,
    share: tuple[int, int] = (0, 1),
) -> ImageSet:
    """Reads all images of a folder and its sub-folders as tokens.

    Files that cannot be read are left out, logged by name, and listed in the result.

    Args:
      folder: the top folder.
      config: image size, bitdepth and background.
      cache_dir: where to keep the tokens, so that later only new and changed files are read; the
        tokens then stay on disk. None keeps them in memory.
      share: (index, count) reads every `count`-th file, from number `index` on.

    Raises:
      ImageError: no such folder, fewer images in it than shares, or none that can be read.
      PixaceError: cache_dir cannot be written.
      UsageError: there is no such share.
    """
    index, count = share
    require_int("the number of shares", count, 1)
    require_int("the share", index, 0, count - 1)
    paths = find_images(folder)
    if len(paths) < count:
        few = "1 image is" if len(paths) == 1 else f"{len(paths)} images are"
        raise ImageError(f"{shown(folder)}: {few} too few for {count} processes")
    if count > 1:
        paths = paths[index::count]
    skipped: list[str] = []
    numbers: Iterable[int]
    tokens: TokenRows
    if cache_dir is None:
        images = _read(paths, range(len(paths)), config, skipped)
        numbers, tokens = _collect(images, len(paths), config)
    else:
        cache = TokenCache(cache_dir, folder, config, share)
        numbers, tokens = _read_through(cache, paths, config, skipped)
    if not len(tokens):
        reason = f"; the first: {skipped[0]}" if skipped else ""
        raise ImageError(
            f"{shown(folder)}: none of its {len(paths)} image files can be read{reason}"
        )
    return ImageSet(tokens, paths.select(numbers) if skipped else paths, skipped)


def _collect(
    images: Iterable[tuple[int, np.ndarray]], n_files: int, config: ModelConfig
) -> tuple[Iterable[int], np.ndarray]:
    """Returns the numbers of the images, and their tokens (N, L) in memory."""
    tokens = np.empty((n_files, config.n_pixels), token_dtype(config))
    numbers = array("q")
    for number, row in images:
        tokens[len(numbers)] = row
        numbers.append(number)
    return numbers, tokens[: len(numbers)]


def _read_through(
    cache: TokenCache, paths: ImagePaths, config: ModelConfig, skipped: list[str]
) -> tuple[Iterable[int], TokenRows]:
    """Returns the numbers of the images, and their tokens (N, L) on disk.

    Reads only what the cache does not hold, and writes it anew only where something has changed.

    Raises:
      PixaceError: it cannot be written.
    """
    prints = fingerprints(paths)
    stored = cache.read()
    rows = stored.find(prints)
    known, unknown = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    read = _read(paths, unknown, config, skipped)
    first = next(read, None)  # of the files unknown to the cache, those that can be read are new
    is_current = first is None and np.array_equal(rows[known], np.arange(len(stored.tokens)))
    if is_current:
        return known, stored.tokens
    if first is None and not len(known):
        return known, stored.tokens[:0]
    new = read if first is None else itertools.chain([first], read)
    old = ((int(number), stored.tokens[rows[number]]) for number in known)
    return cache.write(heapq.merge(old, new, key=operator.itemgetter(0)), prints)


def _read(
    paths: ImagePaths, numbers: Sequence[int] | np.ndarray, config: ModelConfig, skipped: list[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the number of each file that can be read, and its tokens (L,).

    The arguments are those of `read_tokens`; each file that cannot be read adds a line to
    `skipped`.
    """
    for number, row in read_tokens(paths, numbers, config):
        if isinstance(row, ImageError):
            _log.warning("skipped %s", row)
            skipped.append(str(row))
        else:
            yield number, row


def read_tokens(
    paths: ImagePaths, numbers: Sequence[int] | np.ndarray, config: ModelConfig
) -> Iterator[tuple[int, np.ndarray | ImageError]]:
    """Reads images in parallel, one after another as far as the caller can see.

    Args:
      paths: the files of a folder.
      numbers: which of them to read.
      config: image size, bitdepth and background.

    Yields:
      The number of each file, in the order given, and its tokens, unsigned integers (L,), or else
      what is wrong with it.
    """
    size, dtype = config.image_size, token_dtype(config)

    def read(chunk: Sequence[int] | np.ndarray) -> list[tuple[int, np.ndarray | ImageError]]:
        results: dict[int, np.ndarray | ImageError] = {}
        for number in map(int, chunk):
            try:
                img = open_image(paths[number], config.background, size=size)
                results[number] = np.asarray(img)
            except ImageError as error:
                results[number] = error
        good = [number for number, pixels in results.items() if isinstance(pixels, np.ndarray)]
        pixels = np.array([results[number] for number in good], np.uint8)
        tokens = pixels_to_tokens(pixels.reshape(-1, config.n_pixels, 3), config.bitdepth)
        return [*(results | dict(zip(good, tokens.astype(dtype), strict=True))).items()]

    # Not by `tf.data`: measuring a model reads images, too, and should not wait for TensorFlow.
    step = max(1, _CHUNK_PIXELS // config.n_pixels)
    chunks = (numbers[start : start + step] for start in range(0, len(numbers), step))
    for results in in_order(read, chunks):
        yield from results


def training_batches(
    tokens: TokenRows, batch_size: int, seed: int, *, start: int = 0, mirror: bool = False
) -> Iterator[np.ndarray]:
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
      mirror: flip every picture left to right with probability one half.

    Yields:
      int32 tokens (B, L).
    """
    n_images, length = tokens.shape
    edge = round(length**0.5)

    def choose(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        passes, place = position // n_images, position % n_images
        # A keyed permutation of the whole set, computed per image: nothing to store or replay.
        key = tf.stack([tf.constant(seed, tf.int64), passes])
        row = tf.random.experimental.index_shuffle(place, key, n_images - 1)
        coin_key = tf.stack([tf.constant(seed, tf.int64), position])
        return row, mirror and tf.random.stateless_uniform([], coin_key) < 0.5

    dataset = (
        tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        .map(choose, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    for rows, flips in dataset.as_numpy_iterator():
        pictures = tokens[rows].astype(np.int32)
        if mirror:
            squares = pictures.reshape(batch_size, edge, edge)
            squares[flips] = squares[flips, :, ::-1]
        yield pictures


def spread_rows(tokens: TokenRows, count: int) -> np.ndarray:
    """Returns rows from all over a set, at even distances; of fewer than `count`, some repeatedly.

    Args:
      tokens: unsigned integers (N, L).
      count: how many rows to return.
    """
    return tokens[np.linspace(0, len(tokens), count, endpoint=False).astype(int)]


def padded_batches(tokens: TokenRows, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
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
