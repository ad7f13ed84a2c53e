"""How well does a model predict new pictures after so many steps, by the settings of its training?

Trains the same small model from several seeds in each of these ways, and measures all validation
images at equal distances:

    python benchmarks/quality.py --images=DIR --val_images=DIR [--model=transformer] [--steps=1000]
                                 [--only NAME ...] [--seeds 0 1 2] [--results=quality.jsonl]

16x16 pixels, 4,3,3, d_model 64, d_ff 256, 2 layers, 2 heads; 8 pictures a step, dropout 0.1.

Each training's results are added to the file of --results when it is done, and what is there is
not done again. The table shows the mean over the seeds and, behind it, half the distance between
the best and the worst. A step takes the shortest time that any stretch between two measurements
took, of all trainings whose steps do the same work: a busy machine only makes steps longer. "Equal
time" is that of the reference's last step; between measurements, bits are interpolated.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import machine

from pixace.config import MODEL_TYPES, ModelConfig, TrainingSettings
from pixace.data import load_images, training_batches
from pixace.devices import batch_mesh
from pixace.loop import Loop
from pixace.scoring import Scorer
from pixace.training_step import TrainingStep
from pixace.trax_compat import jax

CONFIG = ModelConfig(image_size=16, bitdepth=(4, 3, 3), d_model=64, d_ff=256, n_layers=2, n_heads=2)
SETTINGS = TrainingSettings(batch_size=8)
N_MEASUREMENTS = 4
REFERENCE = "reference"
ALTERNATIVES: dict[str, dict[str, Any]] = {
    REFERENCE: {},
    "rate x 3": {"learning_rate": 0.015},
    "rate x 0.3": {"learning_rate": 0.0015},
    "rate x 0.1": {"learning_rate": 0.0005},
    "warm-up 100": {"warmup_steps": 100},
    "cosine": {"schedule": "cosine"},
    "grid": {"positions": "grid"},
    "mirror": {"mirror": True},
}
MODEL_SETTINGS = {field.name for field in dataclasses.fields(ModelConfig)}


class Training(NamedTuple):
    """One training, and what came of it.

    Attributes:
      model: type of the model.
      name: of the alternative.
      seed: of weights, dropout and order of the images.
      n_steps: in all.
      bits: bits per pixel of the validation images, at equal distances up to the last step.
      seconds: per step, in the fastest stretch between two measurements.
    """

    model: str
    name: str
    seed: int
    n_steps: int
    bits: Sequence[float] = ()
    seconds: float = 0.0

    @property
    def key(self) -> tuple[Any, ...]:
        """What was asked for, without what came of it."""
        return self[:4]

    @property
    def work(self) -> tuple[Any, ...]:
        """What decides how long a step takes."""
        changes = ALTERNATIVES[self.name]
        return self.model, changes.get("positions"), changes.get("mirror")


class Trainings:
    """Does trainings on the images of two folders; steps of the same model are compiled once."""

    def __init__(self, images: str, val_images: str) -> None:
        self._tokens = load_images(images, CONFIG).tokens
        self._val_tokens = load_images(val_images, CONFIG).tokens
        self._steps: dict[ModelConfig, TrainingStep] = {}

    def do(self, training: Training) -> Training:
        """Returns a training with its results."""
        changes = {**ALTERNATIVES[training.name], "model_type": training.model}
        of_model = {name: changes.pop(name) for name in MODEL_SETTINGS & changes.keys()}
        config = dataclasses.replace(CONFIG, **of_model)
        stretch = training.n_steps // N_MEASUREMENTS
        of_length = {"steps_per_epoch": stretch, "n_epochs": N_MEASUREMENTS}
        settings = dataclasses.replace(SETTINGS, **of_length, **changes)
        if config not in self._steps:
            self._steps[config] = TrainingStep(config, SETTINGS, batch_mesh())
        batches = training_batches(
            self._tokens, settings.n_pictures, training.seed, mirror=settings.mirror
        )
        loop = Loop(config, settings, training.seed, batches, self._steps[config])
        scorer = Scorer(loop.eval_model)
        bits, seconds = [], []
        for _ in range(N_MEASUREMENTS):
            loop.advance()  # perhaps compiled, and not counted
            jax.block_until_ready(loop.loss)
            start = time.perf_counter()
            for _ in range(stretch - 1):
                loop.advance()
            jax.block_until_ready(loop.loss)
            seconds.append((time.perf_counter() - start) / (stretch - 1))
            likelihood = scorer.likelihood(loop.weights, self._val_tokens, SETTINGS.n_pictures)
            assert likelihood is not None  # nothing asked it to stop
            bits.append(likelihood.bits_per_pixel)
        return training._replace(bits=bits, seconds=min(seconds))


def read_results(path: Path) -> list[Training]:
    """Returns the trainings that are done."""
    if not path.exists():
        return []
    return [Training(**json.loads(line)) for line in path.read_text().splitlines()]


def table(trainings: list[Training]) -> Iterator[str]:
    """Yields the lines of a Markdown table, the reference first."""
    by_name = {name: [t for t in trainings if t.name == name] for name in ALTERNATIVES}
    seconds = {
        name: min(t.seconds for t in trainings if t.work == of_name[0].work)
        for name, of_name in by_name.items()
        if of_name
    }
    n_steps = trainings[0].n_steps
    steps = [n_steps * number // N_MEASUREMENTS for number in range(1, N_MEASUREMENTS + 1)]
    columns = ["training", "seeds", *(f"step {step}" for step in steps), "equal time", "s/step"]
    yield f"| {' | '.join(columns)} |"
    yield "| --- " * len(columns) + "|"
    for name in seconds:
        in_time = n_steps * seconds[REFERENCE] / seconds[name]
        bits = [[*t.bits, float(np.interp(in_time, steps, t.bits))] for t in by_name[name]]
        cells = [mean_and_spread(series) for series in zip(*bits, strict=True)]
        row = [name, str(len(bits)), *cells, f"{seconds[name]:.3f}"]
        yield f"| {' | '.join(row)} |"


def mean_and_spread(values: tuple[float, ...]) -> str:
    """Returns the mean, and half the distance between the smallest and the largest."""
    return f"{statistics.mean(values):.2f} ± {(max(values) - min(values)) / 2:.2f}"


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--model", choices=MODEL_TYPES, default="transformer")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each training")
    parser.add_argument("--only", nargs="+", choices=ALTERNATIVES, default=[*ALTERNATIVES])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"))
    arguments = parser.parse_args()

    trainings = Trainings(arguments.images, arguments.val_images)
    done = {training.key for training in read_results(arguments.results)}
    for seed in arguments.seeds:  # an interrupted run has as many seeds of each
        for name in arguments.only:
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
    print(f"{machine()}; {arguments.model}\n")
    print(*table(chosen), sep="\n")


if __name__ == "__main__":
    main()
