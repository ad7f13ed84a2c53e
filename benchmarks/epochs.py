"""What does an epoch cost besides its steps, and how soon does a stopped training go on?

Trains a small model (the ready one's size) for epochs of the default length, 1000 steps, as the
command line does: with validation, checkpoint, pictures and curves. Then starts the command again
on that folder, several times, and measures the way from the start of the process to its first
step; importing trax, JAX and TensorFlow is told apart.

    python benchmarks/epochs.py --images=FOLDER --val_images=FOLDER [--n_epochs=2] [--rounds=3]
                                [--model_type=transformer]

Prints two Markdown tables.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from measuring import READY_CONFIG, machine

import pixace
import pixace.training.saver
from pixace.training.learner import Learner
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.summaries import Summaries
from pixace.training.worker import Worker

# Runs the command line to the end of the first step; tells when the imports and it were done.
_FIRST_STEP = """
import os, sys, time
import pixace.backend.door
from pixace.backend.door import jax, tf
jax.devices()
tf.data.Dataset
imported = time.time()
import pixace.training.learner
from pixace.cli import main

advance = pixace.training.learner.Learner.advance

def first_step(loop):
    started = time.time()
    advance(loop)
    jax.block_until_ready(loop.loss)
    print(imported, started, time.time(), flush=True)
    os._exit(0)

pixace.training.learner.Learner.advance = first_step
sys.exit(main())
"""


@contextlib.contextmanager
def clocks(**methods: tuple[Any, str]) -> Iterator[dict[str, float]]:
    """Adds up the seconds that some functions take: name -> (owner, name of the function)."""
    seconds = dict.fromkeys(methods, 0.0)

    def timed(name: str, function: Any) -> Any:
        def call(*arguments: Any, **settings: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **settings)
            finally:
                seconds[name] += time.perf_counter() - start

        return call

    with contextlib.ExitStack() as stack:
        for name, (owner, function) in methods.items():
            new = timed(name, getattr(owner, function))
            stack.enter_context(mock.patch.object(owner, function, new))
        yield seconds


def train(weights_dir: Path, arguments: argparse.Namespace) -> tuple[dict[str, float], float]:
    """Trains; returns the seconds of each kind of work, and those from first step to last."""
    config = {**READY_CONFIG.to_dict(), "model_type": arguments.model_type}
    trainer = pixace.get_trainer("model", weights_dir=weights_dir, **config)
    started = []
    advance = Learner.advance

    def noted(loop: Learner) -> None:
        if loop.step == 1:  # the first step compiles, or loads, the program
            started.append(time.perf_counter())
        advance(loop)

    with (
        mock.patch.object(Learner, "advance", noted),
        clocks(
            validation=(Worker, "validate"),
            checkpoint=(pixace.training.saver, "save_epoch"),
            pictures=(EpochPictures, "on_epoch"),
            curves=(Summaries, "scalars"),
        ) as seconds,
    ):
        trainer.train(
            images=arguments.images, val_images=arguments.val_images, n_epochs=arguments.n_epochs
        )
        whole = time.perf_counter() - started[0]
    return seconds, whole


def resume(weights_dir: Path, arguments: argparse.Namespace) -> tuple[float, ...]:
    """Starts the command again; returns the seconds of imports, to the first step, and of it."""
    flags = {
        "model_name": "model",
        "weights_dir": weights_dir,
        "images": arguments.images,
        "val_images": arguments.val_images,
        "n_epochs": arguments.n_epochs + 1,
    }
    words = [f"--{name}={value}" for name, value in flags.items()]
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_STEP, "train", *words], stdout=subprocess.PIPE, text=True
    )
    imported, started, ended = map(float, done.stdout.split())
    return imported - start, started - imported, ended - started


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True)
    parser.add_argument("--val_images", required=True)
    parser.add_argument("--model_type", default="transformer")
    parser.add_argument("--n_epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds, whole = train(Path(folder), arguments)
        starts = [resume(Path(folder), arguments) for _ in range(arguments.rounds + 1)]
    print(f"{machine()}; {arguments.model_type} of the ready model's size\n")
    print(f"| of {whole:.0f} s | s per epoch | share |\n| --- | --- | --- |")
    for name, spent in {**seconds, "all four": sum(seconds.values())}.items():
        print(f"| {name} | {spent / arguments.n_epochs:.2f} | {100 * spent / whole:.1f} % |")
    print("\n| going on | imports, s | from there to the first step, s | the first step, s |")
    print("| --- | --- | --- | --- |")
    first, *warm = starts
    medians = [statistics.median(column) for column in zip(*warm, strict=True)]
    for name, times in (("for the first time", first), (f"again, {len(warm)} medians", medians)):
        print(f"| {name} | {' | '.join(f'{number:.2f}' for number in times)} |")


if __name__ == "__main__":
    main()
