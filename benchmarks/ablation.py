"""What does each part of the pointer model give?

Trains the model as it is, and without one of its parts at a time, for equally many steps on the
same images, and measures bits per pixel of the validation images.

    python benchmarks/ablation.py --images=DIR --val_images=DIR [--steps=140] [--seeds 0]

Each training is a process of its own. Prints a Markdown table; bits after a quarter, a half, three
quarters and all of the steps, the last with the mean over the seeds and half their spread.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
from measuring import machine, mean_and_spread

from pixace.backend.door import jnp, trax
from pixace.dataset.batches import training_batches
from pixace.dataset.reading import load_images
from pixace.insight.likelihood import Scorer
from pixace.models import pointer
from pixace.models.layers import head_loss, neighbours, pointer_head
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

BATCH_SIZE, SCORED = 8, 20  # pictures in a step, and at a time in validation
SIZES = {"d_model": 128, "d_ff": 512, "n_layers": 4, "n_heads": 4}
RATES = {"muon": 0.012, "adam": 0.004}  # the best of several for each


def nowhere(*_: Any) -> Any:
    """Stands for `Neighbours`, and sees none."""
    n_vectors = len(neighbours.NEIGHBOURS)
    return trax.layers.Fn("Nowhere", lambda x: jnp.tile(0 * x, n_vectors))


def never_copied(self: Any, weights: Any, features: Any, tokens: Any) -> Any:
    """Stands for `PointerHead`'s share of copies."""
    del self, weights, features
    return jnp.zeros(tokens.shape), jnp.full(tokens.shape, head_loss.NEVER)


def plain_embedding(factors: np.ndarray, d_feature: int, scale: float) -> Any:
    """Stands for `FactoredEmbedding`; a vector of its own for each colour."""
    start = trax.layers.RandomNormalInitializer(scale)
    return trax.layers.Embedding(len(factors), d_feature, kernel_initializer=start)


def loud(decoder: Sequence[Any]) -> None:
    """Stands for `_quieten`."""


def replaced(owner: Any, name: str, value: Any) -> Callable[[], Any]:
    """Returns what takes a part out for as long as it is entered."""
    return lambda: mock.patch.object(owner, name, value)


@contextlib.contextmanager
def all_of(*parts: Callable[[], Any]) -> Iterator[None]:
    """Takes out several parts."""
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.enter_context(part())
        yield


NO_NEIGHBOURS = replaced(pointer, "Neighbours", nowhere)
NO_POINTER = replaced(pointer_head.PointerHead, "_of_tokens", never_copied)
NO_FACTORS = replaced(pointer, "FactoredEmbedding", plain_embedding)
NO_QUIET = replaced(pointer, "_quieten", loud)
VARIANTS: dict[str, tuple[str, tuple[Callable[[], Any], ...]]] = {
    "all of it": ("muon", ()),
    "without local context": ("muon", (NO_NEIGHBOURS,)),
    "without the pointer": ("muon", (NO_POINTER,)),
    "without factors of colours": ("muon", (NO_FACTORS,)),
    "without quiet residual blocks": ("muon", (NO_QUIET,)),
    "Adam instead of Muon": ("adam", ()),
    "none of these": ("adam", (NO_NEIGHBOURS, NO_POINTER, NO_FACTORS, NO_QUIET)),
}


def bits(options: argparse.Namespace, optimizer: str) -> list[float]:
    """Trains the model as it is just now; returns bits at the quarters."""
    config = ModelConfig("pointer", 16, (4, 3, 3), **SIZES)
    settings = TrainingSettings(
        batch_size=BATCH_SIZE,
        n_epochs=4,
        steps_per_epoch=options.steps // 4,
        learning_rate=RATES[optimizer],
        warmup_steps=min(30, options.steps // 5),
        schedule="cosine",
        dropout=0.0,
        optimizer=optimizer,
    )
    seed = options.seeds[0]
    tokens = load_images(options.images, config).tokens
    held_out = load_images(options.val_images, config).tokens
    batches = training_batches(tokens, BATCH_SIZE, seed=seed)
    step = TrainingStep(config, settings, batch_mesh())
    learner = Learner(config, settings, seed, batches, step)
    measured = []
    for _ in range(settings.n_epochs):
        for _ in range(settings.steps_per_epoch):
            learner.advance()
        scorer = Scorer(learner.eval_model)
        likelihood = scorer.likelihood(learner.weights, held_out, SCORED)
        measured.append(likelihood.bits_per_pixel)
    return measured


def main() -> None:
    """Trains all variants, each in a process, and prints a table; or one, and prints its bits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--val_images", required=True, help="folder of validation images")
    parser.add_argument("--steps", type=int, default=140, help="of each training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--variant", choices=VARIANTS, help="this one only, with the first seed")
    options = parser.parse_args()

    if options.variant:
        optimizer, parts = VARIANTS[options.variant]
        with all_of(*parts):
            print(json.dumps(bits(options, optimizer)))
        return
    print(f"{machine()}; 16 x 16, {options.steps} steps of {BATCH_SIZE}\n")
    print("| model | a quarter | half | three quarters | all steps |")
    print("| --- | ---: | ---: | ---: | --- |")
    for name in VARIANTS:
        runs = []
        for seed in options.seeds:
            command = [sys.executable, __file__, *sys.argv[1:]]
            command += [f"--variant={name}", "--seeds", str(seed)]
            runs.append(json.loads(subprocess.check_output(command)))
        *early, last = zip(*runs, strict=True)
        cells = " | ".join(f"{np.mean(quarter):.2f}" for quarter in early)
        print(f"| {name} | {cells} | {mean_and_spread(last)} |", flush=True)


if __name__ == "__main__":
    main()
