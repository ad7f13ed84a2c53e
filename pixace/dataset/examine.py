"""What a folder of images holds: sizes, modes, transparency, duplicates, classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pixace.dataset.duplicates import thumbnail
from pixace.errors import ImageError
from pixace.pictures.folder import ImagePaths, Unreadable
from pixace.pictures.reading import read_image
from pixace.pictures.rgb import to_rgb
from pixace.system.files import file_sha256
from pixace.system.threads import in_order
from pixace.wording import shown


class ImageFacts(NamedTuple):
    """What is worth knowing of one image file.

    Attributes:
      size: width and height in pixels, of the picture turned upright.
      mode: Pillow's name of how the file stores pixels, such as RGB, RGBA, L or P.
      is_transparent: whether any pixel is, even a little.
      n_soft: pixels that are neither transparent nor opaque, but something between.
      digest: SHA-256 of the file's bytes.
      thumbnail: see `duplicates.thumbnail`.
    """

    size: tuple[int, int]
    mode: str
    is_transparent: bool
    n_soft: int
    digest: bytes
    thumbnail: np.ndarray


class ExaminedFolder(NamedTuple):
    """The image files of a folder.

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
    """Reads all images of a folder, in parallel.

    Args:
      paths: its files.
      background: colour behind transparent pixels.
      progress: called after each image, with 1.
    """
    numbers, all_facts, unreadable = [], [], []

    def work(number: int) -> ImageFacts | ImageError:
        try:
            return _facts(paths[number], background)
        except ImageError as error:
            return error

    for number, facts in enumerate(in_order(work, range(len(paths)))):
        if isinstance(facts, ImageError):
            unreadable.append(Unreadable.because(paths[number], facts))
        else:
            numbers.append(number)
            all_facts.append(facts)
        progress(1)
    return ExaminedFolder(paths.select(numbers), all_facts, unreadable)


def _facts(path: Path, background: str) -> ImageFacts:
    """Reads one image.

    Raises:
      ImageError: it cannot be read.
    """

    def work(img: Image.Image) -> tuple[tuple[int, int], str, bool, int, np.ndarray]:
        mode, rgb = img.mode, to_rgb(img, background)
        is_transparent, n_soft = False, 0
        if img.has_transparency_data:
            alpha = np.asarray(img.convert("RGBA"))[..., 3]
            is_transparent = bool((alpha < 255).any())
            n_soft = int(((alpha > 0) & (alpha < 255)).sum())
        return rgb.size, mode, is_transparent, n_soft, thumbnail(rgb)

    size, mode, is_transparent, n_soft, small = read_image(path, work)
    try:
        digest = bytes.fromhex(file_sha256(path))
    except OSError as error:  # it was there a moment ago
        raise ImageError(f"{shown(path)}: {error.strerror}") from None
    return ImageFacts(size, mode, is_transparent, n_soft, digest, small)
