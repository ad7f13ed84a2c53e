"""Which model draws best after the same time of training?

Trains a model of every type on the same images, for as many steps as fit into the same time, and
measures what a user gets: bits per pixel of the validation images, weights, and the time that a
drawn pixel takes. First the speed of a step is measured, all types taking turns; the number of
steps follows from it, so that a machine that is busy later on favours none.

    python benchmarks/model_types.py --images=DIR --val_images=DIR --image_size=16
                                     [--seconds=90] [--seeds 0 1 2] [--folder=model-types]

Sizes are 16 (4,3,3) and 32 (5,4,4). What is done lies in --folder and is not done again; there,
too, is a sheet of 16 new pictures of each model, as TYPE-SIZE.png. Prints a Markdown table; bits
are the mean over the seeds and half the distance between the best and the worst.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

from measuring import machine, mean_and_spread, seconds_per_step

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
N_ROUNDS, ROUND = 3, 2  # of timing, and steps in each
N_DRAWN = 4  # pictures at a time, when drawing is timed
BITS = {16: (4, 3, 3), 32: (5, 4, 4)}
# The width, of which a user would think first, is that at which a step takes some tenths of a
# second; what follows from it is as in the types' own defaults.
ATTENTION = {"d_model": 128, "d_ff": 512, "n_layers": 4, "n_heads": 4}
MODELS: dict[str, dict[str, Any]] = {
    "pointer": ATTENTION,
    "transformer": ATTENTION,
    "reformer": ATTENTION,
    "pixelcnn": {"d_model": 64, "d_ff": 256, "n_layers": 8, "kernel_size": 5},
    "pixelcnn_residual": {"d_model": 128, "d_ff": 256, "n_layers": 8, "kernel_size": 3},
}
# What was best for the Transformer in `quality.py`, and the default; all fall along a cosine.
RATES = {
    "pointer": 0.004,
    "transformer": 0.015,
    "reformer": 0.015,
    "pixelcnn": 0.005,
    "pixelcnn_residual": 0.005,
}
assert set(MODELS) == set(MODEL_TYPES)


def config_of(model_type: str, size: int) -> ModelConfig:
    """Returns the settings of a type at a size of pictures."""
    return ModelConfig(model_type, size, BITS[size], **MODELS[model_type])


def measure_steps(images: str, size: int) -> dict[str, float]:
    """Returns the seconds that a step of each type takes."""
    settings = TrainingSettings(batch_size=BATCH_SIZE)
    loops = {}
    for model_type in MODELS:
        config = config_of(model_type, size)
        batches = training_batches(load_images(images, config).tokens, BATCH_SIZE, seed=0)
        step = TrainingStep(config, settings, batch_mesh())
        loops[model_type] = Learner(config, settings, 0, batches, step)
    return seconds_per_step(loops, N_ROUNDS, ROUND)


def train(options: argparse.Namespace, model_type: str, seed: int, n_steps: int) -> float:
    """Trains one model and returns the bits per pixel of the validation images."""
    name = model_name(model_type, options.image_size, seed)
    config = dataclasses.asdict(config_of(model_type, options.image_size))
    trainer = pixace.get_trainer(name, weights_dir=options.folder, **config)
    trainer.train(
        images=options.images,
        val_images=options.val_images,
        batch_size=BATCH_SIZE,
        n_epochs=1,
        steps_per_epoch=n_steps,
        learning_rate=RATES[model_type] if options.rate is None else options.rate,
        warmup_steps=min(400, n_steps // 5),
        schedule="cosine",
        seed=seed,
    )
    evaluator = pixace.get_evaluator(name, weights_dir=options.folder)
    return evaluator.evaluate(options.val_images).bits_per_pixel


def model_name(model_type: str, size: int, seed: int) -> str:
    """Returns what a trained model is called."""
    return f"{model_type}-{size}-{seed}"


def measure_drawing(options: argparse.Namespace) -> dict[str, float]:
    """Draws a sheet of each model; returns milliseconds per pixel, all types taking turns."""
    predictors = {}
    for model_type in MODELS:
        name = model_name(model_type, options.image_size, options.seeds[0])
        predictors[model_type] = pixace.get_predictor(name, weights_dir=options.folder)
        sheet = predictors[model_type].predict(batch_size=16, seed=0)
        sheet.save(options.folder / f"{model_type}-{options.image_size}.png")
    times: dict[str, list[float]] = {model_type: [] for model_type in MODELS}
    for _ in range(1 + N_ROUNDS):
        for model_type, predictor in predictors.items():
            start = time.perf_counter()
            predictor.predict(batch_size=N_DRAWN, seed=0)
            times[model_type].append(time.perf_counter() - start)
    # In the first round, the sampler is compiled.
    per_pixel = 1000 / options.image_size**2
    return {key: statistics.median(series[1:]) * per_pixel for key, series in times.items()}


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--image_size", type=int, choices=BITS, default=16)
    parser.add_argument("--seconds", type=float, default=90, help="of training, for each model")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rate", type=float, help="learning rate for all types")
    parser.add_argument("--only", nargs="+", choices=MODELS, default=[*MODELS])
    parser.add_argument("--folder", type=Path, default=Path("model-types"))
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    results = options.folder / f"results-{options.image_size}.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {"bits": {}}

    def keep() -> None:
        results.write_text(json.dumps(done, indent=2))

    if "seconds" not in done:
        done["seconds"] = measure_steps(options.images, options.image_size)
        keep()
    n_steps = {key: round(options.seconds / value) for key, value in done["seconds"].items()}
    for seed in options.seeds:
        for model_type in options.only:
            name = model_name(model_type, options.image_size, seed)
            if name not in done["bits"]:
                done["bits"][name] = train(options, model_type, seed, n_steps[model_type])
                keep()
    if "drawing" not in done:
        done["drawing"] = measure_drawing(options)
        keep()

    print(f"{machine()}; {options.image_size} x {options.image_size}, {options.seconds:.0f} s\n")
    print("| model | weights | s/step | steps | bits per pixel | ms per pixel drawn |")
    print("| --- | ---: | ---: | ---: | --- | ---: |")
    for model_type in MODELS:
        seconds = done["seconds"][model_type]
        config = config_of(model_type, options.image_size)
        n_weights = sum(array.size for array in weight_shapes(config))
        names = [model_name(model_type, options.image_size, seed) for seed in options.seeds]
        print(
            f"| {model_type} | {n_weights:,} | {seconds:.3f} | {n_steps[model_type]:,} "
            f"| {mean_and_spread([done['bits'][name] for name in names])} "
            f"| {done['drawing'][model_type]:.2f} |"
        )


if __name__ == "__main__":
    main()
