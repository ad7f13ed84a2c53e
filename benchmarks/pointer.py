"""What does a pointer cost beside a Transformer of the same width and layers?

Default sizes, or with --small those of the ready model, float32, in three tables:

- training: a step of `pixace.training.learner.Learner` on random tokens, dropout 0.1, by Adam and
  by Muon, and the time in which the step is compiled;
- memory: the peak that XLA has planned for a step, keeping activations and recomputing them;
- drawing: a pixel of `Sampler` of `pixace.drawing`, whole pictures with random weights.

    PIXACE_CACHE_DIR=off python benchmarks/pointer.py [--trained=2] [--planned=64] [--drawn B ...]
                                                      [--rounds=3] [--small]

Without the cache, as compiling would take no time else. Rounds are interleaved, after one each that
is not counted. Tables show minimum / median; ratios are those of the medians.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import time
from collections.abc import Callable

from measuring import READY_CONFIG, machine
from sampling import prepare_ours as prepare_drawing
from training import random_batches

from pixace.backend.door import jax
from pixace.dataset.batches import Batch
from pixace.settings.model import ModelConfig
from pixace.settings.training import ADAM, MUON, TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

TYPES = ("transformer", "pointer")

Work = Callable[[], float]  # does a piece of work; returns its seconds


def configs(is_small: bool) -> dict[str, ModelConfig]:
    """Returns the settings of both models."""
    if is_small:
        # Their positions are their own.
        like = functools.partial(dataclasses.replace, READY_CONFIG, positions=None)
        return {kind: like(model_type=kind) for kind in TYPES}
    return {kind: ModelConfig(kind) for kind in TYPES}


def prepare_training(config: ModelConfig, optimizer: str, batch_size: int) -> tuple[Work, float]:
    """Returns what does a step, and the seconds that it took to compile."""
    settings = TrainingSettings(batch_size=batch_size, optimizer=optimizer)
    step = TrainingStep(config, settings, batch_mesh())
    start = time.perf_counter()
    step.peak_bytes()  # which compiles it
    compiling = time.perf_counter() - start
    loop = Learner(config, settings, 0, map(Batch, random_batches(config, batch_size)), step)

    def train() -> float:
        start = time.perf_counter()
        loop.advance()
        jax.block_until_ready(loop.loss)
        return time.perf_counter() - start

    return train, compiling


def measured(works: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each work, one for each round, in which all take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + rounds):
        for name, work in works.items():
            times[name].append(work())
    return {name: series[1:] for name, series in times.items()}


def cells(times: dict[str, list[float]], name: str, unit: float) -> str:
    """Spells minimum, median, and the ratio to the Transformer's."""
    median, beside = (statistics.median(times[key]) for key in (name, TYPES[0]))
    return f"{min(times[name]) / unit:.2f} / {median / unit:.2f} | {median / beside:.2f}"


def print_training(models: dict[str, ModelConfig], batch_size: int, rounds: int) -> None:
    """Prints the table of training."""
    print(f"| model | s per step of {batch_size} | beside the Transformer by Adam | compiling, s |")
    print("| --- " * 4 + "|")
    prepared = {}
    for optimizer in (ADAM, MUON):
        for kind, config in models.items():
            name = kind if optimizer == ADAM else f"{kind}, {optimizer}"
            prepared[name] = prepare_training(config, optimizer, batch_size)
    times = measured({name: work for name, (work, _) in prepared.items()}, rounds)
    for name, (_, compiling) in prepared.items():
        print(f"| {name} | {cells(times, name, 1)} | {compiling:.1f} |", flush=True)


def print_memory(models: dict[str, ModelConfig], batch_size: int) -> None:
    """Prints the table of memory."""
    print(f"\n| model | {batch_size} pictures, keeping activations, GB | recomputing them |")
    print("| --- " * 3 + "|")
    for kind, config in models.items():
        peaks = []
        for recompute in (False, True):
            settings = TrainingSettings(batch_size=batch_size, recompute=recompute)
            step = TrainingStep(config, settings, batch_mesh())
            peaks.append(f"{step.peak_bytes() / 1e9:.2f}")
        print(f"| {kind} | {' | '.join(peaks)} |", flush=True)


def print_drawing(models: dict[str, ModelConfig], batch_sizes: list[int], rounds: int) -> None:
    """Prints the table of drawing."""
    print("\n| model | pictures at once | ms per pixel | beside the Transformer |")
    print("| --- " * 4 + "|")
    for batch_size in batch_sizes:
        works = {kind: prepare_drawing(config, batch_size) for kind, config in models.items()}
        times = measured(works, rounds)
        for kind in models:
            print(f"| {kind} | {batch_size} | {cells(times, kind, 1e-3)} |", flush=True)


def main() -> None:
    """Measures and prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trained", type=int, default=2, help="pictures in a step; 0 for none")
    parser.add_argument("--planned", type=int, default=64, help="of those planned; 0 for none")
    parser.add_argument("--drawn", nargs="*", type=int, default=[1, 4], help="pictures drawn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="the shape of the ready model")
    arguments = parser.parse_args()
    print(f"{machine()}\n")
    models = configs(arguments.small)
    if arguments.trained:
        print_training(models, arguments.trained, arguments.rounds)
    if arguments.planned:
        print_memory(models, arguments.planned)
    if arguments.drawn:
        print_drawing(models, arguments.drawn, arguments.rounds)


if __name__ == "__main__":
    main()
