"""Is the model copying? The training image that is nearest to each picture drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pixace.dataset.batches import spread_rows
from pixace.dataset.cache import TokenRows
from pixace.dataset.reading import ImageSet
from pixace.drawing.drawn import Drawing
from pixace.drawing.layout import Layout
from pixace.pictures.folder import ImagePath
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.wording import shown

_CHUNK_BYTES = 1 << 25  # of training images' pixels compared at a time
_SAMPLE = 100  # training images of which the distance to one another is told


class Nearest(NamedTuple):
    """The training image nearest to each picture of a drawing, of N rows and C temperatures.

    Attributes:
      columns: C arrays of unsigned tokens (N, L), the images found.
      paths: their files, or parts of files such as sheet.png#1,2, C for each of N rows.
      distances: float64 (N, C): root mean square difference of the pixels drawn, in RGB, of 255;
        in RGBA where pixels can be transparent.
      first_column: where the first of the drawn pictures is in the collage.
      usual: median distance from some training images to the nearest other one, over the same
        pixels; None where there is only one.
      layout: of the collage.
    """

    columns: list[np.ndarray]
    paths: list[list[ImagePath]]
    distances: np.ndarray
    first_column: int
    usual: float | None
    layout: Layout

    def tiles(self) -> list[dict[str, Any]]:
        """Returns path and distance as plain JSON values, in the order of `Drawing.tiles`."""
        return [
            {"path": str(path), "distance": float(distance)}
            for row, row_distances in zip(self.paths, self.distances, strict=True)
            for path, distance in zip(row, row_distances, strict=True)
        ]

    def lines(self) -> list[str]:
        """Says in words how near each picture is to a training image, and how near is usual."""
        lines = []
        n_each = self.first_column + 2 * len(self.columns)
        for row, (paths, distances) in enumerate(zip(self.paths, self.distances, strict=True)):
            line, left = self.layout.place(row, n_each)
            for column, (path, distance) in enumerate(zip(paths, distances, strict=True)):
                what = f"{distance:.1f} of 255 from" if distance else "an exact copy of"
                place = f"row {line + 1}, column {left + self.first_column + column + 1}"
                lines.append(f"{place}: {what} {shown(path)}")
        if self.usual is not None:
            lines.append(
                f"training images themselves: {self.usual:.1f} of 255 from the nearest other one "
                "(median)"
            )
        return lines


def find_nearest(drawing: Drawing, images: ImageSet) -> Nearest:
    """Finds the training image that is nearest to each picture of a drawing.

    Both are compared as the model knows them: at its size, in its colours. Of a completed prompt
    only the pixels that were drawn count, as the others say nothing about the model. An image that
    is moved by a pixel or mirrored is far away: this finds copies, not likenesses.

    Args:
      drawing: what was drawn.
      images: the training images, as the drawing's model knows them; see `load_images`.
    """
    config = drawing.recipe.config
    own, other = order_of(config.pictures), order_of(drawing.recipe.pictures)
    kept = own.sequence(other.picture(drawing.kept))
    # Where the whole prompt was kept, nothing was drawn: then all of it is compared.
    compared = np.flatnonzero(kept.all() | ~kept)
    palette = codec_of(config.pictures).colours().astype(float)
    drawn = own.sequence(other.picture(np.stack(drawing.tokens, axis=1)))  # (N, C, L)
    sample = spread_rows(np.arange(len(images.tokens)), min(_SAMPLE, len(images.tokens)))
    wanted = np.concatenate([drawn.reshape(-1, config.n_pixels), images.tokens[sample]])
    itself = np.concatenate([np.full(drawn.shape[0] * drawn.shape[1], -1), sample])
    numbers, distances = _search(images.tokens, wanted[:, compared], itself, compared, palette)
    n_drawn = len(wanted) - len(sample)
    found = numbers[:n_drawn].reshape(drawn.shape[:2])
    return Nearest(
        columns=[other.sequence(own.picture(images.tokens[column])) for column in found.T],
        paths=[[images.paths[number] for number in row] for row in found.tolist()],
        distances=distances[:n_drawn].reshape(found.shape),
        first_column=len(drawing.columns) - len(drawing.tokens),
        usual=float(np.median(distances[n_drawn:])) if len(images.tokens) > 1 else None,
        layout=drawing.recipe.layout_with(len(drawing.tokens)),
    )


def _search(
    tokens: TokenRows,
    wanted: np.ndarray,
    itself: np.ndarray,
    compared: np.ndarray,
    palette: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Searches a set for the nearest to each of some pictures; of equals, the first.

    Args:
      tokens: unsigned integers (M, L), which may be on disk.
      wanted: unsigned integers (K, T), T pixels of pictures.
      itself: int (K,), number of the picture in the set that does not count; -1 for none.
      compared: int (T,), which pixels these are.
      palette: float64, RGB (V, 3) or RGBA (V, 4).

    Returns:
      Their numbers, int (K,), and root mean square distances, float64 (K,).
    """
    targets = palette[wanted].reshape(len(wanted), -1)
    target_squares = np.square(targets).sum(axis=1)
    best, numbers = np.full(len(wanted), np.inf), np.zeros(len(wanted), int)
    row_bytes = tokens.shape[1] * tokens.dtype.itemsize
    step = max(1, _CHUNK_BYTES // max(targets[0].nbytes, row_bytes))
    for start in range(0, len(tokens), step):
        pixels = palette[tokens[start : start + step][:, compared]].reshape(-1, targets.shape[1])
        # |a - b|^2 by a product of matrices: exact, as all are integers below 2^53.
        squares = target_squares[:, None] - 2 * targets @ pixels.T + np.square(pixels).sum(axis=1)
        inside = (itself >= start) & (itself < start + len(pixels))
        squares[inside, itself[inside] - start] = np.inf
        nearest = squares.argmin(axis=1)
        values = squares[np.arange(len(wanted)), nearest]
        better = values < best
        best[better], numbers[better] = values[better], nearest[better] + start
    return numbers, np.sqrt(best / targets.shape[1])
