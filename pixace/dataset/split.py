"""A folder of images divided into training and validation, by links to its files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.dataset.caption_metadata import METADATA_NAMES, metadata_rows
from pixace.dataset.caption_texts import Troubles
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.pictures.pieces import Piece
from pixace.settings.checks import require_path
from pixace.wording import shown

SIDES = ("train", "val")

_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # that a PNG has
_Pieces = dict[Path, list[Path]]  # of each file that is cut, below either side
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
    beside images, and metadata, which then tell of images of the other side, too. Metadata that
    tell of a file that is cut become a metadata.jsonl of rows for its parts.

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
        written = _write_pieces(paths, pieces, is_val, top, out)
        _take_metadata(paths.folder, top, out, written)
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


def _take_metadata(folder: Path, top: Path, out: Path, pieces: _Pieces) -> None:
    """Takes the metadata of the images to either side, beside those that are there.

    They are links, but where the first of them, which counts, tells of files that were cut.

    Raises:
      OSError: it cannot be written.
    """
    for inner, _, _ in os.walk(top):
        side, *names = Path(inner).relative_to(top).parts or [""]
        files = [Path(folder, *names, name) for name in METADATA_NAMES if side]
        files = [file for file in files if file.is_file()]
        if files and pieces and (rows := _rows_of_pieces(files[0], Path(side, *names), pieces)):
            Path(inner, METADATA_NAMES[0]).write_text(rows, encoding="utf-8")
            del files[0]
        for file in files:
            _link(file, top, out, Path(side, *names, file.name))


def _rows_of_pieces(file: Path, place: Path, pieces: _Pieces) -> str:
    """Returns the lines of metadata in which pieces stand for the files that they were cut from.

    Args:
      file: the metadata.
      place: their folder below `top`, such as train or train/sub.
      pieces: what was cut.

    Returns:
      JSON lines; empty if no file that was cut is told of.
    """
    lines, n_cut = list[str](), 0
    for row in metadata_rows(file, file.name, Troubles()):
        about = {"text": row.caption, "class": row.label}
        cut = pieces.get(Path(os.path.normpath(place / row.file_name)))
        n_cut += cut is not None
        names = [row.file_name] if cut is None else [os.path.relpath(one, place) for one in cut]
        lines += (json.dumps({"file_name": name} | about) for name in names)
    return "".join(f"{line}\n" for line in lines) if n_cut else ""


def _write_pieces(
    paths: ImagePaths, numbers: list[int], is_val: np.ndarray, top: Path, out: Path
) -> _Pieces:
    """Writes parts of files as PNGs, such as train/tiles.png-0001.png.

    Returns:
      Their names.

    Raises:
      ImageError: one cannot be read.
      OSError: one cannot be written.
    """

    def work(_: ImagePath, img: Image.Image) -> Image.Image:
        return img.copy() if img.mode in _MODES else img.convert("RGB")

    counts, written = Counter[bytes](), _Pieces()
    for number, picture in read_in_order(paths, numbers, work, _TOGETHER):
        if isinstance(picture, ImageError):
            raise picture
        name = paths.file_name(number)
        counts[name] += 1
        file = Path(os.fsdecode(name))
        for side in SIDES:  # on either of which, metadata tell of the file
            written.setdefault(side / file, [])
        side = SIDES[int(is_val[number])]
        piece = Path(side, f"{file}-{counts[name]:04}.png")
        written[side / file].append(piece)
        picture.save(top / piece)
        _link_text(paths.folder / file, top, out, piece)
    return written
