"""All that `pixace predict` does, from Python: draw what is asked for, and write it into files.

from pixace.drawing.request import DrawRequest, draw_to_files

draw_to_files(DrawRequest(model_name="faces", drawing={"batch_size": 9}, out="faces.png"))
draw_to_files(DrawRequest(like="faces.png", drawing={"seed": 2}, film="faces.gif"))
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import locate
from pixace.dataset.reading import load_images
from pixace.drawing.drawn import Drawing
from pixace.drawing.film import check_film, write_film
from pixace.drawing.prompts import Prompt, PromptSource, listed, open_prompts
from pixace.drawing.recipe import Recipe, read_recipe
from pixace.errors import UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.reading import is_url
from pixace.pictures.writing import check_output, write_picture
from pixace.settings.checks import require_path
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import resolve_config
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.tokens.palette_names import with_palette
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.drawing.nearest import Nearest

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawRequest:
    """What to draw, with which model, and into which files.

    Attributes:
      model_name: folder under weights_dir; where none is named, that of the recipe in `like`.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best".
      settings: the model's settings by the names of `ModelConfig`; needed only where none are
        stored beside the weights.
      drawing: how to draw, by the names of `DrawingSettings`; what is not named is as `like` says,
        or else as by default.
      prompts: files, URLs and pictures to complete, a row each; None completes those of `like`.
      allow_private_urls: fetch prompts also from this machine and its own network.
      like: a file that pixace drew and that carries its recipe: draw as it was drawn. What is named
        beside it wins. What the recipe completes is used where it is a file, and never fetched.
      out: the file of the collage; its suffix says the format.
      film: the .gif in which the collage appears pixel by pixel; None writes none.
      nearest: folder of training images; the nearest to each picture is shown at the right.
      cache_dir: the folder that keeps their tokens, as in a training.
    """

    model_name: str | None = None
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR
    checkpoint: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drawing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prompts: PromptSource | Sequence[PromptSource] | None = None
    allow_private_urls: bool = False
    like: Path | str | None = None
    out: Path | str = "collage.png"
    film: Path | str | None = None
    nearest: Path | str | None = None
    cache_dir: Path | str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnFiles:
    """What came of a request.

    Attributes:
      path: the file of the collage.
      film: that of the film; None where none was asked for.
      drawing: what was drawn.
      nearest: the training images that are nearest; None where no folder of them was named.
    """

    path: Path
    film: Path | None
    drawing: Drawing
    nearest: Nearest | None

    def to_dict(self) -> dict[str, Any]:
        """Returns files, recipe and the figures of every picture, as plain JSON values."""
        tiles = self.drawing.tiles()
        if self.nearest is not None:
            for tile, found in zip(tiles, self.nearest.tiles(), strict=True):
                tile["nearest"] = found
        return {
            "path": str(self.path),
            "film": None if self.film is None else str(self.film),
            "recipe": self.drawing.recipe.to_dict(),
            "tiles": tiles,
        }


def draw_to_files(
    request: DrawRequest, progress: Callable[[int, int], None] | None = None
) -> DrawnFiles:
    """Draws what is asked for, and writes the collage and, if wanted, the film.

    Args:
      request: what to draw.
      progress: called after each pixel with how many pixels of each picture are drawn, and how many
        there are to draw, of all batches.

    Raises:
      UsageError: what is asked for is wrong, or contradicts itself or the model.
      ImageError: a prompt, the file of `like` or the training images cannot be read, or a picture
        cannot be written.
      CheckpointError: no such model, or its file cannot be used.
    """
    plan = _plan(request)

    from pixace.drawing.nearest import find_nearest
    from pixace.drawing.opening import open_to_draw
    from pixace.drawing.predictor import Predictor

    model = open_to_draw(plan.weights, plan.settings, plan.is_named)
    images = None
    if request.nearest is not None:  # what is wrong with them should not cost a drawing
        images = load_images(request.nearest, model.config, cache_dir=request.cache_dir)
    drawing = Predictor(model, plan.model_name).draw_as(plan.drawing, plan.prompts, progress)
    nearest = None
    if images is not None:
        nearest = find_nearest(drawing, images)
        for line in nearest.lines():
            _log.info("%s", line)
    write_picture(drawing.collage(nearest.columns if nearest else ()), plan.out)
    if plan.film is not None:
        write_film(drawing, plan.film)
    return DrawnFiles(plan.out, plan.film, drawing, nearest)


class _Plan(NamedTuple):
    """A request in which all has been found right that can be, before trax is imported.

    Attributes:
      model_name: what recipes call the model.
      weights: their file.
      is_named: whether the request, or its recipe, says which state of the model that is.
      settings: the model's, as far as they are named.
      drawing: how to draw.
      prompts: what to complete.
      out: where to write the collage.
      film: where to write the film.
    """

    model_name: str | None
    weights: Path
    is_named: bool
    settings: Mapping[str, Any]
    drawing: DrawingSettings
    prompts: tuple[Prompt, ...]
    out: Path
    film: Path | None


def _plan(request: DrawRequest) -> _Plan:
    """Finds wrong what is cheap to find wrong, before trax is imported and the model read."""
    recipe = None if request.like is None else read_recipe(request.like)
    named = {} if recipe is None else dataclasses.asdict(recipe.drawing)
    drawing = DrawingSettings.of(**{**named, **request.drawing})
    model_name, weights = _model(request, recipe)
    stored = stored_config(weights)
    settings = with_palette(request.settings)
    if recipe is not None and stored is None:
        settings = {**recipe.config.to_dict(), **settings}
    config = resolve_config(stored, settings, source=weights.parent)
    sources = _prompts(request, recipe)
    n_kept = drawing.kept_pixels(config.n_pixels, len(sources))
    out, film = _outputs(request, drawing, len(sources))
    if request.nearest is not None:
        find_images(request.nearest, "nearest")
    elif request.cache_dir is not None:
        raise UsageError("cache_dir needs --nearest=FOLDER, whose images' tokens it keeps")
    prompts = open_prompts(
        sources, config.pictures, n_kept, allow_private_urls=request.allow_private_urls
    )
    by_recipe = recipe is not None and request.model_name is None
    is_named = request.checkpoint is not None or by_recipe
    return _Plan(model_name, weights, is_named, settings, drawing, prompts, out, film)


def _model(request: DrawRequest, recipe: Recipe | None) -> tuple[str | None, Path]:
    """Returns the model's name, if it has one, and the file of its weights."""
    if recipe is None or request.model_name is not None:
        name = request.model_name
    elif request.checkpoint is not None:
        name = recipe.model_name
    else:
        return recipe.model_name, recipe.find_weights(request.weights_dir)
    return name, locate(name, request.weights_dir, request.checkpoint)


def _prompts(request: DrawRequest, recipe: Recipe | None) -> list[PromptSource]:
    """Returns the files and URLs to complete.

    A recipe may be a stranger's: what it names is used where it is a file of this machine, and
    never fetched.

    Raises:
      UsageError: a prompt of the recipe must be named by the user.
    """
    if request.prompts is not None:
        prompts = listed(request.prompts)
        for prompt in prompts:
            if not isinstance(prompt, Image.Image):
                require_path("prompt", prompt)
        return prompts
    names: list[PromptSource] = []
    for name in recipe.prompts if recipe is not None else ():
        if name is None or is_url(name) or not os.path.isfile(name):
            prompt = "a picture without a name" if name is None else shown(name)
            why = "not fetched unasked" if name and is_url(name) else "not here"
            raise UsageError(
                f"{shown(request.like or '')} completes {prompt}, which is {why}; name all its "
                "prompts with --prompt"
            )
        names.append(name)
    return names


def _outputs(
    request: DrawRequest, drawing: DrawingSettings, n_prompts: int
) -> tuple[Path, Path | None]:
    """Returns where to write the collage and the film, both of which can be written."""
    n_columns = len(drawing.temperature) + (2 if n_prompts else 0)
    n_nearest = 0 if request.nearest is None else len(drawing.temperature)
    size = (n_columns * drawing.scale, (n_prompts or drawing.batch_size) * drawing.scale)
    out = _as_path("out", request.out)
    check_output(out, (size[0] + n_nearest * drawing.scale, size[1]))
    if request.film is None:
        return out, None
    film = _as_path("film", request.film)
    check_film(film, size)
    if os.path.realpath(out) == os.path.realpath(film):
        raise UsageError(f"out and film are both {shown(out)}; name two files")
    return out, film


def _as_path(name: str, value: Any) -> Path:
    """Returns what names a file as a path; what its suffix must be is told by who writes it.

    Raises:
      UsageError: it is no text.
    """
    if not isinstance(value, str | os.PathLike):
        require_path(name, value)
    return Path(value)
