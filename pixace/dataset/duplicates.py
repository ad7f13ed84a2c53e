"""Which pictures of a set look the same, found without comparing each with each.

Two pictures are near duplicates if, squeezed into 9x8 pixels,

- their difference hashes (https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html),
  64 bits that say where a pixel is brighter than its left neighbour, differ in at most 3 bits, and
- their colours differ by at most 3 of 255 (root mean square over pixels and channels).

That finds copies in other formats and sizes: of emoji all that were scaled and 19 of 20 that went
through JPEG at quality 75, of photographs nearly all. It does not find what was cropped, turned or
mirrored. Pictures with the same bytes are near duplicates, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

THUMBNAIL_SHAPE = (8, 9, 3)

_MAX_BITS = 3
_MAX_DISTANCE = 3.0
# Brighter by less is not brighter: the noise of a JPEG file would decide in even areas.
_MARGIN = 4.0
_BANDS = _MAX_BITS + 1  # of hashes that differ in 3 bits at most, one of 4 parts is the same
_MAX_NEIGHBOURS = 200  # compared with each picture in each band


def thumbnail(img: Image.Image) -> np.ndarray:
    """Squeezes an RGB picture into 9x8 pixels: uint8 (8, 9, 3).

    Bicubic, as copies of other sizes then come out alike: Pillow's box filter takes whole pixels
    only, and of small pictures not the same area.
    """
    rows, columns, _ = THUMBNAIL_SHAPE
    return np.asarray(img.resize((columns, rows), Image.Resampling.BICUBIC))


def difference_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Returns the hash of each thumbnail, uint8 (N, 8, 9, 3), as bits, bool (N, 64)."""
    grey = thumbnails @ np.array([0.299, 0.587, 0.114])
    return (np.diff(grey, axis=2) > _MARGIN).reshape(len(grey), 64)


def same_groups(keys: Iterable[Hashable]) -> list[list[int]]:
    """Returns the numbers of things with the same key: groups of two and more, in order."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        groups[key].append(number)
    return [group for group in groups.values() if len(group) > 1]


def near_groups(thumbnails: np.ndarray) -> list[list[int]]:
    """Returns the near duplicates of a set: groups of two and more, in order.

    A group holds what is linked by near duplicates, so that its ends may be less alike. Where more
    than 200 different pictures of about the same brightness share a part of their hash, not all of
    them are compared.

    Args:
      thumbnails: uint8 (N, 8, 9, 3).
    """
    if not len(thumbnails):
        return []
    kinds: dict[bytes, int] = {}  # equal thumbnails, such as those of blank pictures, count once
    numbers = [kinds.setdefault(pixels.tobytes(), len(kinds)) for pixels in thumbnails]
    firsts = np.unique(numbers, return_index=True)[1]
    parents = _linked(len(kinds), _near_pairs(thumbnails[firsts]))
    return same_groups(parents[number] for number in numbers)


def _near_pairs(thumbnails: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yields the numbers of thumbnails that are near duplicates; some pairs several times.

    Only pictures that share a part of their hash are compared, in the order of their brightness,
    each with those that follow: what is brighter by more than the distance allowed is no near
    duplicate, and neither is what comes after it.
    """
    bits = difference_hashes(thumbnails)
    hashes = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    brightness = thumbnails.mean(axis=(1, 2, 3))
    blocks = _block_means(thumbnails)
    for band in range(_BANDS):
        part = np.packbits(bits[:, band::_BANDS], axis=1).view(np.uint16)[:, 0]
        order = np.lexsort((brightness, part))
        ordered_part, ordered_brightness = part[order], brightness[order]
        for offset in range(1, min(_MAX_NEIGHBOURS, len(order) - 1) + 1):
            close = ordered_part[offset:] == ordered_part[:-offset]
            close &= ordered_brightness[offset:] - ordered_brightness[:-offset] <= _MAX_DISTANCE
            if not close.any():
                break
            one, other = order[:-offset][close], order[offset:][close]
            for is_near in (
                lambda a, b: np.bitwise_count(hashes[a] ^ hashes[b]) <= _MAX_BITS,
                lambda a, b: _distances(blocks[a], blocks[b]) <= _MAX_DISTANCE,
                lambda a, b: _distances(thumbnails[a], thumbnails[b]) <= _MAX_DISTANCE,
            ):
                near = is_near(one, other)
                one, other = one[near], other[near]
            yield from zip(one.tolist(), other.tolist(), strict=True)


def _block_means(thumbnails: np.ndarray) -> np.ndarray:
    """Returns the means of 2x3 blocks, float32 (N, 2, 3, 3).

    They are at most as far apart as the pictures (the mean of squares is at least the square of
    the mean), and quicker to compare.
    """
    count, rows, columns, channels = thumbnails.shape
    blocks = thumbnails.reshape(count, 2, rows // 2, 3, columns // 3, channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def _distances(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the root mean square differences of pictures (N, ...), float32 (N,)."""
    squares = np.square(pictures.astype(np.float32) - others)
    return np.sqrt(squares.mean(axis=tuple(range(1, squares.ndim))))


def _linked(count: int, pairs: Iterable[tuple[int, int]]) -> Sequence[int]:
    """Returns for each of `count` things one of those that pairs link it to, the same for all."""
    parents = [*range(count)]

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]  # halves the way for the next one
            number = parents[number]
        return number

    for one, other in pairs:
        one, other = root(one), root(other)
        parents[max(one, other)] = min(one, other)
    return [root(number) for number in range(count)]
