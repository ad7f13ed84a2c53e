"""Files of palettes: GIMP's and Aseprite's .gpl, .hex, JASC's .pal, and pictures as .png.

A file may be a stranger's: what is read of it is bounded, and one that is no palette is told in one
line. Colours that are mostly transparent are left out: whether a model knows transparent pixels is
a setting of the model, not of a palette.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.errors import ImageError, UsageError
from pixace.pictures.metadata import saving_options
from pixace.pictures.reading import read_image
from pixace.pictures.rgb import OPAQUE, to_rgba
from pixace.settings.colours import MAX_COLOURS
from pixace.settings.paths import local_path
from pixace.system.files import write_result
from pixace.system.reading import read_small
from pixace.wording import quoted, shown

_MAX_BYTES = 1_000_000  # of a text: 4096 colours with long names take a fifth of it
_MAX_PIXELS = 1 << 20  # of a picture


def read_palette(path: Path | str) -> list[str]:
    """Reads the colours of a palette's file, or of a small picture.

    Returns:
      Each colour once, as rrggbb, in the order of the file; of a picture, as they come row by row.

    Raises:
      UsageError: the suffix is not that of a palette; or the file, which the message names, cannot
        be read, is no palette, or has no colour or more than MAX_COLOURS.
    """
    suffix, path = check_palette_file(path), Path(local_path("the palette", path))
    if suffix == ".png":
        return _of_picture(path)
    try:
        data = read_small(path, _MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{shown(path)}: {error.strerror or error}") from None
    lines = enumerate(data.decode("utf-8-sig", "replace").split("\n"), 1)
    numbered = ((number, line.strip()) for number, line in lines)
    try:
        return _distinct(_READERS[suffix](numbered))
    except ValueError as error:
        raise UsageError(f"{shown(path)}: {error}") from None


def write_palette(colours: Sequence[str], path: Path) -> None:
    """Writes a palette in the format of the suffix; a picture has one row, a pixel for each colour.

    Args:
      colours: each as rrggbb.
      path: the file; its folder is created, and no half file is left.

    Raises:
      UsageError: the suffix is not that of a palette.
      PixaceError: it cannot be written.
    """
    write_result(path, _WRITERS[check_palette_file(path)](colours))


def check_palette_file(path: Path | str, flag: str = "the palette") -> str:
    """Checks that a name is that of a palette's file, whether or not it is there.

    Args:
      path: the name.
      flag: which flag named it.

    Returns:
      Its suffix, in small letters.

    Raises:
      UsageError: it is not.
    """
    suffix = Path(local_path(flag, path)).suffix.lower()
    if suffix not in _WRITERS:
        name = quoted(shown(Path(path).name))
        raise UsageError(f"{flag} must be a file that ends in {', '.join(_WRITERS)}, not {name}")
    return suffix


def _distinct(colours: Iterable[tuple[int, ...]]) -> list[str]:
    """Spells each colour once, of RGB or RGBA, but for transparent ones.

    Raises:
      ValueError: there are none, or too many.
    """
    distinct: dict[str, None] = {}
    for red, green, blue, *alpha in colours:
        if not alpha or alpha[0] >= OPAQUE:
            distinct[f"{red:02x}{green:02x}{blue:02x}"] = None
        if len(distinct) > MAX_COLOURS:
            raise ValueError(f"more than {MAX_COLOURS} colours, which is more than a palette has")
    if not distinct:
        raise ValueError("no colours in this palette")
    return [*distinct]


def _of_picture(path: Path) -> list[str]:
    def work(img: Image.Image) -> np.ndarray:
        if img.width * img.height > _MAX_PIXELS:
            raise ImageError(
                f"{shown(path)}: {img.width}x{img.height} pixels are too many for a palette, which "
                "needs one for each colour"
            )
        return np.asarray(to_rgba(img)).reshape(-1, 4)

    try:
        pixels, first = np.unique(read_image(path, work), axis=0, return_index=True)
    except ImageError as error:  # which a folder's picture is; this one is named by a flag
        raise UsageError(str(error)) from None
    try:
        return _distinct(map(tuple, pixels[np.argsort(first)].tolist()))
    except ValueError as error:
        raise UsageError(f"{shown(path)}: {error}") from None


Lines = Iterator[tuple[int, str]]  # counted from 1, without the spaces around them


def _gpl_colours(lines: Lines) -> Iterator[tuple[int, ...]]:
    """Yields the colours of a palette of GIMP or Aseprite.

    Raises:
      ValueError: it is none.
    """
    if next(lines)[1] != "GIMP Palette":
        raise ValueError("not a palette of GIMP, whose first line is: GIMP Palette")
    has_alpha, is_header = False, True
    for number, line in lines:
        header = re.match(r"[A-Za-z]+:", line)
        if not line or line.startswith("#"):
            continue
        if is_header and header:
            has_alpha |= line.replace(" ", "").lower() == "channels:rgba"
            continue
        is_header = False
        yield _numbers(number, line, 4 if has_alpha else 3)


def _hex_colours(lines: Lines) -> Iterator[tuple[int, ...]]:
    """Yields the colours of a list of rrggbb, or rrggbbaa.

    Raises:
      ValueError: it is none.
    """
    for number, line in lines:
        if not line:
            continue
        if not re.fullmatch(r"#?[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?", line):
            raise ValueError(f"line {number} is no colour such as ff004d: {quoted(line)}")
        yield tuple(bytes.fromhex(line.removeprefix("#")))


def _jasc_colours(lines: Lines) -> Iterator[tuple[int, ...]]:
    """Yields the colours of a palette of Paint Shop Pro.

    Raises:
      ValueError: it is none, or not whole.
    """
    if next(lines)[1] != "JASC-PAL":
        raise ValueError("not a palette of Paint Shop Pro, whose first line is: JASC-PAL")
    next(lines, None)  # the version, always 0100
    _, said = next(lines, (0, ""))
    if not re.fullmatch(r"[0-9]{1,9}", said):
        raise ValueError(
            f"its third line should say how many colours there are, not {quoted(said)}"
        )
    n_colours, n_found = int(said), 0
    for number, line in lines:
        if line and n_found < n_colours:
            yield _numbers(number, line, 4 if re.fullmatch(r"(?:[0-9]+\s+){3}[0-9]+", line) else 3)
            n_found += 1
    if n_found < n_colours:
        raise ValueError(f"cut short: {n_found} of its {n_colours} colours are there")


def _numbers(number: int, line: str, count: int) -> tuple[int, ...]:
    """Reads so many levels from the start of a line.

    Raises:
      ValueError: they are not there.
    """
    words = line.split(maxsplit=count)[:count]
    levels = tuple(int(word) for word in words if re.fullmatch("[0-9]{1,3}", word))
    if len(levels) != count or max(levels) > 255:
        raise ValueError(f"line {number} is no colour such as 255 0 77: {quoted(line)}")
    return levels


_READERS: dict[str, Callable[[Lines], Iterator[tuple[int, ...]]]] = {
    ".gpl": _gpl_colours,
    ".hex": _hex_colours,
    ".pal": _jasc_colours,
}


def _levels(colours: Sequence[str]) -> list[str]:
    return [" ".join(map(str, bytes.fromhex(colour))) for colour in colours]


def _as_gpl(colours: Sequence[str]) -> bytes:
    lines = [f"{line}\t{colour}" for line, colour in zip(_levels(colours), colours, strict=True)]
    return "\n".join(["GIMP Palette", "#", *lines, ""]).encode()


def _as_hex(colours: Sequence[str]) -> bytes:
    return "\n".join([*colours, ""]).encode()


def _as_jasc(colours: Sequence[str]) -> bytes:
    return "\r\n".join(["JASC-PAL", "0100", str(len(colours)), *_levels(colours), ""]).encode()


def _as_png(colours: Sequence[str]) -> bytes:
    pixels = np.frombuffer(bytes.fromhex("".join(colours)), np.uint8).reshape(1, -1, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **saving_options(None, "PNG"))
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Sequence[str]], bytes]] = {
    ".gpl": _as_gpl,
    ".hex": _as_hex,
    ".pal": _as_jasc,
    ".png": _as_png,
}
