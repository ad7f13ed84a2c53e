"""All that `pixace predict` does, from Python: draw what is asked for, and write it into files.

from pixace.drawing.request import DrawRequest, draw_to_files

draw_to_files(DrawRequest(model_name="faces", drawing={"batch_size": 9}, out="faces.png"))
draw_to_files(DrawRequest(like="faces.png", drawing={"seed": 2}, film="faces.gif"))
draw_to_files(DrawRequest(model_name="faces", out="faces/", sheet="faces.png"))
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
from pixace.checkpoints.record import read_words
from pixace.checkpoints.words import WordsRecord
from pixace.dataset.reading import load_images
from pixace.drawing.drawn import Drawing
from pixace.drawing.known_words import require_words
from pixace.drawing.layout import Layout
from pixace.drawing.outputs import Outputs
from pixace.drawing.prompts import Prompt, PromptSource, listed, open_prompts
from pixace.drawing.recipe import Recipe, read_recipe
from pixace.drawing.region import Mask, MaskSource, kept_of_prompts, open_mask
from pixace.errors import UsageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.reading import is_url
from pixace.settings.checks import require_path
from pixace.settings.drawing import NEEDS_WORDS, DrawingSettings
from pixace.settings.model import resolve_config
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import FIRST, ONE_EACH, ReadingSettings
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.tokens.palette_names import with_palette
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.drawing.nearest import Nearest

_log = logging.getLogger(__name__)

_OF_REGIONS = {"cut", "keep", "particles"}


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
      prompts: files, URLs and pictures to complete, a row each, or one for each text; None
        completes those of `like`.
      mask: which parts of the prompts to draw, a file or a picture: white or transparent there, and
        black where they are kept. None goes by `drawing`, or by `like`.
      allow_private_urls: fetch prompts also from this machine and its own network.
      like: a file that pixace drew and that carries its recipe: draw as it was drawn. What is named
        beside it wins. What the recipe completes is used where it is a file, and never fetched.
        A single picture is drawn alone, unless batch_size, temperature, guidance, words or prompts
        are named.
      out: the file of the collage, whose suffix says the format; or a folder, which is there or
        ends in a slash, for each result as a PNG of its own: 001-1.png is that of the first row and
        column. None is collage.png, or nothing where there is a sheet.
      sheet: the .png of all results as frames side by side, beside which a .json describes them as
        Aseprite does; or a .tsj for Tiled, with the .png beside it; None writes none. A folder and
        a sheet replace no file.
      film: the .gif in which the collage appears pixel by pixel; None writes none.
      nearest: folder of training images; the nearest to each picture is shown at the right.
      cache_dir: the folder that keeps their tokens, as in a training.
      grid: cells to cut them into, as in a training; see `ReadingSettings`. They are unscaled where
        prompts are.
      frames: "first" or "all" of those that are animated.
    """

    model_name: str | None = None
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR
    checkpoint: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drawing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prompts: PromptSource | Sequence[PromptSource] | None = None
    mask: MaskSource | None = None
    allow_private_urls: bool = False
    like: Path | str | None = None
    out: Path | str | None = None
    sheet: Path | str | None = None
    film: Path | str | None = None
    nearest: Path | str | None = None
    cache_dir: Path | str | None = None
    grid: str | None = None
    frames: str = FIRST


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
        tiles = self.drawing.tiles()
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
            "tiles": tiles,
        }


def draw_to_files(
    request: DrawRequest, progress: Callable[[int, int], None] | None = None
) -> DrawnFiles:
    """Draws what is asked for, and writes it into all files that are.

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
        images = load_images(
            request.nearest, model.config, cache_dir=request.cache_dir, reading=plan.reading
        )
    predictor = Predictor(model, plan.model_name)
    drawing = predictor.draw_as(plan.drawing, plan.prompts, progress, plan.tile, plan.mask)
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


def known_words(request: DrawRequest) -> WordsRecord:
    """Returns what the model that a request names was taught of words.

    Raises:
      UsageError: it names no model.
      CheckpointError: no such model, or its file cannot be used.
    """
    recipe = None if request.like is None else read_recipe(request.like)
    return read_words(_model(request, recipe)[1])


class _Plan(NamedTuple):
    """A request in which all has been found right that can be, before trax is imported.

    Attributes:
      model_name: what recipes call the model.
      weights: their file.
      is_named: whether the request, or its recipe, says which state of the model that is.
      settings: the model's, as far as they are named.
      drawing: how to draw.
      prompts: what to complete.
      mask: what to draw of them; None is what `drawing` says.
      tile: the only result to draw; None draws all.
      outputs: where to write it.
      reading: how the training images to compare with become pictures.
    """

    model_name: str | None
    weights: Path
    is_named: bool
    settings: Mapping[str, Any]
    drawing: DrawingSettings
    prompts: tuple[Prompt, ...]
    mask: Mask | None
    tile: tuple[int, int] | None
    outputs: Outputs
    reading: ReadingSettings


def _plan(request: DrawRequest) -> _Plan:
    """Finds wrong what is cheap to find wrong, before trax is imported and the model read."""
    recipe = None if request.like is None else read_recipe(request.like)
    drawing = _drawing(request, recipe)
    model_name, weights = _model(request, recipe)
    stored = stored_config(weights)
    settings = with_palette(request.settings)
    if recipe is not None and stored is None:
        settings = {**recipe.config.to_dict(), **settings}
    config = resolve_config(stored, settings, source=weights.parent)
    require_words(drawing, config)
    sources = _prompts(request, recipe)
    pictures = dataclasses.replace(config.pictures, unscale=drawing.unscale)
    mask = _mask(request, recipe, pictures)
    kept = kept_of_prompts(drawing, pictures, len(sources), mask)
    tile = _tile(request, recipe)
    layout = Layout(drawing.n_rows(len(sources)), len(drawing.columns), tile)
    outputs = _outputs(request, drawing, layout, config.pictures.size, bool(sources))
    reading = _reading(request, drawing)
    prompts = open_prompts(sources, pictures, kept, allow_private_urls=request.allow_private_urls)
    by_recipe = recipe is not None and request.model_name is None
    is_named = request.checkpoint is not None or by_recipe
    return _Plan(
        model_name, weights, is_named, settings, drawing, prompts, mask, tile, outputs, reading
    )


def _drawing(request: DrawRequest, recipe: Recipe | None) -> DrawingSettings:
    """Returns how to draw: as named, and else as the recipe says.

    Who names words, or none, has others than the recipe's, and none of them keeps what needs words.

    Raises:
      UsageError: a setting is wrong.
    """
    named = with_palette(request.drawing)
    like = {} if recipe is None else recipe.drawing.to_dict()
    if request.mask is not None or {"cut", "keep"} & {*named}:  # the recipe's are about others
        like = {name: value for name, value in like.items() if name not in _OF_REGIONS}
    said = [named[name] for name in ("text", "class_name") if name in named]
    if said:
        dropped = {"text", "class_name"} | (set() if any(said) else NEEDS_WORDS)
        like = {name: value for name, value in like.items() if name not in dropped}
    return DrawingSettings.of(**{**like, **named})


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


def _mask(request: DrawRequest, recipe: Recipe | None, pictures: PictureSettings) -> Mask | None:
    """Returns what to draw of the prompts: the mask that is named, or else the recipe's.

    Raises:
      UsageError: the recipe's must be named by the user.
      ImageError: it cannot be read.
    """
    if request.mask is not None:
        return open_mask(request.mask, pictures)
    used = None if recipe is None or {"cut", "keep"} & {*request.drawing} else recipe.mask
    if used is None:
        return None
    if used.name is None or not os.path.isfile(used.name):
        what = "a picture without a name" if used.name is None else f"{shown(used.name)}"
        raise UsageError(
            f"{shown(request.like or '')} was drawn with a mask, {what}, that is not here; name it "
            "with --mask"
        )
    mask = open_mask(used.name, pictures)
    if mask.used != used:
        _log.warning("%s has changed since: the pictures will differ", shown(used.name))
    return mask


def _tile(request: DrawRequest, recipe: Recipe | None) -> tuple[int, int] | None:
    """Returns the only result to draw: that of a recipe to which no other results are named."""
    others = {"batch_size", "temperature", "text", "class_name", "guidance"}
    is_other = request.prompts is not None or others & {*request.drawing}
    return None if recipe is None or is_other else recipe.tile


def _reading(request: DrawRequest, drawing: DrawingSettings) -> ReadingSettings:
    """Returns how training images to compare with become pictures, of which there are some.

    Raises:
      UsageError: a setting is wrong, or for a folder that is not named.
      ImageError: the folder does not exist, or no picture is in it.
    """
    cut = ReadingSettings(grid=request.grid, frames=request.frames)
    reading = dataclasses.replace(cut, unscale=drawing.unscale)
    if request.nearest is not None:
        find_pictures(request.nearest, reading, "nearest")
    elif request.cache_dir is not None:
        raise UsageError("cache_dir needs --nearest=FOLDER, whose images' tokens it keeps")
    elif cut != ONE_EACH:
        raise UsageError("grid and frames need --nearest=FOLDER, whose images they take apart")
    return reading


def _outputs(
    request: DrawRequest,
    drawing: DrawingSettings,
    layout: Layout,
    picture_size: tuple[int, int],
    has_prompts: bool,
) -> Outputs:
    """Returns where to write what is drawn, all of which can be written.

    Raises:
      UsageError: a name that will not do, or a scale in pixels for what has none.
      ImageError: a folder cannot be made or written.
    """
    outputs = Outputs.named(request.out, request.sheet, request.film)
    is_exact = outputs.collage is None and outputs.film is None
    if is_exact and "scale" in request.drawing and drawing.times is None:
        raise UsageError(
            f"scale={drawing.scale} is for the tiles of a collage; single pictures and sheets take "
            "how often to repeat each pixel, such as --scale=4x"
        )
    n_last = 0 if request.nearest is None else len(layout.columns)
    outputs.check(layout, drawing, picture_size, 2 if has_prompts else 0, n_last)
    return outputs
