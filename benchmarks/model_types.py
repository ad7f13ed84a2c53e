"""Which model draws best after the same time of training?

Trains a model of every type on the same images, for as many steps as fit into the same time, and
measures what a user gets: bits per pixel of the validation images, weights, and the time that a
drawn pixel takes. The last row is the recipe of 2020. First the speed of a step is measured, all
recipes taking turns; the number of steps follows from it, so that a machine that is busy later on
favours none.

    python benchmarks/model_types.py --images=DIR --val_images=DIR --image_size=16
                                     [--seconds=90] [--seeds 0 1 2] [--folder=model-types]

Sizes are 16 (4,3,3) and 32 (5,4,4). What is done lies in --folder and is not done again; there,
too, is a sheet of 16 new pictures of each model, as TYPE-SIZE.png. Prints a Markdown table; bits
are the mean over the seeds and half the distance between the best and the worst.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import machine, mean_and_spread, open_results, seconds_per_step

import pixace
from pixace.dataset.batches import training_batches
from pixace.dataset.reading import load_images
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from pixace.settings.training import TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

BATCH_SIZE = 8
N_ROUNDS, ROUND = 5, 2  # of timing, and steps in each
N_DRAWN = 4  # pictures at a time, when drawing is timed
BITS = {16: (4, 3, 3), 32: (5, 4, 4)}
# The width, of which a user would think first, is that at which a step takes some tenths of a
# second; what follows from it is as in the types' own defaults.
ATTENTION = {"d_model": 128, "d_ff": 512, "n_layers": 4, "n_heads": 4}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    Attributes:
      sizes: settings of the model.
      learning_rate: the best one known: for the Transformer from `quality.py`.
      training: further settings of the training.
      max_warmup: steps until the rate is at its highest, where a fifth of all are more.
    """

    model_type: str
    sizes: dict[str, Any]
    learning_rate: float
    training: dict[str, Any]
    max_warmup: int = 400


COSINE = {"schedule": "cosine"}
RECIPES = {
    "pointer": Recipe(
        "pointer",
        ATTENTION,
        0.012,
        {**COSINE, "optimizer": "muon", "dropout": 0.0},
        max_warmup=30,
    ),
    "transformer": Recipe("transformer", ATTENTION, 0.015, COSINE),
    "reformer": Recipe("reformer", ATTENTION, 0.015, COSINE),
    "pixelcnn": Recipe(
        "pixelcnn", {"d_model": 64, "d_ff": 256, "n_layers": 8, "kernel_size": 5}, 0.005, COSINE
    ),
    "pixelcnn_residual": Recipe(
        "pixelcnn_residual",
        {"d_model": 128, "d_ff": 256, "n_layers": 8, "kernel_size": 3},
        0.005,
        COSINE,
    ),
    # As the program of 2020 trained: its defaults, at these sizes.
    "reference": Recipe("reformer", ATTENTION, 0.005, {"schedule": "rsqrt"}),
}
assert {recipe.model_type for recipe in RECIPES.values()} == set(MODEL_TYPES)


def config_of(recipe: Recipe, size: int) -> ModelConfig:
    """Returns the settings of a recipe's model at a size of pictures."""
    return ModelConfig(recipe.model_type, size, BITS[size], **recipe.sizes)


def measure_steps(
    images: str, trainings: Mapping[str, tuple[Recipe, ModelConfig]]
) -> dict[str, float]:
    """Returns the seconds that a step of each training takes."""
    loops = {}
    for name, (recipe, config) in trainings.items():
        settings = TrainingSettings(batch_size=BATCH_SIZE, **recipe.training)
        batches = training_batches(load_images(images, config).tokens, BATCH_SIZE, seed=0)
        step = TrainingStep(config, settings, batch_mesh())
        loops[name] = Learner(config, settings, 0, batches, step)
    return seconds_per_step(loops, N_ROUNDS, ROUND)


def train(
    options: argparse.Namespace,
    stored: str,
    recipe: Recipe,
    config: ModelConfig,
    seed: int,
    n_steps: int,
) -> float:
    """Trains one model and returns the bits per pixel of the validation images."""
    trainer = pixace.get_trainer(stored, weights_dir=options.folder, **config.to_dict())
    trainer.train(
        images=options.images,
        val_images=options.val_images,
        batch_size=BATCH_SIZE,
        n_epochs=1,
        steps_per_epoch=n_steps,
        learning_rate=recipe.learning_rate,
        warmup_steps=min(recipe.max_warmup, n_steps // 5),
        seed=seed,
        **recipe.training,
    )
    evaluator = pixace.get_evaluator(stored, weights_dir=options.folder)
    return evaluator.evaluate(options.val_images).bits_per_pixel


def model_name(name: str, size: int, seed: int) -> str:
    """Returns what a trained model is called."""
    return f"{name}-{size}-{seed}"


def measure_drawing(options: argparse.Namespace) -> dict[str, float]:
    """Draws a sheet of each model; returns milliseconds per pixel, all recipes taking turns."""
    predictors = {}
    for name in RECIPES:
        stored = model_name(name, options.image_size, options.seeds[0])
        predictors[name] = pixace.get_predictor(stored, weights_dir=options.folder)
        sheet = predictors[name].predict(batch_size=16, seed=0)
        sheet.save(options.folder / f"{name}-{options.image_size}.png")
    times: dict[str, list[float]] = {name: [] for name in RECIPES}
    for _ in range(1 + N_ROUNDS):
        for name, predictor in predictors.items():
            start = time.perf_counter()
            predictor.predict(batch_size=N_DRAWN, seed=0)
            times[name].append(time.perf_counter() - start)
    # In the first round, the sampler is compiled.
    per_pixel = 1000 / options.image_size**2
    return {key: statistics.median(series[1:]) * per_pixel for key, series in times.items()}


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--image_size", type=int, choices=BITS, default=16)
    parser.add_argument("--seconds", type=float, default=90, help="of training, for each recipe")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rate", type=float, help="learning rate for all recipes")
    parser.add_argument("--only", nargs="+", choices=RECIPES, help="train these and end")
    parser.add_argument("--folder", type=Path, default=Path("model-types"))
    options = parser.parse_args()

    trainings = {
        name: (recipe, config_of(recipe, options.image_size)) for name, recipe in RECIPES.items()
    }
    done, keep = open_results(options.folder, options.image_size)
    if "seconds" not in done:
        done["seconds"] = measure_steps(options.images, trainings)
        keep()
    n_steps = {key: round(options.seconds / value) for key, value in done["seconds"].items()}
    for seed in options.seeds:
        for name in options.only or RECIPES:
            stored = model_name(name, options.image_size, seed)
            if stored not in done["bits"]:
                recipe, config = trainings[name]
                if options.rate is not None:
                    recipe = dataclasses.replace(recipe, learning_rate=options.rate)
                done["bits"][stored] = train(options, stored, recipe, config, seed, n_steps[name])
                keep()
    if options.only:
        return
    if "drawing" not in done:
        done["drawing"] = measure_drawing(options)
        keep()

    print(f"{machine()}; {options.image_size} x {options.image_size}, {options.seconds:.0f} s\n")
    print("| recipe | weights | s/step | steps | bits per pixel | ms per pixel drawn |")
    print("| --- | ---: | ---: | ---: | --- | ---: |")
    for name, (_, config) in trainings.items():
        seconds = done["seconds"][name]
        n_weights = sum(array.size for array in weight_shapes(config))
        stored_names = [model_name(name, options.image_size, seed) for seed in options.seeds]
        print(
            f"| {name} | {n_weights:,} | {seconds:.3f} | {n_steps[name]:,} "
            f"| {mean_and_spread([done['bits'][stored] for stored in stored_names])} "
            f"| {done['drawing'][name]:.2f} |"
        )


if __name__ == "__main__":
    main()
