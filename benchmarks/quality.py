"""How well does a model predict new pictures after so many steps, by the settings of its training?

Trains the same small model from several seeds in each of these ways, and measures all validation
images at equal distances:

    python benchmarks/quality.py --images=DIR --val_images=DIR [--model=transformer] [--steps=1000]
                                 [--only NAME ...] [--seeds 0 1 2] [--results=quality.jsonl]

The reference is always among them. 16x16 pixels, 4,3,3, d_model 64, d_ff 256, 2 layers, 2 heads; 8
pictures a step, dropout 0.1.

Each training's results are added to the file of --results when it is done, and what is there is
not done again. The table shows bits per pixel: the mean over the seeds and, behind it, half the
distance between the best and the worst. Seconds per step are the median of some rounds at the end,
in which all take turns. "Equal time" is that of the reference's last step: between measurements,
bits are interpolated, and beyond the last step they stay.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import machine, mean_and_spread, seconds_per_step

from pixace.dataset.batches import training_batches
from pixace.dataset.reading import load_images
from pixace.insight.likelihood import Scorer
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES
from pixace.settings.training import TrainingSettings
from pixace.tokens.order import order_of
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

CONFIG = ModelConfig(image_size=16, bitdepth=(4, 3, 3), d_model=64, d_ff=256, n_layers=2, n_heads=2)
SETTINGS = TrainingSettings(batch_size=8)
N_MEASUREMENTS = 4
N_ROUNDS, ROUND = 7, 20  # of timing, and steps in each
REFERENCE = "reference"
ALTERNATIVES: dict[str, dict[str, Any]] = {
    REFERENCE: {},
    "rate x 3": {"learning_rate": 0.015},
    "rate x 0.3": {"learning_rate": 0.0015},
    "rate x 0.1": {"learning_rate": 0.0005},
    "warm-up 100": {"warmup_steps": 100},
    "cosine": {"schedule": "cosine"},
    "cosine, rate x 3": {"schedule": "cosine", "learning_rate": 0.015},
    "grid": {"positions": "grid"},
    "mirror": {"mirror": True},
    "cosine, rate x 3, grid": {
        "schedule": "cosine",
        "learning_rate": 0.015,
        "positions": "grid",
    },
}
MODEL_SETTINGS = {field.name for field in dataclasses.fields(ModelConfig)}
RATE_SETTINGS = {"learning_rate", "warmup_steps", "schedule"}  # a step takes as long with any


class Training(NamedTuple):
    """One training, and what came of it.

    Attributes:
      model: type of the model.
      name: of the alternative.
      seed: of weights, dropout and order of the images.
      n_steps: in all.
      bits: bits per pixel of the validation images, at equal distances up to the last step.
    """

    model: str
    name: str
    seed: int
    n_steps: int
    bits: Sequence[float] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """What was asked for, without what came of it."""
        return self[:4]


class Trainings:
    """Does trainings on the images of two folders; steps of the same model are compiled once."""

    def __init__(self, images: str, val_images: str) -> None:
        self._tokens = load_images(images, CONFIG).tokens
        self._val_tokens = load_images(val_images, CONFIG).tokens
        self._steps: dict[ModelConfig, TrainingStep] = {}

    def do(self, training: Training) -> Training:
        """Returns a training with its results."""
        loop = self._loop(training)
        scorer = Scorer(loop.eval_model)
        bits = []
        for _ in range(N_MEASUREMENTS):
            for _ in range(training.n_steps // N_MEASUREMENTS):
                loop.advance()
            likelihood = scorer.likelihood(loop.weights, self._val_tokens, SETTINGS.n_pictures)
            assert likelihood is not None  # nothing asked it to stop
            bits.append(likelihood.bits_per_pixel)
        return training._replace(bits=bits)

    def seconds_per_step(self, trainings: list[Training]) -> dict[str, float]:
        """Returns the seconds that a step of each alternative takes."""
        one_of_each = {work(training.name): training for training in trainings}
        loops = {key: self._loop(training) for key, training in one_of_each.items()}
        medians = seconds_per_step(loops, N_ROUNDS, ROUND)
        return {training.name: medians[work(training.name)] for training in trainings}

    def _loop(self, training: Training) -> Learner:
        changes = {**ALTERNATIVES[training.name], "model_type": training.model}
        of_model = {name: changes.pop(name) for name in MODEL_SETTINGS & changes.keys()}
        config = dataclasses.replace(CONFIG, **of_model)
        of_length = {"steps_per_epoch": training.n_steps, "n_epochs": 1}
        settings = dataclasses.replace(SETTINGS, **of_length, **changes)
        if config not in self._steps:
            self._steps[config] = TrainingStep(config, SETTINGS, batch_mesh())
        mirror = order_of(config.pictures) if settings.mirror else None
        batches = training_batches(self._tokens, settings.n_pictures, training.seed, mirror=mirror)
        return Learner(config, settings, training.seed, batches, self._steps[config])


def work(name: str) -> str:
    """Returns a text that is the same for alternatives whose steps take equally long."""
    changes = ALTERNATIVES[name]
    return json.dumps({key: changes[key] for key in sorted(changes.keys() - RATE_SETTINGS)})


def read_results(path: Path) -> list[Training]:
    """Returns the trainings that are done."""
    if not path.exists():
        return []
    return [Training(**json.loads(line)) for line in path.read_text().splitlines()]


def table(trainings: list[Training], seconds: dict[str, float]) -> Iterator[str]:
    """Yields the lines of a Markdown table, the reference first."""
    n_steps = trainings[0].n_steps
    steps = [n_steps * number // N_MEASUREMENTS for number in range(1, N_MEASUREMENTS + 1)]
    columns = ["training", "seeds", *(f"step {step}" for step in steps), "equal time", "s/step"]
    yield f"| {' | '.join(columns)} |"
    yield "| --- " * len(columns) + "|"
    for name in [name for name in ALTERNATIVES if name in seconds]:
        steps_in_time = n_steps * seconds[REFERENCE] / seconds[name]
        bits = [
            [*training.bits, float(np.interp(steps_in_time, steps, training.bits))]
            for training in trainings
            if training.name == name
        ]
        cells = [mean_and_spread(series) for series in zip(*bits, strict=True)]
        yield f"| {' | '.join([name, str(len(bits)), *cells, f'{seconds[name]:.3f}'])} |"


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--model", choices=ATTENTION_TYPES, default="transformer")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each training")
    parser.add_argument("--only", nargs="+", choices=ALTERNATIVES, default=[*ALTERNATIVES])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"))
    arguments = parser.parse_args()

    trainings = Trainings(arguments.images, arguments.val_images)
    done = {training.key for training in read_results(arguments.results)}
    for seed in arguments.seeds:  # an interrupted run has as many seeds of each
        for name in dict.fromkeys([REFERENCE, *arguments.only]):
            training = Training(arguments.model, name, seed, arguments.steps)
            if training.key not in done:
                result = trainings.do(training)
                with arguments.results.open("a") as file:
                    print(json.dumps(result._asdict()), file=file)
    chosen = [
        training
        for training in read_results(arguments.results)
        if (training.model, training.n_steps) == (arguments.model, arguments.steps)
    ]
    seconds = trainings.seconds_per_step(chosen)
    print(f"{machine()}; {arguments.model}\n")
    print(*table(chosen, seconds), sep="\n")


if __name__ == "__main__":
    main()
