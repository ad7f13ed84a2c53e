"""What stands beside a sheet of pictures, so that other programs know its frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PIL import Image

from pixace import __version__

_DURATION = 100  # milliseconds of a frame, as Aseprite has it by default


def aseprite_data(
    sheet: Image.Image, image: str, frame_size: tuple[int, int], names: Sequence[str]
) -> str:
    """Describes a sheet as Aseprite does with `--format json-array`.

    Args:
      sheet: frames of one size, row by row, without borders.
      image: name of its file.
      frame_size: width and height.
      names: of the frames; cells beyond them are empty.
    """
    width, height = frame_size
    columns = sheet.width // width
    whole = {"x": 0, "y": 0, "w": width, "h": height}
    frames = [
        {
            "filename": name,
            "frame": {**whole, "x": number % columns * width, "y": number // columns * height},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": whole,
            "sourceSize": {"w": width, "h": height},
            "duration": _DURATION,
        }
        for number, name in enumerate(names)
    ]
    about: dict[str, Any] = {
        "app": "pixace",
        "version": __version__,
        "image": image,
        "format": "I8" if sheet.mode == "P" else "RGBA8888",
        "size": {"w": sheet.width, "h": sheet.height},
        "scale": "1",
        "frameTags": [],
        "layers": [],
        "slices": [],
    }
    return _text({"frames": frames, "meta": about})


def tiled_data(
    sheet: Image.Image, image: str, frame_size: tuple[int, int], name: str, n_frames: int
) -> str:
    """Describes a sheet as a tile set of Tiled (.tsj).

    Args:
      sheet: see `aseprite_data`.
      image: see `aseprite_data`.
      frame_size: see `aseprite_data`.
      name: of the tile set.
      n_frames: how many tiles there are.
    """
    return _text(
        {
            "type": "tileset",
            "name": name,
            "image": image,
            "imagewidth": sheet.width,
            "imageheight": sheet.height,
            "tilewidth": frame_size[0],
            "tileheight": frame_size[1],
            "tilecount": n_frames,
            "columns": sheet.width // frame_size[0],
            "margin": 0,
            "spacing": 0,
        }
    )


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"
