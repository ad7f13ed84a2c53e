"""Writing a picture whole, and checking beforehand that it can be written."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.metadata import RECIPE_KEY, saving_options
from pixace.pictures.rgb import on_background
from pixace.settings.checks import require_path
from pixace.system.files import write_atomically
from pixace.system.results import FileName, refuse_to_replace, written_path
from pixace.wording import shown

# Suffix -> Pillow's format and options. JPEG without chroma subsampling: the tiles are made of few
# large colour squares, whose edges it would blur.
_FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".bmp": ("BMP", {}),
    ".gif": ("GIF", {}),
}
_WITH_ALPHA = ("PNG", "WEBP")  # soft alpha, too, which the edges of enlarged pixels have

_MAX_PIXELS = 178_000_000  # about what Pillow agrees to open again
_MAX_EDGES = {".jpg": 65535, ".jpeg": 65535, ".gif": 65535, ".webp": 16383}


def check_output(path: Path, size: tuple[int, int], flag: str = "out") -> None:
    """Checks that a picture can be written, before hours go into making it.

    Args:
      path: its name; the folder is created.
      size: its width and height.
      flag: which flag named it.

    Raises:
      UsageError: the suffix is no picture format, or one that cannot hold so large a picture.
      ImageError: the folder cannot be made or written.
    """
    require_path(flag, path)
    if path.suffix.lower() not in _FORMATS:
        formats = ", ".join(_FORMATS)
        raise UsageError(f"{flag} must end in one of {formats}, not {shown(path.name)!r}")
    what = "sheet" if flag == "sheet" else "collage"
    if size[0] * size[1] > _MAX_PIXELS:
        raise UsageError(
            f"a {what} of {size[0]}x{size[1]} pixels is too large; choose a smaller scale or fewer "
            "pictures"
        )
    limit = _MAX_EDGES.get(path.suffix.lower())
    if limit is not None and max(size) > limit:
        raise UsageError(
            f"a {what} of {size[0]}x{size[1]} pixels is too large for {path.suffix}, which "
            f"ends at {limit}; choose a smaller scale or fewer pictures, or .png"
        )
    if os.path.isdir(path):
        raise ImageError(f"{shown(path)}: cannot write: this is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # refuses a name that is too long
        with tempfile.TemporaryFile(dir=written_path(path).parent):
            pass
    except OSError as error:
        raise ImageError(f"{shown(path)}: cannot write: {error.strerror}") from None


def refuse_to_replace_images(
    outputs: Mapping[str, FileName | None], folders: Mapping[str, FileName | None]
) -> None:
    """Checks that no file to be written is an image of a folder that is read.

    Args:
      outputs: see `refuse_to_replace`.
      folders: by their flags; None is not read.

    Raises:
      UsageError: one is.
      ImageError: there is no such folder.
    """

    def images() -> Iterator[tuple[str, FileName]]:
        for flag, folder in folders.items():
            for path in () if folder is None else find_images(os.fspath(folder), flag):
                yield f"an image of --{flag}", path

    refuse_to_replace(outputs, images())


def write_picture(
    picture: Image.Image, path: Path, background: str = "black", **options: Any
) -> None:
    """Writes a picture in the format of the suffix; its folder is created, no half file is left.

    Where the name is a link, what it leads to is replaced.

    Args:
      picture: the picture; the recipe in its `info["pixace"]`, or else the name of this program,
        is stored with it in every format but BMP.
      path: its name.
      background: colour that shows through an RGBA picture, but for PNG and WebP, which carry it.
      **options: more of Pillow's options for that format.

    Raises:
      UsageError: the suffix is no picture format.
      ImageError: it cannot be written.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"out must end in one of {', '.join(_FORMATS)}, not {shown(path.name)!r}")
    name, defaults = _FORMATS[path.suffix.lower()]
    options |= saving_options(picture.info.get(RECIPE_KEY), name)
    if picture.mode == "RGBA" and name not in _WITH_ALPHA:
        picture = on_background(picture, background)
    buffer = io.BytesIO()
    try:
        picture.save(buffer, name, **{**defaults, **options})
        write_atomically(written_path(path), buffer.getvalue())
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{shown(path)}: cannot write: {reason}") from None
