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
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, mean_and_spread, seconds_per_step
from model_types import BATCH_SIZE, N_ROUNDS, RECIPES, ROUND

import pixace
from pixace.dataset.batches import training_batches
from pixace.dataset.palette_finding import settled_colours
from pixace.dataset.reading import load_images
from pixace.models.build import weight_shapes
from pixace.pictures.colour_error import colour_error
from pixace.pictures.folder import find_images
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.settings.training import TrainingSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

RECIPE = RECIPES["pointer"]
COLOURS = ("hsv:5,4,4", "palette:auto:64", "palette:auto:256")


def config_of(colours: str, size: int) -> ModelConfig:
    """Returns the settings of the model with these colours, spelt as settings hold them."""
    return ModelConfig(RECIPE.model_type, size, colours=colours, **RECIPE.sizes)


def measure_steps(images: str, configs: dict[str, ModelConfig]) -> dict[str, float]:
    """Returns the seconds that a step with each codec takes."""
    loops = {}
    for name, config in configs.items():
        settings = TrainingSettings(batch_size=BATCH_SIZE, **RECIPE.training)
        batches = training_batches(load_images(images, config).tokens, BATCH_SIZE, seed=0)
        step = TrainingStep(config, settings, batch_mesh())
        loops[name] = Learner(config, settings, 0, batches, step)
    return seconds_per_step(loops, N_ROUNDS, ROUND)


def train(options: argparse.Namespace, stored: str, config: ModelConfig, n_steps: int) -> float:
    """Trains one model and returns the bits per pixel of the validation images."""
    trainer = pixace.get_trainer(stored, weights_dir=options.folder, **config.to_dict())
    trainer.train(
        images=options.images,
        val_images=options.val_images,
        batch_size=BATCH_SIZE,
        n_epochs=1,
        steps_per_epoch=n_steps,
        learning_rate=RECIPE.learning_rate,
        warmup_steps=min(RECIPE.max_warmup, n_steps // 5),
        seed=int(stored.rpartition("-")[2]),
        **RECIPE.training,
    )
    evaluator = pixace.get_evaluator(stored, weights_dir=options.folder)
    bits = evaluator.evaluate(options.val_images).bits_per_pixel
    sheet = pixace.get_predictor(stored, weights_dir=options.folder).predict(
        batch_size=16, seed=0, scale="4x"
    )
    sheet.save(options.folder / f"{stored}.png")
    return bits


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

    options.folder.mkdir(parents=True, exist_ok=True)
    results = options.folder / f"results-{options.image_size}.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {"bits": {}}

    def keep() -> None:
        results.write_text(json.dumps(done, indent=2))

    size, paths = options.image_size, find_images(options.images)
    configs = {}
    for name in options.colours:
        settled = settled_colours(name, paths, PictureSettings.of(size))
        configs[name] = config_of(settled, size)
    if not {*configs} <= {*done.get("seconds", ())}:
        done["seconds"] = measure_steps(options.images, configs)
        keep()
    n_steps = {key: round(options.seconds / value) for key, value in done["seconds"].items()}
    for seed in options.seeds:
        for name, config in configs.items():
            stored = model_name(name, size, seed)
            if stored not in done["bits"]:
                done["bits"][stored] = train(options, stored, config, n_steps[name])
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
