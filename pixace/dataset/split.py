"""A folder of images divided into training and validation, by links to its files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.dataset.caption_metadata import METADATA_NAMES
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.pictures.pieces import Piece
from pixace.settings.checks import require_path
from pixace.wording import shown

SIDES = ("train", "val")

_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # that a PNG has
_TOGETHER = 256  # pieces that are in memory at once, of each file


def choose_val(
    digests: Sequence[bytes], groups: Sequence[Sequence[int]], share: float
) -> np.ndarray:
    """Chooses the validation pictures: by their contents, not by their names or by chance.

    The digest of a file, read as a number from 0 to 1, is below `share` or it is not. So a picture
    keeps its side whatever it is called, and whatever others are added, unless a near duplicate
    of it comes: near duplicates go where the one of the smallest digest goes. For the same reason
    the share is met only roughly. Each side gets something, however few there are.

    Args:
      digests: of the N files, 8 bytes or more each.
      groups: numbers of pictures that look the same; see `duplicates.near_groups`.
      share: of the pictures to choose, between 0 and 1.

    Returns:
      bool (N,).

    Raises:
      ImageError: all pictures look the same, or there is only one.
    """
    places = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
    for group in groups:
        places[group] = places[group].min()
    if len(places) == 0 or places.min() == places.max():
        raise ImageError("there are no two different images to divide")
    inner = np.clip(share, places.min(), np.nextafter(places.max(), 0))
    return places <= inner


def check_split_folder(out: Path, images: Path) -> None:
    """Checks that a split can be written, before all images are read.

    Raises:
      UsageError: the folder is not empty, lies inside the images' folder, or cannot be a folder.
    """
    require_path("out", out)
    if os.path.isdir(out):
        if any(out.iterdir()):
            raise UsageError(f"out {shown(out)} is not empty; name a new folder")
    elif os.path.lexists(out):
        raise UsageError(f"out {shown(out)} is a file; name a new folder")
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(images)):
        raise UsageError(
            f"out {shown(out)} lies inside {shown(images)}, where its links would be taken for "
            "more images; name another folder"
        )


def make_split(paths: ImagePaths, is_val: np.ndarray, out: Path) -> None:
    """Makes `out/train` and `out/val`: links to the files, in the same sub-folders; all or nothing.

    What is only a part of a file, as of a sheet, becomes a PNG of its own. Captions go along: texts
    beside images, and metadata, which then tell of images of the other side, too.

    The links are symbolic: they take no space, work across disks, and say where the file is. They
    are relative, so that they still lead there when both folders are moved together, or seen from
    inside a container.

    Args:
      paths: N pictures.
      is_val: bool (N,).
      out: the folder to make; it may exist if it is empty.

    Raises:
      ImageError: it cannot be written, or a part of a file cannot be read.
    """
    out = Path(os.path.realpath(out))
    temporary = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:60]}."))
        top = temporary / "split"  # with the rights of an ordinary folder
        pieces = []
        for number, side in enumerate(is_val):
            name = Path(SIDES[int(side)], os.fsdecode(paths.file_name(number)))
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            path = paths[number]
            if isinstance(path, Piece):
                pieces.append(number)
            else:
                _link(path, top, out, name)
                _link_text(path, top, out, name)
        _write_pieces(paths, pieces, is_val, top, out)
        _link_metadata(paths.folder, top, out)
        top.rename(out)
    except OSError as error:
        raise ImageError(f"{shown(out)}: cannot write: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _link(file: Path, top: Path, out: Path, name: Path) -> None:
    """Links to a file by a name below `top`, so that the link is right once `top` is called `out`.

    Raises:
      OSError: it cannot be written.
    """
    # A folder on the way may itself be a link, which ".." would not lead back through.
    target = Path(os.path.realpath(file.parent), file.name)
    (top / name).symlink_to(os.path.relpath(target, (out / name).parent))


def _link_text(image: Path, top: Path, out: Path, name: Path) -> None:
    """Links to the text beside an image, which may be its captions, by the name of its link.

    Raises:
      OSError: it cannot be written.
    """
    text, name = image.with_suffix(".txt"), name.with_suffix(".txt")
    if text.is_file() and not os.path.lexists(top / name):  # as that of two images of one stem
        _link(text, top, out, name)


def _link_metadata(folder: Path, top: Path, out: Path) -> None:
    """Links to the metadata of the images, on either side beside those that are there.

    Raises:
      OSError: it cannot be written.
    """
    for inner, _, _ in os.walk(top):
        side, *names = Path(inner).relative_to(top).parts or [""]
        for name in METADATA_NAMES if side else ():
            if (file := Path(folder, *names, name)).is_file():
                _link(file, top, out, Path(side, *names, name))


def _write_pieces(
    paths: ImagePaths, numbers: list[int], is_val: np.ndarray, top: Path, out: Path
) -> None:
    """Writes parts of files as PNGs, such as train/tiles.png-0001.png.

    Raises:
      ImageError: one cannot be read.
      OSError: one cannot be written.
    """

    def work(_: ImagePath, img: Image.Image) -> Image.Image:
        return img.copy() if img.mode in _MODES else img.convert("RGB")

    counts = Counter[bytes]()
    for number, picture in read_in_order(paths, numbers, work, _TOGETHER):
        if isinstance(picture, ImageError):
            raise picture
        name = paths.file_name(number)
        counts[name] += 1
        piece = Path(SIDES[int(is_val[number])], f"{os.fsdecode(name)}-{counts[name]:04}.png")
        picture.save(top / piece)
        _link_text(Path(paths.folder, os.fsdecode(name)), top, out, piece)
