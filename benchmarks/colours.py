"""Which colours does a model learn best in the same time of training, and what do they lose?

Trains the pointer model of `model_types.py` on the same images with each of several codecs, for as
many steps as fit into the same time, and measures bits per pixel of the validation images. First
the speed of a step is measured, all codecs taking turns; the number of steps follows from it, so
that a machine that is busy later on favours none.

    python benchmarks/colours.py --images=DIR --val_images=DIR [--image_size=32] [--seconds=120]
                                 [--seeds 0] [--colours hsv:5,4,4 palette:auto:64 palette:auto:256]
                                 [--folder=colours]

Bits of different codecs tell different things: they are what is needed to write down a picture as
that codec has it, and one of few colours has less to write down. So the table says also what is
lost: the colour error of the validation images, at the model's size, after a round trip through
tokens (mean distance in CIELAB; 2 is just visible), and how many of them come back exactly.

Palettes that are found are found in the training images. What is done lies in --folder and is not
done again; there, too, is a sheet of 16 new pictures of each model. Prints a Markdown table; bits
are the mean over the seeds and half the distance between the best and the worst.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
from measuring import machine, mean_and_spread, open_results
from model_types import RECIPES, measure_steps, train

import pixace
from pixace.dataset.palette_finding import settled_colours
from pixace.models.build import weight_shapes
from pixace.pictures.colour_error import colour_error
from pixace.pictures.folder import find_images
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of

RECIPE = RECIPES["pointer"]
COLOURS = ("hsv:5,4,4", "palette:auto:64", "palette:auto:256")


def config_of(colours: str, size: int) -> ModelConfig:
    """Returns the settings of the model with these colours, spelt as settings hold them."""
    return ModelConfig(RECIPE.model_type, size, colours=colours, **RECIPE.sizes)


def draw(options: argparse.Namespace, stored: str) -> None:
    """Draws the sheet of a trained model."""
    predictor = pixace.get_predictor(stored, weights_dir=options.folder)
    sheet = predictor.predict(batch_size=16, seed=0, scale="4x")
    sheet.save(options.folder / f"{stored}.png")


def round_trips(folder: str, pictures: PictureSettings) -> tuple[float, int, int]:
    """Returns the colour error of images in tokens, how many come back exactly, and of how many."""
    codec = codec_of(pictures)
    before = np.stack([pixels_of(path, pictures) for path in find_images(folder)])
    after = codec.decode(codec.encode(before))
    n_exact = int((before == after).all(axis=(1, 2, 3)).sum())
    return colour_error(before, after), n_exact, len(before)


def model_name(colours: str, size: int, seed: int) -> str:
    """Returns what a trained model is called."""
    return f"{re.sub('[^0-9A-Za-z]+', '-', colours)}-{size}-{seed}"


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--image_size", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120, help="of training, for each codec")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--colours", nargs="+", default=COLOURS, help="as train takes them")
    parser.add_argument("--folder", type=Path, default=Path("colours"))
    options = parser.parse_args()

    done, keep = open_results(options.folder, options.image_size)
    size, paths = options.image_size, find_images(options.images)
    configs = {}
    for name in options.colours:
        settled = settled_colours(name, paths, PictureSettings.of(size))
        configs[name] = config_of(settled, size)
    if not {*configs} <= {*done.get("seconds", ())}:
        done["seconds"] = measure_steps(
            options.images, {name: (RECIPE, config) for name, config in configs.items()}
        )
        keep()
    n_steps = {key: round(options.seconds / value) for key, value in done["seconds"].items()}
    for seed in options.seeds:
        for name, config in configs.items():
            stored = model_name(name, size, seed)
            if stored not in done["bits"]:
                done["bits"][stored] = train(options, stored, RECIPE, config, seed, n_steps[name])
                draw(options, stored)
                keep()

    print(f"{machine()}; {size} x {size}, {options.seconds:.0f} s\n")
    print("| colours | tokens | weights | s/step | steps | bits per pixel | error | exact |")
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |")
    for name, config in configs.items():
        error, n_exact, n_images = round_trips(options.val_images, config.pictures)
        bits = [done["bits"][model_name(name, size, seed)] for seed in options.seeds]
        print(
            f"| `{name}` | {codec_of(config.pictures).n_tokens} "
            f"| {sum(array.size for array in weight_shapes(config)):,} "
            f"| {done['seconds'][name]:.3f} | {n_steps[name]:,} | {mean_and_spread(bits)} "
            f"| {error:.2f} | {n_exact} of {n_images} |"
        )


if __name__ == "__main__":
    main()
