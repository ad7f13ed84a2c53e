"""Does drawing with a PixelCNN use what it has computed before, and does training waste time?

Default sizes, float32, random weights, in three tables:

- drawing: `Sampler` of `pixace.drawing`, whose convolutions remember the last rows, beside the same
  network run again over the whole picture for every pixel, compiled, its last layer for the pixel
  that is drawn alone; up to 1024 pixels of pictures of several sizes, to see that a pixel costs the
  same in all of them;
- training: a step of `pixace.training.learner.Learner` on random tokens, dropout 0.1;
- convolutions: those of the models by XLA's convolution, beside the same as one product of matrices
  over the taps' pixels one after another, and as the sum of one product for each tap; forward and
  gradient together.

    python benchmarks/pixelcnn.py [--models MODEL ...] [--sizes E ...] [--batch_size=4]
                                  [--rounds=3]

Rounds are interleaved, after one each that is not counted. Tables show minimum / median.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from measuring import machine
from sampling import random_weights
from training import prepare_ours

from pixace.backend.door import jax, jnp
from pixace.drawing.sampler import Sampler
from pixace.models.build import model_with_weights
from pixace.models.heads import split_model
from pixace.models.layers.masked_convolutions import convolved
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import CONVOLUTION_TYPES
from pixace.settings.training import TrainingSettings

_MOST_PIXELS = 1024  # drawn in a round
_TRAINED = 8  # pictures in a step
# Of both models: pixels' features, filters, rows and columns seen, columns left of the pixel's own.
_CONVOLUTIONS = ((128, 256, (3, 5), 2), (128, 256, (1, 3), 2), (128, 128, (2, 3), 1))

Work = Callable[[], float]  # does a piece of work; returns its seconds


def prepare_cached(config: ModelConfig, weights: list[np.ndarray], batch_size: int) -> Work:
    """Returns what draws with the sampler; in seconds per pixel."""
    sampler = Sampler(model_with_weights(config, "predict", weights, batch_size), batch_size)
    n_pixels = min(_MOST_PIXELS, config.n_pixels)

    def draw() -> float:
        start = time.perf_counter()
        stream = sampler.stream(None, temperatures=[1.0] * batch_size, seed=0)
        for tokens in islice(stream, n_pixels):
            np.asarray(tokens)  # waits for them
        return (time.perf_counter() - start) / n_pixels

    return draw


def prepare_whole(config: ModelConfig, weights: list[np.ndarray], batch_size: int) -> Work:
    """Returns what computes the logits of one pixel from all; in seconds."""
    model = model_with_weights(config, "eval", weights, batch_size)
    *weights_of_body, head = model.weights
    matrix, bias = jax.tree.leaves(head)
    body, state, rng = split_model(model)[0], model.state[:-1], model.rng

    @jax.jit
    def logits_of(weights: Any, tokens: Any, position: Any) -> Any:
        weights_of_body, matrix, bias = weights
        features, _ = body.pure_fn(tokens, weights_of_body, state, rng)
        return features[:, position] @ matrix + bias

    tokens = np.full((batch_size, config.n_pixels), 2, np.int32)
    all_weights = tuple(weights_of_body), matrix, bias
    return lambda: seconds(lambda: logits_of(all_weights, tokens, config.n_pixels // 2))


def seconds(work: Callable[[], Any]) -> float:
    """Returns how long a piece of work takes."""
    start = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - start


def measured(works: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each work, one for each round."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(work())
    return times


def spelled(series: list[float], unit: float) -> str:
    """Spells minimum and median."""
    return f"{min(series) / unit:.2f} / {statistics.median(series) / unit:.2f}"


def ratio(times: dict[str, list[float]], name: str, other: str) -> str:
    """Spells how many times as long the one takes as the other, by the medians."""
    return f"{statistics.median(times[name]) / statistics.median(times[other]):.2f}"


def print_drawing(arguments: argparse.Namespace) -> None:
    """Prints the table of drawing."""
    print("| model | picture | cached, ms/pixel | whole network, ms/pixel | whole / cached |")
    print("| --- " * 5 + "|")
    for model_type in arguments.models:
        for size in arguments.sizes:
            config = ModelConfig(model_type, image_size=size)
            weights, batch_size = random_weights(config), arguments.batch_size
            works = {
                "cached": prepare_cached(config, weights, batch_size),
                "whole": prepare_whole(config, weights, batch_size),
            }
            times = measured(works, arguments.rounds)
            cells = [spelled(times[name], 1e-3) for name in works]
            cells.append(ratio(times, "whole", "cached"))
            print(f"| {model_type} | {size}x{size} | {' | '.join(cells)} |", flush=True)


def print_training(arguments: argparse.Namespace) -> None:
    """Prints the table of training."""
    print(f"\n| model | s per step of {_TRAINED} |")
    print("| --- " * 2 + "|")
    for model_type in arguments.models:
        config = ModelConfig(model_type)
        train = prepare_ours(config, TrainingSettings(batch_size=_TRAINED), 1)
        times = measured({"ours": train}, arguments.rounds)
        print(f"| {model_type} | {spelled(times['ours'], 1)} |", flush=True)


def stacked(x: Any, kernel: Any, n_left: int) -> Any:
    """Returns `convolved`, as one product of the windows' pixels by all taps."""
    return jnp.concatenate(_shifted(x, kernel, n_left), axis=-1) @ kernel.reshape(
        -1, kernel.shape[-1]
    )


def summed(x: Any, kernel: Any, n_left: int) -> Any:
    """Returns `convolved`, as the sum of one product for each tap."""
    matrices = kernel.reshape(-1, *kernel.shape[2:])
    parts = _shifted(x, kernel, n_left)
    return sum(part @ matrix for part, matrix in zip(parts, matrices, strict=True))


def _shifted(x: Any, kernel: Any, n_left: int) -> list[Any]:
    """Returns the pixels (B, R, E, D) that each tap sees."""
    n_rows, n_columns = kernel.shape[:2]
    _, height, width, _ = x.shape
    margins = ((0, 0), (n_rows - 1, 0), (n_left, n_columns - 1 - n_left), (0, 0))
    padded = jnp.pad(x, margins)
    return [
        padded[:, row : row + height, column : column + width]
        for row in range(n_rows)
        for column in range(n_columns)
    ]


def print_convolutions(arguments: argparse.Namespace) -> None:
    """Prints the table of convolutions."""
    print(
        "\n| D, F, kernel | convolution, ms | one product | product per tap | one product / conv. |"
    )
    print("| --- " * 5 + "|")
    rng = np.random.default_rng(0)
    for depth, n_filters, shape, n_left in _CONVOLUTIONS:
        x = jnp.asarray(rng.standard_normal((_TRAINED, 32, 32, depth), np.float32))
        kernel = jnp.asarray(rng.standard_normal((*shape, depth, n_filters), np.float32))
        expected = convolved(x, kernel, n_left)
        works = {}
        for way in (convolved, stacked, summed):
            np.testing.assert_allclose(way(x, kernel, n_left), expected, atol=1e-2)

            def loss(x: Any, kernel: Any, way: Any = way, n_left: int = n_left) -> Any:
                return (way(x, kernel, n_left) ** 2).sum()

            gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
            works[way.__name__] = lambda g=gradient, x=x, k=kernel: seconds(lambda: g(x, k))
        times = measured(works, 3 * arguments.rounds)
        cells = [spelled(times[name], 1e-3) for name in works]
        cells.append(ratio(times, "stacked", "convolved"))
        rows, columns = shape
        print(f"| {depth}, {n_filters}, {rows}x{columns} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measures and prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=CONVOLUTION_TYPES, default=CONVOLUTION_TYPES)
    parser.add_argument("--sizes", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{machine()}\n")
    print_drawing(arguments)
    print_training(arguments)
    print_convolutions(arguments)


if __name__ == "__main__":
    main()
