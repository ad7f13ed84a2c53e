"""`pixace predict`."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
from pathlib import Path

from absl import flags

from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import locate
from pixace.commands.flags import (
    define_picture_file_flag,
    define_settings,
    define_switches,
    define_texts,
    define_weights_flags,
    numbers,
    typed_settings,
)
from pixace.drawing.film import check_film, write_film
from pixace.drawing.recipe import Recipe, read_recipe
from pixace.errors import UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.reading import is_url, open_image
from pixace.pictures.writing import check_output, write_picture
from pixace.settings.checks import require_path
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig, resolve_config
from pixace.wording import shown

_log = logging.getLogger(__name__)


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_weights_flags(values)
    flags.DEFINE_list(
        "prompt",
        [],
        "Image files or URLs to complete, separated by commas; a name that holds a comma goes "
        "into double quotes: --prompt='\"a,b.png\",c.png'.",
        flag_values=values,
    )
    define_switches(
        values,
        allow_private_urls="Fetch prompts also from this machine and its own network, not only "
        "from the internet.",
    )
    define_settings(values, DrawingSettings)
    flags.DEFINE_alias("n_images", "batch_size", flag_values=values)
    define_picture_file_flag(values, "collage.png")
    define_texts(
        values,
        like="Draw as this file was drawn, a collage or film of pixace: it carries its recipe "
        "inside, unless it is a BMP. Flags given beside this one win over the recipe. Prompts that "
        "were fetched from the web must be named again.",
        film="Show also how the collage appears, pixel by pixel, in this animated .gif.",
        nearest="Folder of training images: show the one that is nearest to each picture drawn, "
        "at the right, and tell how near it is.",
        cache_dir="For --nearest: the folder that keeps images' tokens, as in train.",
    )
    define_switches(
        values,
        json="Print the recipe and the likelihood of every picture as JSON, instead of the path.",
    )
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Draws as the flags say, and prints the path of the collage."""
    # What is cheap to find wrong is found before trax is imported and the model read.
    like = values["like"].value
    recipe = None if like is None else read_recipe(like)
    drawing = _drawing_settings(values, recipe)
    model_name, path = _model(values, recipe)
    stored = stored_config(path)
    settings = typed_settings(values)
    if recipe is not None and stored is None:
        settings = {**recipe.config.to_dict(), **settings}
    config = resolve_config(stored, settings, source=path.parent)
    drawing.kept_pixels(config.n_pixels)
    names = _prompts(values, recipe)
    if drawing.cut is not None and not names:
        raise UsageError("cut needs a prompt to keep pixels of")
    out, film = _outputs(values, drawing, len(names))
    training_images = values["nearest"].value
    if training_images is not None:
        find_images(training_images, "nearest")
    elif values["cache_dir"].present:
        raise UsageError("cache_dir needs --nearest=FOLDER, whose images' tokens it keeps")
    allow_private_urls = values["allow_private_urls"].value
    prompts = [
        open_image(
            name,
            config.background,
            size=config.image_size,
            allow_private_urls=allow_private_urls,
        )
        for name in names
    ]

    from tqdm import tqdm

    from pixace.dataset.reading import load_images
    from pixace.drawing.nearest import find_nearest
    from pixace.drawing.predictor import Predictor
    from pixace.models.stored import open_model

    model = open_model(path, settings)
    images = None
    if training_images is not None:  # what is wrong with them should not cost a drawing
        images = load_images(training_images, model.config, cache_dir=values["cache_dir"].value)
    predictor = Predictor(model, model_name)
    with tqdm(unit="px", desc="drawing", leave=False, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        drawn = predictor.draw(
            prompts=prompts, prompt_names=names, progress=progress, **dataclasses.asdict(drawing)
        )
    nearest = None
    if images is not None:
        nearest = find_nearest(drawn, images)
        for line in nearest.lines():
            _log.info("%s", line)
    write_picture(drawn.collage(nearest.columns if nearest else ()), out)
    if film is not None:
        write_film(drawn, film)
    if values["json"].value:
        files = {"path": str(out), "film": None if film is None else str(film)}
        tiles = drawn.tiles()
        if nearest is not None:
            for tile, found in zip(tiles, nearest.tiles(), strict=True):
                tile["nearest"] = found
        print(json.dumps({**files, "recipe": drawn.recipe.to_dict(), "tiles": tiles}))
    else:
        print(shown(out))


def _drawing_settings(values: flags.FlagValues, recipe: Recipe | None) -> DrawingSettings:
    """Returns how to draw: as typed, else as the recipe says, else as by default."""
    drawing = {} if recipe is None else dataclasses.asdict(recipe.drawing)
    for field in dataclasses.fields(DrawingSettings):
        if values[field.name].present or recipe is None:
            drawing[field.name] = values[field.name].value
            if field.name == "temperature":
                drawing[field.name] = tuple(numbers(field.name, drawing[field.name], float))
    return DrawingSettings(**drawing)


def _model(values: flags.FlagValues, recipe: Recipe | None) -> tuple[str | None, Path]:
    """Returns the model's name, if it has one, and the file of its weights."""
    name, checkpoint = values["model_name"].value, values["checkpoint"].value
    weights_dir = values["weights_dir"].value
    if recipe is None or name is not None:
        return name, locate(name, weights_dir, checkpoint)
    if checkpoint is not None:
        return recipe.model_name, locate(recipe.model_name, weights_dir, checkpoint)
    return recipe.model_name, recipe.find_weights(weights_dir)


def _prompts(values: flags.FlagValues, recipe: Recipe | None) -> list[str]:
    """Returns the files and URLs to complete.

    A recipe may be a stranger's: what it names is used where it is a file of this machine, and
    never fetched.

    Raises:
      UsageError: a prompt of the recipe must be named by the user.
    """
    if values["prompt"].present or recipe is None:
        if values["prompt"].present and not values["prompt"].value:
            raise UsageError("flag --prompt= is empty; name an image file or a URL")
        for prompt in values["prompt"].value:
            require_path("prompt", prompt)
        return values["prompt"].value
    names = []
    for name in recipe.prompts:
        if name is None or is_url(name) or not os.path.isfile(name):
            prompt = "a picture without a name" if name is None else shown(name)
            why = "not fetched unasked" if name and is_url(name) else "not here"
            raise UsageError(
                f"{shown(values['like'].value)} completes {prompt}, which is {why}; name all its "
                "prompts with --prompt"
            )
        names.append(name)
    return names


def _outputs(
    values: flags.FlagValues, drawing: DrawingSettings, n_prompts: int
) -> tuple[Path, Path | None]:
    """Returns where to write the collage and the film, both of which can be written."""
    n_columns = len(drawing.temperature) + (2 if n_prompts else 0)
    n_nearest = 0 if values["nearest"].value is None else len(drawing.temperature)
    size = (n_columns * drawing.scale, (n_prompts or drawing.batch_size) * drawing.scale)
    out = Path(values["out"].value)
    check_output(out, (size[0] + n_nearest * drawing.scale, size[1]))
    if values["film"].value is None:
        return out, None
    film = Path(values["film"].value)
    check_film(film, size)
    if os.path.realpath(out) == os.path.realpath(film):
        raise UsageError(f"out and film are both {shown(out)}; name two files")
    return out, film
