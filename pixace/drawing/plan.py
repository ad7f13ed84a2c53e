"""What a request to draw comes to: what can be found wrong in it is, before trax is imported."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from pixace.checkpoints.config_file import CONFIG_NAME
from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import locate
from pixace.drawing.canvas import Canvas, followed, open_canvas
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.known_words import require_words
from pixace.drawing.layout import Layout, is_grid_usual, layout_of
from pixace.drawing.meanings import check_quality, with_meanings
from pixace.drawing.outputs import Outputs
from pixace.drawing.painted import Painted
from pixace.drawing.prompts import Prompt, PromptSource, listed, local_prompt, open_prompts
from pixace.drawing.recipe import USED_FILES, Recipe, read_recipe
from pixace.drawing.region import Mask, kept_of_prompts, open_mask
from pixace.drawing.symmetry import check_symmetry
from pixace.drawing.used_files import PictureSource, file_of_recipe
from pixace.errors import UsageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.reading import is_url
from pixace.pictures.writing import refuse_to_replace_images
from pixace.settings.drawing import NEEDS_WORDS, DrawingSettings
from pixace.settings.model import resolve_config
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.settings.scans import drawn_pictures
from pixace.settings.sweep import Sweep, without_swept
from pixace.system.results import FileName, refuse_to_replace
from pixace.tokens.palette_names import palette_file, with_palette
from pixace.wording import shown

_OF_PARTS = {"cut", "keep", "particles"}


class Plan(NamedTuple):
    """A request in which all has been found right that can be, before trax is imported.

    Attributes:
      model_name: what recipes call the model.
      weights: their file.
      is_named: whether the request, or its recipe, says which state of the model that is.
      settings: the model's, as far as they are named.
      drawing: how to draw.
      prompts: what to complete.
      mask: what to draw of them; None is what `drawing` says.
      canvas: what to follow and to keep, whatever is completed.
      tile: the only result to draw; None draws all.
      is_grid: whether rows of the collage stand side by side; see `Recipe.is_grid`.
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
    canvas: Canvas
    tile: tuple[int, int] | None
    is_grid: bool
    outputs: Outputs
    reading: ReadingSettings


def plan_of(request: DrawRequest) -> Plan:
    """Finds wrong what is cheap to find wrong, before trax is imported and the model read.

    Raises:
      UsageError: see `request.draw_to_files`.
      ImageError: see there.
      CheckpointError: see there.
    """
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
    used = _used_files(request, recipe)
    replaced = _replaced(request)
    refuse_to_replace(replaced, _inputs(request, sources, used, weights))
    refuse_to_replace_images(replaced, {"nearest": request.nearest})
    pictures = dataclasses.replace(drawn_pictures(config, drawing), unscale=drawing.unscale)
    mask = None if "mask" not in used else open_mask(used["mask"], pictures)
    canvas = open_canvas(used.get("init"), used.get("overlay"), pictures)
    drawing, canvas = followed(drawing, canvas)
    kept = kept_of_prompts(drawing, pictures, len(sources), mask, canvas.overlay)
    check_quality(request.drawing, drawing, kept)
    tile = _tile(request, recipe, drawing)
    is_grid = _is_grid(request, recipe, drawing.n_rows(len(sources)), len(sources))
    layout = layout_of(
        drawing.n_rows(len(sources)),
        len(drawing.columns),
        config.pictures.size,
        tile=tile,
        is_grid=is_grid,
        n_more_columns=0 if request.nearest is None else len(drawing.columns),
    )
    outputs = _outputs(request, drawing, layout, config.pictures.size, bool(sources))
    reading = _reading(request, drawing)
    prompts = open_prompts(sources, pictures, kept, allow_private_urls=request.allow_private_urls)
    check_symmetry(canvas.laid_over(prompts), drawing.symmetry, pictures)
    by_recipe = recipe is not None and request.model_name is None
    is_named = request.checkpoint is not None or by_recipe
    return Plan(
        model_name,
        weights,
        is_named,
        settings,
        drawing,
        prompts,
        mask,
        canvas,
        tile,
        is_grid,
        outputs,
        reading,
    )


def weights_of(request: DrawRequest) -> Path:
    """Returns the file of weights that a request names.

    Raises:
      UsageError: it names no model.
      CheckpointError: no such model, or its file cannot be used.
    """
    recipe = None if request.like is None else read_recipe(request.like)
    return _model(request, recipe)[1]


def _replaced(request: DrawRequest) -> dict[str, str | Path | None]:
    """Returns the files that are replaced where they are there, by the flags that name them."""
    outputs = Outputs.named(request.out, request.sheet, request.film)
    return {"out": outputs.collage, "film": outputs.film}


def _inputs(
    request: DrawRequest,
    sources: Sequence[PromptSource],
    used: Mapping[str, PictureSource],
    weights: Path,
) -> Iterator[tuple[str, FileName]]:
    """Yields what a drawing is made from, and the names of these files."""
    pictures = [("the prompt", source) for source in sources]
    pictures += [(f"the {USED_FILES[flag].split()[-1]}", source) for flag, source in used.items()]
    for what, source in pictures:
        if isinstance(source, Image.Image):
            source = getattr(source, "filename", "")  # Pillow's, where it has opened a file
        if not isinstance(source, Painted) and not is_url(source):
            yield what, source
    if request.like is not None:
        yield "the picture that --like names", request.like
    words = (request.drawing.get("palette"), request.settings.get("colours"))
    for name in (palette_file(str(word)) for word in words if word is not None):
        if name is not None:
            yield "the palette", name
    yield "the model's weights", weights
    yield "the model's settings", weights.with_name(CONFIG_NAME)


def _drawing(request: DrawRequest, recipe: Recipe | None) -> DrawingSettings:
    """Returns how to draw: as named, and else as the recipe says.

    Who names words, or none, has others than the recipe's, and none of them keeps what needs words.

    Raises:
      UsageError: a setting is wrong.
    """
    named = request.drawing
    like = {} if recipe is None else without_swept(recipe.drawing.to_dict(), named)
    if request.mask is not None or _names_parts(named):  # the recipe's are of other parts
        like = {name: value for name, value in like.items() if name not in _OF_PARTS}
        if "sweep" in like and _names_parts(like):
            del like["sweep"]
    if "tile" in named:  # which says how many candidates there are, unless they are named, too
        like.pop("best_of", None)
    said = [named[name] for name in ("text", "class_name") if name in named]
    if said:
        dropped = {"text", "class_name"} | (set() if any(said) else NEEDS_WORDS)
        like = {name: value for name, value in like.items() if name not in dropped}
    return DrawingSettings.of(**with_meanings(named, like))


def _names_parts(drawing: Mapping[str, Any]) -> bool:
    """Returns whether settings say which part of a prompt is kept."""
    sweep = drawing.get("sweep")
    return bool({"cut", "keep"} & {*drawing}) or (
        sweep is not None and Sweep.of(sweep).name == "cut"
    )


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
        return [local_prompt("prompt", source) for source in listed(request.prompts)]
    names: list[PromptSource] = []
    for name in recipe.prompts if recipe is not None else ():
        if isinstance(name, Painted):
            names.append(name)
            continue
        if name is None or is_url(name) or not os.path.isfile(name):
            prompt = "a picture without a name" if name is None else shown(name)
            why = "not fetched unasked" if name and is_url(name) else "not here"
            raise UsageError(
                f"{shown(request.like or '')} completes {prompt}, which is {why}; name all its "
                "prompts with --prompt"
            )
        names.append(name)
    return names


def _used_files(request: DrawRequest, recipe: Recipe | None) -> dict[str, PictureSource]:
    """Returns the pictures to use besides prompts, by the flags that name them.

    They are those that are named, or else the recipe's; but not its mask where other parts of
    prompts are named.

    Raises:
      UsageError: one of the recipe's must be named by the user.
    """
    used: dict[str, PictureSource | None] = {flag: getattr(request, flag) for flag in USED_FILES}
    if recipe is not None:
        is_other = _names_parts(request.drawing)
        for flag, source in used.items():
            if source is None and not (flag == "mask" and is_other):
                used[flag] = file_of_recipe(flag, recipe, request.like or "")
    return {flag: source for flag, source in used.items() if source is not None}


def _tile(
    request: DrawRequest, recipe: Recipe | None, drawing: DrawingSettings
) -> tuple[int, int] | None:
    """Returns the only result to draw: that of a recipe to which no other results are named."""
    others = {"batch_size", "temperature", "text", "class_name", "guidance"}
    is_other = request.prompts is not None or others & {*request.drawing}
    if recipe is None or is_other or drawing.sweep != recipe.drawing.sweep:
        return None
    return recipe.tile


def _is_grid(request: DrawRequest, recipe: Recipe | None, n_rows: int, n_prompts: int) -> bool:
    """Returns whether the collage is a grid: as that of a recipe, unless other rows are named."""
    is_other = request.prompts is not None or {"batch_size", "text", "class_name"} & {
        *request.drawing
    }
    if recipe is None or recipe.tile is not None or is_other:
        return is_grid_usual(n_rows, n_prompts)
    return recipe.is_grid


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
