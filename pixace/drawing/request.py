"""All that `pixace predict` does, from Python: draw what is asked for, and write it into files.

from pixace.drawing.request import DrawRequest, draw_to_files

draw_to_files(DrawRequest(model_name="faces", drawing={"batch_size": 9}, out="faces.png"))
draw_to_files(DrawRequest(like="faces.png", drawing={"seed": 2}, film="faces.gif"))
draw_to_files(DrawRequest(model_name="faces", out="faces/", sheet="faces.png"))
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixace.checkpoints.record import read_words
from pixace.checkpoints.words import WordsRecord
from pixace.dataset.reading import load_images
from pixace.drawing.draw_request import DrawRequest, with_local_paths
from pixace.drawing.drawn import Drawing
from pixace.drawing.live import LiveView
from pixace.drawing.plan import Plan, plan_of, weights_of
from pixace.settings.scans import drawn_pictures

if TYPE_CHECKING:
    from pixace.drawing.nearest import Nearest
    from pixace.drawing.predictor import Predictor
    from pixace.drawing.stream import DrawingStep

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnFiles:
    """What came of a request.

    Attributes:
      path: the file of the collage, or the folder of single pictures, or else the sheet.
      film: that of the film; None where none was asked for.
      sheet: the picture of the sheet; None where none was asked for.
      pictures: the files of single pictures, as many for each row as there are columns.
      drawing: what was drawn.
      nearest: the training images that are nearest; None where no folder of them was named.
    """

    path: Path
    film: Path | None
    drawing: Drawing
    nearest: Nearest | None
    sheet: Path | None = None
    pictures: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns files, recipe and the figures of every picture, as plain JSON values."""
        tiles = self.drawing.tiles(0 if self.nearest is None else len(self.nearest.columns))
        if self.nearest is not None:
            for tile, found in zip(tiles, self.nearest.tiles(), strict=True):
                tile["nearest"] = found
        if self.pictures:
            for tile, path in zip(tiles, self.pictures, strict=True):
                tile["path"] = str(path)
        return {
            "path": str(self.path),
            "film": None if self.film is None else str(self.film),
            **({} if self.sheet is None else {"sheet": str(self.sheet)}),
            "recipe": self.drawing.recipe.to_dict(),
            **self.drawing.calls(),
            "tiles": tiles,
        }


def draw_to_files(
    request: DrawRequest,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[LiveView], None] | None = None,
) -> DrawnFiles:
    """Draws what is asked for, and writes it into all files that are.

    Args:
      request: what to draw.
      progress: called after each pixel with how many pixels of each picture are drawn, and how many
        there are to draw, of all batches.
      watch: called after each pixel with all pictures so far.

    Raises:
      UsageError: what is asked for is wrong, or contradicts itself or the model.
      ImageError: a prompt, the file of `like` or the training images cannot be read, or a picture
        cannot be written.
      CheckpointError: no such model, or its file cannot be used.
    """
    request = with_local_paths(request)
    plan = plan_of(request)

    from pixace.drawing.nearest import find_nearest
    from pixace.drawing.opening import open_to_draw
    from pixace.drawing.predictor import Predictor

    model = open_to_draw(plan.weights, plan.settings, plan.is_named)
    images = None
    if request.nearest is not None:  # what is wrong with them should not cost a drawing
        images = load_images(
            request.nearest, model.config, cache_dir=request.cache_dir, reading=plan.reading
        )
    predictor = Predictor(model, plan.model_name, request.drafts)
    drawing = _drawn(predictor, plan, progress, watch)
    nearest = None
    if images is not None:
        nearest = find_nearest(drawing, images)
        for line in nearest.lines():
            _log.info("%s", line)
    outputs = plan.outputs
    outputs.write(drawing, nearest.columns if nearest else ())
    return DrawnFiles(
        path=outputs.first,
        film=outputs.film,
        drawing=drawing,
        nearest=nearest,
        sheet=None if outputs.sheet is None else outputs.sheet.picture,
        pictures=tuple(outputs.pictures(drawing.recipe.layout)),
    )


def _drawn(
    predictor: Predictor,
    plan: Plan,
    progress: Callable[[int, int], None] | None,
    watch: Callable[[LiveView], None] | None,
) -> Drawing:
    """Draws what is planned; for the rest, see `draw_to_files`."""
    from pixace.drawing.stream import finished

    steps = predictor.stream(
        plan.drawing,
        plan.prompts,
        plan.tile,
        mask=plan.mask,
        canvas=plan.canvas,
        is_grid=plan.is_grid,
    )
    if watch is None:
        return finished(steps, progress)
    first_row = 0 if plan.tile is None else plan.tile[0]
    kept = plan.canvas.laid_over(plan.prompts)
    pictures = drawn_pictures(predictor.config, plan.drawing)
    view = LiveView(pictures, kept, plan.drawing.palette, first_row)

    def show(step: DrawingStep) -> None:
        view.add(step)
        watch(view)

    return finished(steps, progress, show)


def known_words(request: DrawRequest) -> WordsRecord:
    """Returns what the model that a request names was taught of words.

    Raises:
      UsageError: it names no model.
      CheckpointError: no such model, or its file cannot be used.
    """
    return read_words(weights_of(with_local_paths(request)))
