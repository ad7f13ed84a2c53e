"""How long does a step of training take, beside PyTorch and plain trax, and what memory?

A step is a batch of random tokens, dropout 0.1, the gradient and Adam, done in these ways:

- ours: `pixace.training.learner.Learner`;
- peer: a plain GPT of the same shape in PyTorch with fused Adam (`pytorch_gpt.py`);
- compiled: the same through `torch.compile`;
- trax: trax 1.4.1's own `Loop`, trax's own model.

    python benchmarks/training.py [--models MODEL ...] [--batch_sizes B ...] [--rounds=3]
                                  [--steps=2] [--small] [--precision=bfloat16]
                                  [--torch_python=PATH]
    python benchmarks/training.py --memory [--batch_sizes B ...] [--small] [--precision=bfloat16]

Rounds are interleaved, after two steps each that are not counted. The table shows minimum / median
of the rounds; ratios are those of the medians. "In products" is the share of our step that its
matrix products would take at the speed of one large product, measured in the same run.

--memory compiles our step and shows the peak that XLA has planned, keeping activations and
recomputing them, without doing a step; on a GPU also what the device says after one. It takes all
model types.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measuring import (
    MATRIX,
    READY_CONFIG,
    Peer,
    gpt_shape,
    jax_multiplying_speed,
    machine,
    n_halves,
    open_peer,
)

from pixace.backend.door import jax, trax
from pixace.dataset.batches import Batch
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES, MODEL_TYPES
from pixace.settings.training import PRECISIONS, TrainingSettings
from pixace.tokens.vocabulary import token_count
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

Work = Callable[[], float]  # does some steps; returns seconds per step


def random_batches(config: ModelConfig, batch_size: int) -> Iterator[np.ndarray]:
    """Yields random tokens for ever."""
    rng = np.random.default_rng(0)
    shape = (batch_size, config.n_pixels)
    while True:
        yield rng.integers(2, token_count(config.bitdepth), shape, np.int32)


def prepare_ours(config: ModelConfig, settings: TrainingSettings, n_steps: int) -> Work:
    """Returns what trains with pixace."""
    batches = map(Batch, random_batches(config, settings.batch_size))
    loop = Learner(config, settings, 0, batches)

    def train() -> float:
        start = time.perf_counter()
        for _ in range(n_steps):
            loop.advance()
        jax.block_until_ready(loop.loss)
        return (time.perf_counter() - start) / n_steps

    train()
    return train


def prepare_trax(config: ModelConfig, settings: TrainingSettings, n_steps: int) -> Work:
    """Returns what trains with trax alone."""
    sizes = {name: getattr(config, name) for name in ("d_model", "d_ff", "n_layers", "n_heads")}
    sizes |= {"max_len": config.n_pixels, "dropout": settings.dropout}
    if config.model_type == "reformer":
        d_head = config.d_model // config.n_heads
        sizes |= {"d_attention_key": d_head, "d_attention_value": d_head}
        build = functools.partial(trax.models.ReformerLM, **sizes)
    else:
        build = functools.partial(trax.models.TransformerLM, **sizes)
    batches = (
        (tokens, tokens, np.ones(tokens.shape, np.float32))
        for tokens in random_batches(config, settings.batch_size)
    )
    task = trax.supervised.training.TrainTask(
        labeled_data=batches,
        loss_layer=trax.layers.WeightedCategoryCrossEntropy(),
        optimizer=trax.optimizers.Adam(),
        sample_batch=next(batches),
    )
    model, eval_model = (build(token_count(config.bitdepth), mode=m) for m in ("train", "eval"))
    loop = trax.supervised.training.Loop(
        model, task, eval_model=eval_model, checkpoint_at=lambda step: False
    )

    def train() -> float:
        start = time.perf_counter()
        loop.run(n_steps)
        jax.block_until_ready(loop.model.weights)
        return (time.perf_counter() - start) / n_steps

    train()
    return train


def prepare_peer(
    peer: Peer, config: ModelConfig, settings: TrainingSettings, n_steps: int, compiled: bool
) -> Work:
    """Returns what trains with PyTorch, which gets ready when first called."""
    return lambda: peer.ask(
        "train",
        shape=gpt_shape(config) | {"dropout": settings.dropout},
        batch_size=settings.batch_size,
        compiled=compiled,
        precision=settings.precision,
        n_steps=n_steps,
    )


def multiply_adds(config: ModelConfig, batch_size: int) -> float:
    """Returns the multiply-adds of the products in a step: forward, and twice that backward."""
    d_model, length = config.d_model, config.n_pixels
    block = 4 * d_model**2 + 2 * d_model * config.d_ff
    head = n_halves(config) * d_model * token_count(config.bitdepth)
    attention = 2 * d_model * (length + 1) / 2  # each position sees half of them on average
    per_pixel = config.n_layers * (block + attention) + head
    return 3 * batch_size * length * per_pixel


def print_speeds(arguments: argparse.Namespace) -> None:
    """Measures all models and batch sizes and prints a Markdown table."""
    with open_peer(arguments.torch_python) as peer:
        print(f"{machine()}, PyTorch {peer.version if peer else 'none'}")
        speeds = [jax_multiplying_speed(MATRIX)]
        if peer is not None:
            speeds.append(peer.ask("multiply", size=MATRIX))
        print(f"arithmetic: {max(speeds) / 1e9:.0f} G multiply-adds/s; {arguments.precision}\n")
        print(
            "| model | batch | ours, s/step | peer | compiled | trax | in products | peer / ours | "
            "compiled / ours | trax / ours |"
        )
        print("| --- " * 10 + "|")
        for config, settings in cases(arguments):
            times = measure(config, settings, peer, arguments)
            products = multiply_adds(config, settings.batch_size) / max(speeds)
            print(row(config.model_type, settings.batch_size, times, products), flush=True)


def cases(arguments: argparse.Namespace) -> Iterator[tuple[ModelConfig, TrainingSettings]]:
    """Yields what is to be measured."""
    for model_type in arguments.models:
        config = ModelConfig(model_type)
        if arguments.small:
            config = dataclasses.replace(READY_CONFIG, model_type=model_type)
        for batch_size in arguments.batch_sizes:
            yield config, TrainingSettings(batch_size=batch_size, precision=arguments.precision)


def measure(
    config: ModelConfig,
    settings: TrainingSettings,
    peer: Peer | None,
    arguments: argparse.Namespace,
) -> dict[str, list[float]]:
    """Returns the seconds per step of each way, one for each round."""
    n_steps = arguments.steps
    works = {"ours": prepare_ours(config, settings, n_steps)}
    if peer is not None:
        for name, compiled in (("peer", False), ("compiled", True)):
            works[name] = prepare_peer(peer, config, settings, n_steps, compiled)
    if settings.precision == "float32":
        works["trax"] = prepare_trax(config, settings, n_steps)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(arguments.rounds):
        for name, work in works.items():
            times[name].append(work())
    return times


def row(model_type: str, batch_size: int, times: dict[str, list[float]], products: float) -> str:
    """Returns a row of the table."""
    medians = {name: statistics.median(series) for name, series in times.items()}
    ours = medians["ours"]
    others = ("peer", "compiled", "trax")
    columns: list[Any] = [model_type, batch_size]
    for name in ("ours", *others):
        series = times.get(name)
        columns.append(f"{min(series):.3f} / {medians[name]:.3f}" if series else "")
    columns.append(f"{100 * products / ours:.0f} %")
    columns += [f"{medians[name] / ours:.2f}" if name in medians else "" for name in others]
    return f"| {' | '.join(map(str, columns))} |"


def print_memory(arguments: argparse.Namespace) -> None:
    """Compiles all models and batch sizes and prints a Markdown table of peaks."""
    print(f"{machine()}; {arguments.precision}\n")
    print("| model | batch | keeping activations, GB | recomputing them |")
    print("| --- " * 4 + "|")
    for config, settings in cases(arguments):
        peaks = []
        for recompute in (False, True):
            chosen = dataclasses.replace(settings, recompute=recompute)
            peaks.append(TrainingStep(config, chosen, batch_mesh()).peak_bytes() / 1e9)
        kept, recomputed = peaks
        print(
            f"| {config.model_type} | {settings.batch_size} | {kept:.2f} | {recomputed:.2f} |",
            flush=True,
        )


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODEL_TYPES, default=ATTENTION_TYPES)
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[2, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="steps in a round")
    parser.add_argument("--small", action="store_true", help="the shape of the ready model")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--torch_python", default=sys.executable, help="a Python with PyTorch")
    parser.add_argument("--memory", action="store_true", help="measure memory, not time")
    arguments = parser.parse_args()
    if set(arguments.models) - set(ATTENTION_TYPES) and (arguments.small or not arguments.memory):
        parser.error("a model without attention has no peer: only --memory, without --small")
    (print_memory if arguments.memory else print_speeds)(arguments)


if __name__ == "__main__":
    main()
