"""The frames of a sheet, as the JSON of Aseprite or TexturePacker beside it tells them.

Both write the same form, with the frames as an array or by name. It may be a stranger's: nothing
of it is believed before it has been checked, and what it may cost is bounded.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from pixace.errors import ImageError
from pixace.pictures.formats.decoding_limits import MAX_PIXELS
from pixace.pictures.pieces import Piece
from pixace.system.reading import open_regular
from pixace.wording import quoted_text, shown

SUFFIX = ".json"

Described: TypeAlias = list[tuple[str, Any]]  # each frame's name, and what a JSON says of it

_SHEET_SUFFIXES = (".png", ".webp")
_MAX_BYTES = 8_000_000  # some 30,000 frames
# Pixels of all frames as they are restored: a few bytes of JSON can claim a large empty picture.
_MAX_RESTORED = 1_000_000_000


class SheetFrames(NamedTuple):
    """What a sheet is made of.

    Attributes:
      pieces: its frames, in the order of the file.
      refused: those that cannot be used, and why.
    """

    pieces: list[Piece]
    refused: list[tuple[Piece, str]]


def described_frames(path: Path) -> Described | None:
    """Returns what the JSON beside a picture says of its frames.

    Args:
      path: of the picture.

    Returns:
      None where there is no such JSON, or it is about something else.

    Raises:
      ImageError: it is about a sheet, but cannot be read.
    """
    beside = path.with_suffix(SUFFIX)
    if path.suffix.lower() not in _SHEET_SUFFIXES or not os.path.isfile(beside):
        return None
    try:
        with open(open_regular(beside), "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{shown(path)}: {shown(beside.name)}: {reason}") from None
    if b'"frames"' not in data:
        return None
    if len(data) > _MAX_BYTES:
        raise ImageError(
            f"{shown(path)}: {shown(beside.name)}: more than the {_MAX_BYTES // 10**6} MB allowed"
        )
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        raise ImageError(
            f"{shown(path)}: {shown(beside.name)} is damaged; export it anew or remove it"
        ) from None
    return _named_frames(values, path)


def _named_frames(values: Any, path: Path) -> Described | None:
    """Returns the frames of a JSON file, if they are of this picture."""
    frames = values.get("frames") if isinstance(values, dict) else None
    about = values.get("meta") if isinstance(values, dict) else None
    image = about.get("image") if isinstance(about, dict) else None
    if isinstance(image, str) and "\0" not in image:
        # An animation exported beside its sheet has the same name, and another suffix.
        other = path.with_name(os.path.basename(image.replace("\\", "/")) or path.name)
        if other.name != path.name and os.path.lexists(os.fsencode(other)):
            return None
    named: Described = []
    if isinstance(frames, dict):
        named = [*frames.items()]
    elif isinstance(frames, list):
        named = [(_name_of(frame, number), frame) for number, frame in enumerate(frames)]
    is_sheet = any(isinstance(frame, dict) and "frame" in frame for _, frame in named)
    return named if is_sheet else None


def _name_of(frame: Any, number: int) -> str:
    name = frame.get("filename") if isinstance(frame, dict) else None
    return name if isinstance(name, str) else str(number)


def sheet_frames(path: Path, size: tuple[int, int], described: Described) -> SheetFrames:
    """Checks what is described of a sheet.

    Args:
      path: the sheet's.
      size: its width and height.
      described: see `described_frames`.

    Raises:
      ImageError: its frames would take too much.
    """
    pieces, refused, n_restored = [], [], 0
    for name, frame in described:
        try:
            piece = _piece(path, size, name, frame)
        except ValueError as error:
            refused.append((Piece(path, name), str(error)))
            continue
        pieces.append(piece)
        width, height = piece.canvas or (0, 0)
        n_restored += width * height
        if n_restored > _MAX_RESTORED:
            raise ImageError(
                f"{shown(path)}: its frames, restored, have more than the "
                f"{_MAX_RESTORED // 10**6} million pixels allowed"
            )
    return SheetFrames(pieces, refused)


def _piece(path: Path, size: tuple[int, int], name: str, frame: Any) -> Piece:
    """Returns one frame as a piece of its sheet.

    Raises:
      ValueError: it cannot be one; the message says why.
    """
    if not isinstance(frame, dict):
        raise ValueError(f"is no frame, but {quoted_text(frame)}")
    if frame.get("rotated"):
        raise ValueError("is rotated in the sheet; export it without rotation")
    left, top, width, height = _numbers(frame, "frame", "xywh")
    if not (width and height and left + width <= size[0] and top + height <= size[1]):
        raise ValueError(
            f"{width}x{height} pixels at {left},{top} are not inside of the sheet's "
            f"{size[0]}x{size[1]}"
        )
    piece = Piece(path, name, box=(left, top, left + width, top + height))
    if "sourceSize" not in frame:
        return piece
    whole_width, whole_height = _numbers(frame, "sourceSize", "wh")
    if (whole_width, whole_height) == (width, height):
        return piece
    x, y, *_ = _numbers(frame, "spriteSourceSize", "xy")
    if x + width > whole_width or y + height > whole_height:
        raise ValueError(
            f"{width}x{height} pixels at {x},{y} are not inside of the {whole_width}x"
            f"{whole_height} that were trimmed"
        )
    if whole_width * whole_height > MAX_PIXELS:
        raise ValueError(
            f"{whole_width}x{whole_height} pixels are more than the {MAX_PIXELS // 10**6} million "
            "allowed"
        )
    return Piece(path, name, box=piece.box, place=(x, y), canvas=(whole_width, whole_height))


def _numbers(frame: dict[str, Any], name: str, letters: str) -> list[int]:
    """Returns the numbers of one part of a frame, all 0 or more.

    Raises:
      ValueError: they are not there, or no such numbers.
    """
    part = frame.get(name)
    numbers = [part.get(letter) if isinstance(part, dict) else None for letter in letters]
    if not all(type(number) is int and 0 <= number < 1 << 31 for number in numbers):
        raise ValueError(f"its {name} is not the whole numbers {', '.join(letters)}")
    return [number for number in numbers if number is not None]
