"""`pixace predict`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from absl import flags

from pixace.checkpoints import stored_config
from pixace.collage import check_output, write_picture
from pixace.commands.common import (
    define_location_flags,
    define_model_flags,
    numbers,
    typed_settings,
)
from pixace.config import DrawingSettings, ModelConfig, resolve_config
from pixace.errors import UsageError, shown
from pixace.folders import locate
from pixace.images import open_image


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(values, model_name_help="Folder under --weights_dir.")
    flags.DEFINE_string(
        "checkpoint", None, "Use this file, step, latest or best.", flag_values=values
    )
    flags.DEFINE_list(
        "prompt",
        [],
        "Image files or URLs to complete, separated by commas; a name that holds a comma goes "
        "into double quotes: --prompt='\"a,b.png\",c.png'.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "cut", None, "Keep this many prompt pixels (default: half of them).", flag_values=values
    )
    flags.DEFINE_integer(
        "batch_size", 1, "Images to draw when there is no prompt.", flag_values=values
    )
    flags.DEFINE_list(
        "temperature",
        "1.0",
        "One column of results for each; 0 takes the likeliest pixel.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "top_k", 0, "Draw only from the k likeliest colours; 0 means all.", flag_values=values
    )
    flags.DEFINE_float(
        "top_p",
        1.0,
        "Draw only from the fewest colours that hold this share of the probability.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "The same seed draws the same picture (default: a new one).",
        flag_values=values,
    )
    flags.DEFINE_integer("scale", 256, "Edge of one tile in pixels.", flag_values=values)
    flags.DEFINE_string(
        "out", "collage.png", "Output file; its suffix says the format.", flag_values=values
    )
    define_model_flags(values)


def run(values: flags.FlagValues) -> None:
    """Draws as the flags say, and prints the path of the collage."""
    # What is cheap to find wrong is found before trax is imported and the model read.
    temperatures = numbers("temperature", values["temperature"].value, float)
    names = ("batch_size", "cut", "scale", "seed", "top_k", "top_p")
    drawing = DrawingSettings(
        temperature=tuple(temperatures), **{name: values[name].value for name in names}
    )
    out = Path(values["out"].value)
    path = locate(
        values["model_name"].value, values["weights_dir"].value, values["checkpoint"].value
    )
    settings = typed_settings(values)
    config: ModelConfig = resolve_config(stored_config(path), settings, source=path.parent)
    drawing.kept_pixels(config.n_pixels)
    if values["prompt"].present and not values["prompt"].value:
        raise UsageError("flag --prompt= is empty; name an image file or a URL")
    if drawing.cut is not None and not values["prompt"].value:
        raise UsageError("cut needs a prompt to keep pixels of")
    n_rows = len(values["prompt"].value) or drawing.batch_size
    n_columns = len(temperatures) + (2 if values["prompt"].value else 0)
    check_output(out, (n_columns * drawing.scale, n_rows * drawing.scale))
    prompts = [open_image(prompt, config.background) for prompt in values["prompt"].value]

    from tqdm import tqdm

    from pixace.prediction import Predictor
    from pixace.stored import open_model

    predictor = Predictor(open_model(path, settings))
    with tqdm(unit="px", desc="drawing", leave=False, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        picture = predictor.predict(
            prompts=prompts,
            progress=progress,
            **dataclasses.asdict(drawing),
        )
    write_picture(picture, out)
    print(shown(out))
