"""From a folder of images to batches of tokens.

Every image is read, decoded and quantised once, in parallel, into one compact array, in memory or
on disk (see `cache`). From then on batches are gathered from that array, in an order that
`tf.data` computes ahead, and no image file is touched again.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import logging
import operator
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pixace.dataset.cache import TokenCache, TokenRows, fingerprints, token_dtype
from pixace.dataset.caption_finding import FolderCaptions
from pixace.dataset.captions import Captions
from pixace.dataset.contents import UNKNOWN, content_digests
from pixace.errors import ImageError
from pixace.pictures.cutting import NOTHING_USED, find_pictures
from pixace.pictures.folder import ImagePath, ImagePaths, ImageSource
from pixace.pictures.many import PIECES_PIXELS, Numbers, portions, read_portion
from pixace.settings.checks import require_int
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.system.threads import in_order
from pixace.tokens.reading import picture_of_file, tokens_of_each
from pixace.wording import shown

_log = logging.getLogger(__name__)

_FILES_ABREAST = 64  # whose bytes a thread looks at
_CHUNK_PIXELS = 2**14  # quantised together: small pictures one by one take three times as long


class ImageSet(NamedTuple):
    """A folder of images as tokens.

    Attributes:
      tokens: unsigned integers (N, L), in the narrowest type that holds the vocabulary; in memory,
        or in a file.
      paths: the N pictures, in the same order.
      skipped: one line for each that could not be read.
      captions: of the N pictures; None where nobody has asked for them.
    """

    tokens: TokenRows
    paths: ImagePaths
    skipped: list[str]
    captions: Captions | None = None


def load_images(
    folder: ImageSource,
    config: ModelConfig,
    *,
    cache_dir: Path | str | None = None,
    share: tuple[int, int] = (0, 1),
    reading: ReadingSettings = ONE_EACH,
    captions: FolderCaptions | None = None,
) -> ImageSet:
    """Reads all images of a folder and its sub-folders, or one file, as tokens.

    What cannot be read is left out, logged by name, and listed in the result.

    Args:
      folder: the top folder, or an image file; or what has been found there before.
      config: the model's settings, of which those of its pictures count.
      cache_dir: where to keep the tokens, so that later only new and changed files are read; the
        tokens then stay on disk. None keeps them in memory.
      share: (index, count) reads every `count`-th picture, from number `index` on.
      reading: how files become pictures; by default each is one.
      captions: what has been found of them in the folder.

    Raises:
      ImageError: no such folder, fewer images in it than shares, or none that can be read.
      PixaceError: cache_dir cannot be written.
      UsageError: there is no such share.
    """
    index, count = share
    require_int("the number of shares", count, 1)
    require_int("the share", index, 0, count - 1)
    found = find_pictures(folder, reading)
    paths = found.paths
    name = shown(paths.source)
    if len(paths) < count:
        few = "1 image is" if len(paths) == 1 else f"{len(paths)} images are"
        raise ImageError(f"{name}: {few} too few for {count} processes")
    if count > 1:
        paths = paths[index::count]
    skipped: list[str] = []
    if index == 0:
        found.tell(NOTHING_USED if captions is None else captions.used)
        _skip((f"{shown(path)}: {problem}" for path, problem in found.unreadable), skipped)
    pictures = dataclasses.replace(config.pictures, unscale=reading.unscale)
    numbers: Iterable[int]
    tokens: TokenRows
    if cache_dir is None:
        images = _read(paths, range(len(paths)), pictures, skipped)
        numbers, tokens = _collect(images, len(paths), pictures)
    else:
        cache = TokenCache(cache_dir, paths.source, pictures, share, reading)
        numbers, tokens = _read_through(cache, paths, pictures, skipped)
    if not len(tokens):
        reason = f"; the first: {skipped[0]}" if skipped else ""
        raise ImageError(f"{name}: none of its {len(paths)} image files can be read{reason}")
    if len(tokens) < len(paths):
        paths = paths.select(numbers)
    return ImageSet(tokens, paths, skipped, None if captions is None else captions.of(paths))


def _collect(
    images: Iterable[tuple[int, np.ndarray]], n_files: int, pictures: PictureSettings
) -> tuple[Iterable[int], np.ndarray]:
    """Returns the numbers of the images, and their tokens (N, L) in memory."""
    tokens = np.empty((n_files, pictures.n_pixels), token_dtype(pictures))
    numbers = array("q")
    for number, row in images:
        tokens[len(numbers)] = row
        numbers.append(number)
    return numbers, tokens[: len(numbers)]


def _read_through(
    cache: TokenCache, paths: ImagePaths, pictures: PictureSettings, skipped: list[str]
) -> tuple[Iterable[int], TokenRows]:
    """Returns the numbers of the images, and their tokens (N, L) on disk.

    Reads only what the cache does not hold, and writes it anew only where something has changed.

    Raises:
      PixaceError: it cannot be written.
    """
    prints = fingerprints(paths)
    stored = cache.read()
    rows = stored.find(prints)
    is_same = rows >= 0
    prints[is_same, 1] = stored.fingerprints[rows[is_same], 1]
    others = np.flatnonzero(~is_same)
    if len(stored.tokens):  # else they are all new, and their bytes are looked at as they are read
        _find_contents(paths, others, prints)
        rows[others] = stored.find_contents(prints[others])
    known, unknown = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    read = _read(paths, unknown, pictures, skipped, prints)
    first = next(read, None)  # of the files unknown to the cache, those that can be read are new
    is_current = first is None and np.array_equal(rows[known], np.arange(len(stored.tokens)))
    if is_current and is_same[known].all():
        return known, stored.tokens
    if first is None and not len(known):
        return known, stored.tokens[:0]
    new = read if first is None else itertools.chain([first], read)
    old = ((int(number), stored.tokens[rows[number]]) for number in known)
    return cache.write(heapq.merge(old, new, key=operator.itemgetter(0)), prints)


def _find_contents(paths: ImagePaths, numbers: np.ndarray, prints: np.ndarray) -> None:
    """Notes in fingerprints (N, 2) what is in the files of some images."""

    def digests(portion: list[int]) -> tuple[list[int], np.ndarray]:
        return portion, content_digests(paths, portion)

    for portion, found in in_order(digests, portions(paths, numbers, _FILES_ABREAST, len(paths))):
        prints[portion, 1] = found


def _read(
    paths: ImagePaths,
    numbers: Numbers,
    pictures: PictureSettings,
    skipped: list[str],
    prints: np.ndarray | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the number of each file that can be read, and its tokens (L,).

    Args:
      paths: see `read_tokens`.
      numbers: see `read_tokens`.
      pictures: see `read_tokens`.
      skipped: gets a line for each file that cannot be read.
      prints: fingerprints (N, 2), which get what is in the files, where they are wanted.
    """

    def note(portion: list[int]) -> None:
        if prints is not None and (prints[portion, 1] == UNKNOWN).any():
            prints[portion, 1] = content_digests(paths, portion)

    for number, row in read_tokens(paths, numbers, pictures, note):
        if isinstance(row, ImageError):
            _skip([str(row)], skipped)
        else:
            yield number, row


def _skip(lines: Iterable[str], skipped: list[str]) -> None:
    """Says in the log what is left out, and notes it."""
    for line in lines:
        _log.warning("skipped %s", line)
        skipped.append(line)


def read_tokens(
    paths: ImagePaths,
    numbers: Numbers,
    pictures: PictureSettings,
    look: Callable[[list[int]], None] = lambda portion: None,
) -> Iterator[tuple[int, np.ndarray | ImageError]]:
    """Reads images in parallel, one after another as far as the caller can see.

    Args:
      paths: the pictures of a folder.
      numbers: which of them to read.
      pictures: shape, colours and background.
      look: called with the numbers of some images, in any thread, right before they are read.

    Yields:
      The number of each, in the order given, and its tokens, unsigned integers (L,), or else
      what is wrong with it.
    """
    dtype = token_dtype(pictures)

    def picture_in(_: ImagePath, img: Image.Image) -> Image.Image:
        return picture_of_file(img, pictures)

    step = max(1, _CHUNK_PIXELS // pictures.n_pixels)

    def read(portion: list[int]) -> list[tuple[int, np.ndarray | ImageError]]:
        look(portion)  # before, so that a change meanwhile makes no old tokens of new contents
        found = read_portion(paths, portion, work=picture_in)
        results: dict[int, np.ndarray | ImageError] = {
            number: img for number, img in found if isinstance(img, ImageError)
        }
        good = [(number, img) for number, img in found if not isinstance(img, ImageError)]
        for start in range(0, len(good), step):
            numbers, imgs = zip(*good[start : start + step], strict=True)
            tokens = tokens_of_each(imgs, pictures).astype(dtype)
            results |= zip(numbers, tokens, strict=True)
        return [(number, results[number]) for number, _ in found]

    # Not by `tf.data`: measuring a model reads images, too, and should not wait for TensorFlow.
    n_pieces = max(1, PIECES_PIXELS // pictures.n_pixels)
    for results in in_order(read, portions(paths, numbers, step, n_pieces)):
        yield from results
