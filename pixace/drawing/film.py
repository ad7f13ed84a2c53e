"""Films of a drawing, as animated GIFs: its collage appears pixel by pixel, or a sweep passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.drawing.drawn import Drawing
from pixace.drawing.layout import Layout, layout_of
from pixace.errors import UsageError
from pixace.pictures.metadata import RECIPE_KEY
from pixace.pictures.writing import check_output, write_picture
from pixace.tokens.order import order_of
from pixace.wording import shown

_MAX_FRAMES = 600
_MAX_COLOURS = 254  # of a GIF's 256; black is one more, and one means "as in the last frame"
_BLACK, _TRANSPARENT = 0, 255
_MIN_FRAMES = 20  # fewer are no film
_MAX_PIXELS = 300_000_000  # of all frames: Pillow keeps them in memory, a byte for each

# Milliseconds; a GIF counts in tens of them.
_DRAWING = 8000
_SHORTEST, _LONGEST = 20, 100  # of a frame; browsers slow down what is shorter
_PAUSE = 3000  # on the last frame
_OF_SWEEP, _PAUSE_OF_SWEEP = 300, 1000  # each of its frames, and the first and last one


def check_film(path: Path, size: tuple[int, int], n_frames: int = _MIN_FRAMES) -> None:
    """Checks that a film can be written, before hours go into drawing it.

    Args:
      path: its name; the folder is created.
      size: width and height of the collage.
      n_frames: how many it has at least.

    Raises:
      UsageError: the suffix is not .gif, or the collage is too large for a film.
      ImageError: the folder cannot be made or written.
    """
    if path.suffix.lower() != ".gif":
        raise UsageError(f"film must end in .gif, not {shown(path.name)!r}")
    if size[0] * size[1] * n_frames > _MAX_PIXELS:
        raise UsageError(
            f"a film of {size[0]}x{size[1]} pixels is too large; choose a smaller scale or fewer "
            "pictures"
        )
    check_output(path, size)


def write_film(drawing: Drawing, path: Path, n_more_columns: int = 0) -> None:
    """Writes the film of a drawing, with its recipe inside; no half file is left.

    It shows the collage, in the same size and with hard edges: the prompts from the start, then
    one or more pixels of every result in each frame, and loops after a pause on the whole. Where
    pixels can be transparent, those that are still to come are so, too.

    Args:
      drawing: what was drawn.
      path: its name.
      n_more_columns: of the collage at the right of each row, which are left out here.

    Raises:
      ImageError: it cannot be written.
    """
    layout = drawing.recipe.layout_with(n_more_columns)
    times = frame_times(drawing, n_more_columns)
    frames = _frames(drawing, layout, times)
    first = next(frames)
    first.info[RECIPE_KEY] = drawing.recipe.to_text()
    each = round(max(_SHORTEST, min(_LONGEST, _DRAWING / len(times))), -1)
    durations = [each] * (len(times) - 1) + [_PAUSE]
    write_picture(first, path, save_all=True, append_images=frames, duration=durations, loop=0)


def write_sweep(drawing: Drawing, path: Path) -> None:
    """Writes the pictures of a sweep as a film, with its recipe inside; no half file is left.

    Each frame shows one column of results.

    Args:
      drawing: what was drawn.
      path: its name.

    Raises:
      ImageError: it cannot be written.
    """
    recipe, n_frames = drawing.recipe, len(drawing.tokens)
    layout = sweep_layout(recipe.layout, recipe.config.pictures.size)
    tiles = [[np.asarray(tile) for tile in row] for row in drawing.results()]
    blank = np.zeros_like(tiles[0][0])
    collages = [
        _with_borders(layout.lines([[row[number]] for row in tiles], blank), 0, _border(drawing))
        for number in range(n_frames)
    ]
    indices, palette = _indexed(np.vstack(collages))  # one palette for them all
    first, *frames = (_frame(drawing, part, palette) for part in np.split(indices, n_frames))
    first.info[RECIPE_KEY] = recipe.to_text()
    ends = [_PAUSE_OF_SWEEP] * (2 if frames else 1)
    durations = [ends[0], *[_OF_SWEEP] * (n_frames - 2), *ends[1:]]
    write_picture(
        first,
        path,
        save_all=True,
        append_images=frames,
        duration=durations,
        loop=0,
        disposal=2 if recipe.config.alpha else 0,  # or the frames before would shine through
    )


def sweep_layout(layout: Layout, picture_size: tuple[int, int]) -> Layout:
    """Returns the layout of each frame of a sweep: its rows side by side, about square.

    Args:
      layout: of all results.
      picture_size: width and height of one.
    """
    return layout_of(len(layout.rows), 1, picture_size, is_grid=True)


def frame_times(drawing: Drawing, n_more_columns: int = 0) -> list[int]:
    """Returns how many pixels of each picture are there in each frame, the kept ones included.

    Args:
      drawing: what was drawn.
      n_more_columns: see `write_film`.
    """
    config, layout = drawing.recipe.config, drawing.recipe.layout_with(n_more_columns)
    width, height = drawing.recipe.drawing.tile_size(config.pictures.size)
    area = layout.n_lines * layout.across * len(drawing.columns) * width * height
    most = max(2, min(_MAX_FRAMES, _MAX_PIXELS // area))
    n_first = int(np.append(drawing.kept, False).argmin())  # which are kept
    step = max(1, math.ceil((config.n_pixels - n_first) / (most - 1)))
    return [*range(n_first, config.n_pixels, step), config.n_pixels]


def _frames(drawing: Drawing, layout: Layout, times: list[int]) -> Iterator[Image.Image]:
    """Yields one picture with a palette for each time; all have the same palette."""
    pictures = drawing.recipe.pictures
    # As small as it can be: one pixel of the collage for each pixel that was drawn.
    tiles = [[np.asarray(tile) for tile in row] for row in drawing.tile_pictures()]
    lines = layout.lines(tiles, np.zeros_like(tiles[0][0]))
    indices, palette = _indexed(_with_borders(lines, 0, _border(drawing)))
    appears = _first_times(drawing, layout)
    # A GIF cannot take a pixel back: those that may come out transparent are so from the start.
    before = np.full_like(indices, _BLACK)
    if pictures.alpha:
        before[appears < pictures.n_pixels] = _TRANSPARENT
    for time in times:
        yield _frame(drawing, np.where(appears < time, indices, before), palette)


def _frame(drawing: Drawing, indices: np.ndarray, palette: list[int]) -> Image.Image:
    """Returns a frame with tiles as large as the collage has them.

    Args:
      drawing: what was drawn.
      indices: uint8 (H, W), the colours of the small collage.
      palette: see `_indexed`.
    """
    pictures = drawing.recipe.config.pictures
    width, height = drawing.recipe.drawing.tile_size(pictures.size)
    rows, columns = (
        ((np.arange(small_edge // tile * edge) + 0.5) * tile / edge).astype(int)
        for small_edge, tile, edge in zip(
            indices.shape,
            np.add(pictures.shape, 2 * _border(drawing)),
            (height, width),
            strict=True,
        )
    )
    frame = Image.fromarray(indices[rows][:, columns])
    frame.putpalette(palette)
    if pictures.alpha:
        frame.info["transparency"] = _TRANSPARENT
    return frame


def _indexed(pixels: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Gives pixels, uint8 RGB or RGBA (H, W, C), a palette, in which the first colour is black.

    Returns:
      uint8 (H, W), and red, green and blue of each colour.
    """
    colours = Image.fromarray(pixels[..., :3]).quantize(_MAX_COLOURS, dither=Image.Dither.NONE)
    indices = np.asarray(colours) + 1
    if pixels.shape[-1] == 4:
        indices[pixels[..., 3] == 0] = _TRANSPARENT
    return indices, [0, 0, 0, *(colours.getpalette() or [])]


def _first_times(drawing: Drawing, layout: Layout) -> np.ndarray:
    """Returns the place in the sequence of each pixel of the small collage, int (H, W).

    It is -1 for what is there from the start, and L for borders and for what a prompt was cut off.
    """
    pictures = drawing.recipe.pictures
    length, order = pictures.n_pixels, order_of(pictures)
    place = np.arange(length)
    kept, rows = drawing.kept, []
    for _ in range(len(drawing.log_likelihood)):
        tiles = []
        if drawing.prompts:
            tiles = [np.full(length, -1), np.where(kept, -1, length)]
        tiles += [np.where(kept, -1, place)] * len(drawing.tokens)
        rows.append([order.picture(tile) for tile in tiles])
    lines = layout.lines(rows, np.full_like(rows[0][0], -1))
    return _with_borders(lines, length, _border(drawing))


def _border(drawing: Drawing) -> int:
    """Returns how many pixels of border each tile has: none where pixels are enlarged exactly."""
    return 1 if drawing.recipe.drawing.times is None else 0


def _with_borders(tiles: Sequence[Sequence[np.ndarray]], value: int, border: int) -> np.ndarray:
    """Lays out rows of tiles, (H, W) or (H, W, 3), each in so wide a border of a value."""
    widths = [(border, border), (border, border), (0, 0)][: tiles[0][0].ndim]
    bordered = [[np.pad(tile, widths, constant_values=value) for tile in row] for row in tiles]
    return np.vstack([np.hstack(row) for row in bordered])
