"""What a folder of images holds: sizes, modes, transparency, duplicates, classes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pixace.dataset.duplicates import thumbnail
from pixace.errors import ImageError
from pixace.pictures.exact import block_size
from pixace.pictures.folder import ImagePath, ImagePaths, Unreadable
from pixace.pictures.formats.orientation import lies_on_its_side
from pixace.pictures.many import read_in_order
from pixace.pictures.rgb import to_rgb, to_rgba
from pixace.system.files import file_sha256

_PIECES = 4096  # of one file that are examined in one go


class ImageFacts(NamedTuple):
    """What is worth knowing of one picture.

    Attributes:
      size: width and height in pixels, of the picture turned upright.
      mode: Pillow's name of how the file stores pixels, such as RGB, RGBA, L or P.
      is_transparent: whether any pixel is, even a little.
      n_soft: pixels that are neither transparent nor opaque, but something between.
      block: the edge of the equal blocks that it is made of; see `exact.block_size`.
      digest: SHA-256 of the file's bytes, or of a piece's pixels.
      thumbnail: see `duplicates.thumbnail`.
    """

    size: tuple[int, int]
    mode: str
    is_transparent: bool
    n_soft: int
    block: int
    digest: bytes
    thumbnail: np.ndarray


class ExaminedFolder(NamedTuple):
    """The pictures of a folder.

    Attributes:
      paths: the N that can be read, in order.
      facts: theirs.
      unreadable: the others.
    """

    paths: ImagePaths
    facts: list[ImageFacts]
    unreadable: list[Unreadable]

    @property
    def thumbnails(self) -> np.ndarray:
        """Those of all pictures, uint8 (N, 8, 9, 3)."""
        return np.array([facts.thumbnail for facts in self.facts], np.uint8).reshape(-1, 8, 9, 3)


def examine(
    paths: ImagePaths,
    background: str = "black",
    progress: Callable[[int], None] = lambda n_images: None,
) -> ExaminedFolder:
    """Reads all pictures of a folder, in parallel.

    Args:
      paths: their own.
      background: colour behind transparent pixels.
      progress: called after each of them, with 1.
    """
    numbers, all_facts, unreadable = [], [], []

    def work(path: ImagePath, img: Image.Image) -> ImageFacts:
        return _facts(path, img, background)

    for number, facts in read_in_order(paths, range(len(paths)), work, _PIECES):
        if isinstance(facts, ImageError):
            unreadable.append(Unreadable.because(paths[number], facts))
        else:
            numbers.append(number)
            all_facts.append(facts)
        progress(1)
    return ExaminedFolder(paths.select(numbers), all_facts, unreadable)


def _facts(path: ImagePath, img: Image.Image, background: str) -> ImageFacts:
    """Examines one picture."""
    mode, size, rgb = img.mode, img.size, to_rgb(img, background)
    if lies_on_its_side(img):
        size = size[1], size[0]
    is_transparent, n_soft, block = False, 0, block_size(rgb)
    if img.has_transparency_data:
        _, *soft, n_opaque = to_rgba(img).getchannel("A").histogram()
        is_transparent, n_soft = n_opaque < rgb.width * rgb.height, sum(soft)
    if isinstance(path, Path):
        digest = bytes.fromhex(file_sha256(path))
    else:
        digest = hashlib.sha256(repr((rgb.size, mode)).encode() + rgb.tobytes()).digest()
    return ImageFacts(size, mode, is_transparent, n_soft, block, digest, thumbnail(rgb))
