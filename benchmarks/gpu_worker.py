"""What `gpu.py` has one process measure: arguments in as JSON, rows out as they come, one a line.

A process of its own for each model and part: its largest memory is its own, and what ends it, for
lack of memory or time, ends nothing else.
"""

from __future__ import annotations

import dataclasses
import gc
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from measuring import gpt_shape, machine, open_peer, seconds_per_step
from sampling import prepare_ours, write_model
from training import random_batches

import pixace
from pixace.backend.door import jax
from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.folder import LATEST_NAME
from pixace.dataset.batches import Batch
from pixace.dataset.reading import load_images
from pixace.errors import PixaceError
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import NEW_TYPE, has_setting
from pixace.settings.training import TrainingSettings
from pixace.system.signals import StopRequest
from pixace.training.budget import CHOSEN, Freedom
from pixace.training.devices import batch_mesh, idle_gpu_warning, memory_bytes, memory_errors
from pixace.training.learner import Learner
from pixace.training.memory import MemoryNeeds, smallest_batch
from pixace.training.peers import peers_of
from pixace.training.sizing import Settled, settle
from pixace.training.step import TrainingStep

Row = dict[str, Any]

PRECISIONS = ("bfloat16", "float32")  # the more telling first
N_ROUNDS, N_STEPS = 3, 5
N_DRAWINGS = 2
LEARNED = "learned"  # folder of the model
N_SHEET = 16  # pictures


def config_of(model: str, is_small: bool) -> ModelConfig:
    """Returns a model of the default size, or one that is trained in no time."""
    if not is_small:
        return ModelConfig(model)
    sizes = {"d_model": 32, "d_ff": 64, "n_layers": 1}
    if has_setting(model, "n_heads"):
        sizes["n_heads"] = 2
    return ModelConfig(model, image_size=8, bitdepth=(3, 2, 2), **sizes)


def memory_stats() -> dict[str, int]:
    """Returns what the GPU's allocator tells; nothing on a CPU."""
    return jax.local_devices()[0].memory_stats() or {}


def measure_machine(is_small: bool) -> Iterator[Row]:
    """Yields what there is, where there is a GPU or none is needed."""
    device = jax.local_devices()[0]
    if device.platform == "cpu" and not is_small:
        words = idle_gpu_warning() or "JAX finds no GPU here"
        raise SystemExit(f"{words}; --small is a trial on the CPU")
    limit = memory_stats().get("bytes_limit")
    yield {
        "text": machine(),
        "device": device.device_kind,
        "is_small": is_small,
        "memory": None if limit is None else 2 * limit,  # it has half of it
    }


def measured_steps(config: ModelConfig, settings: TrainingSettings, step: TrainingStep) -> Row:
    """Returns seconds per step and bytes; or the error, where they do not suffice."""
    numbers: Row = {"planned": step.peak_bytes()}
    try:
        with memory_errors("none left"):
            batches = map(Batch, random_batches(config, settings.n_pictures))
            loop = Learner(config, settings, 0, batches, step)
            numbers["seconds"] = seconds_per_step({"": loop}, N_ROUNDS, N_STEPS)[""]
    except PixaceError as error:
        return {**numbers, "error": str(error)}
    return {**numbers, "peak": memory_stats().get("peak_bytes_in_use")}


def measure_training(model: str, batch_sizes: Sequence[int], is_small: bool) -> Iterator[Row]:
    """Yields a row for each precision and batch."""
    config, mesh = config_of(model, is_small), batch_mesh()
    cases = [
        TrainingSettings(precision=precision, batch_size=batch_size)
        for precision, batch_size in itertools.product(PRECISIONS, batch_sizes)
    ]
    steps = [TrainingStep(config, settings, mesh) for settings in cases]
    with ThreadPoolExecutor() as threads:  # XLA's compiler lets others work
        planned = list(threads.map(TrainingStep.peak_bytes, steps))
    # What the device tells is the largest of all so far: the one that needs least goes first.
    for _, settings in sorted(zip(planned, cases, strict=True), key=lambda case: case[0]):
        step = steps[cases.index(settings)]
        yield {
            **{"who": "ours", "model": model, "has_peer": has_setting(model, "n_heads")},
            **{"precision": settings.precision, "batch": settings.n_pictures},
            **measured_steps(config, settings, step),
        }
        gc.collect()  # trax's layers hold on to each other, and to arrays


def measure_limit(model: str, limit: float, is_small: bool) -> Iterator[Row]:
    """Yields the largest batch for which there is memory, activations kept, and steps with it.

    Args:
      model: its type.
      limit: bytes; on a GPU this process has been given no more.
      is_small: see `config_of`.
    """
    config, memory = config_of(model, is_small), min(memory_bytes(), int(limit))
    choices = [TrainingSettings(precision=precision) for precision in PRECISIONS]
    needs = [MemoryNeeds(config, settings) for settings in choices]
    with ThreadPoolExecutor() as threads:
        largest = list(threads.map(lambda each: each.largest(memory, recompute=False), needs))
    for settings, each, batch_size in zip(choices, needs, largest, strict=True):
        row = {"who": "ours", "model": model, "precision": settings.precision}
        row |= {"batch": batch_size, "limit": memory_stats().get("bytes_limit")}
        if batch_size:
            chosen = dataclasses.replace(settings, batch_size=batch_size)
            row |= measured_steps(config, chosen, each.step(batch_size, recompute=False))
        yield row
        gc.collect()


def asked_of_peer(ask: Callable[[], float]) -> Row:
    """Returns the median of what PyTorch measures; or that it cannot."""
    if math.isnan(first := ask()):
        return {"error": "cannot"}
    return {"seconds": statistics.median([first, *(ask() for _ in range(N_ROUNDS - 1))])}


def measure_peer_training(
    batch_sizes: Sequence[int], is_small: bool, torch_python: str, is_compiled: bool
) -> Iterator[Row]:
    """Yields rows of a GPT in PyTorch; this process leaves the GPU to it."""
    shape = gpt_shape(config_of("transformer", is_small))
    shape |= {"dropout": TrainingSettings().dropout}
    with open_peer(torch_python) as peer:
        assert peer is not None
        for precision, batch_size in itertools.product(PRECISIONS, batch_sizes):
            asked = {"shape": shape, "batch_size": batch_size, "precision": precision}
            row = {
                **{"who": "PyTorch, compiled" if is_compiled else "PyTorch", "model": "GPT"},
                **{"precision": precision, "batch": batch_size},
                **asked_of_peer(
                    lambda asked=asked: peer.ask(
                        "train", compiled=is_compiled, n_steps=N_STEPS, **asked
                    )
                ),
            }
            if not is_compiled and "seconds" in row:
                peak = peer.ask("training_peak", **asked)
                row["peak"] = None if math.isnan(peak) else peak
            yield row


def measure_drawing(
    model: str, batch_sizes: Sequence[int], is_small: bool, folder: str
) -> Iterator[Row]:
    """Yields rows of a predictor, as users have it, and of a sampler that draws all at once."""
    config = config_of(model, is_small)
    with tempfile.TemporaryDirectory() as temporary:
        weights_dir, name = Path(folder), LEARNED
        if model != NEW_TYPE or not (weights_dir / LEARNED / LATEST_NAME).exists():
            weights_dir, name = Path(temporary), "random"
            write_model(weights_dir / name, config)
        predictors = {
            drafts: pixace.get_predictor(name, weights_dir=weights_dir, drafts=drafts)
            for drafts in (True, False)
        }

    def seconds_per_pixel(batch_size: int, drafts: bool = True) -> float:
        times = []
        for seed in range(1 + N_DRAWINGS):  # the first compiles
            start = time.perf_counter()
            predictors[drafts].draw(batch_size, seed=seed)
            times.append(time.perf_counter() - start)
        return statistics.mean(times[1:]) / config.n_pixels

    for batch_size in batch_sizes:
        row: Row = {"model": model, "batch": batch_size, "weights": name}
        row["has_peer"] = has_setting(model, "n_heads")
        yield {**row, "who": "ours", "seconds": seconds_per_pixel(batch_size)}
        seconds = seconds_per_pixel(batch_size, drafts=False)
        yield {**row, "who": "no drafts", "seconds": seconds}
        if batch_size > 1:
            yield {**row, "who": "at once", "seconds": prepare_ours(config, batch_size)()}


def measure_peer_drawing(
    batch_sizes: Sequence[int], is_small: bool, torch_python: str, is_compiled: bool
) -> Iterator[Row]:
    """Yields rows of a GPT in PyTorch with a cache of keys and values, in float32."""
    config = config_of("transformer", is_small)
    with open_peer(torch_python) as peer:
        assert peer is not None
        for batch_size in batch_sizes:
            asked = {"shape": gpt_shape(config), "batch_size": batch_size}

            def ask(asked: dict[str, Any] = asked) -> float:
                return peer.ask("draw", compiled=is_compiled, **asked) / config.n_pixels

            who = "PyTorch, compiled" if is_compiled else "PyTorch"
            yield {"who": who, "model": "GPT", "batch": batch_size, **asked_of_peer(ask)}


def shuffled(tokens: Any, batch_size: int) -> Iterator[Batch]:
    """Yields batches for ever, all images in each pass; without TensorFlow."""
    rng, rows = np.random.default_rng(0), np.empty(0, np.int64)
    while True:
        while len(rows) < batch_size:
            rows = np.concatenate([rows, rng.permutation(len(tokens))])
        chosen, rows = rows[:batch_size], rows[batch_size:]
        yield Batch(tokens[chosen].astype(np.int32))


def learn(settled: Settled, tokens: Any, until: float) -> tuple[Learner, float]:
    """Trains to the last step, or until the time is over; returns the seconds of a step, too."""
    settings = settled.settings
    batches = shuffled(tokens, settings.n_pictures)
    learner = Learner(settled.config, settings, 0, batches, settled.step)
    learner.advance()
    jax.block_until_ready(learner.loss)
    began = time.monotonic()
    while learner.step < settings.n_steps and time.monotonic() < until:
        learner.advance()
        if learner.step % N_STEPS == 0:
            jax.block_until_ready(learner.loss)  # else all steps are queued before one is done
    jax.block_until_ready(learner.loss)
    return learner, (time.monotonic() - began) / max(1, learner.step - 1)


def measure_learning(
    images: str,
    val_images: str,
    seconds: float,
    folder: str,
    is_small: bool,
) -> Iterator[Row]:
    """Yields a row of a training that `pixace train --minutes` would choose, then with its bits.

    Args:
      images: folder of training images.
      val_images: folder of validation images.
      seconds: that it takes, from the reading of images to the last step.
      folder: for the model and for `sheet.png`.
      is_small: see `config_of`.
    """
    until = time.monotonic() + seconds
    config, settings = config_of(NEW_TYPE, is_small), TrainingSettings(precision=PRECISIONS[0])
    train, val = (load_images(source, config) for source in (images, val_images))
    n_images, n_val = len(train.paths), len(val.paths)
    freedom = Freedom(frozenset(), frozenset(CHOSEN), smallest_batch(settings), n_images)
    peers = peers_of(StopRequest())
    settled = settle(config, settings, freedom, n_val, until - time.monotonic(), peers)
    learner, per_step = learn(settled, train.tokens, until)
    total = time.monotonic() - until + seconds
    weights, chosen = learner.capture().weights, settled.settings
    row = {
        **{"who": "ours", "model": NEW_TYPE, "precision": chosen.precision},
        **{"batch": chosen.n_pictures, "optimizer": chosen.optimizer, "rate": chosen.learning_rate},
        **{"n_steps": learner.step, "n_planned": chosen.n_steps, "seconds": per_step},
        **{"n_images": n_images, "n_val_images": n_val, "total": total},
        "n_weights": sum(array.size for array in weights),
    }
    yield row
    place = Path(folder, LEARNED)
    place.mkdir(exist_ok=True)
    write_checkpoint(place / LATEST_NAME, Checkpoint(learner.step, weights), trax_fields={})
    save_config(place, config)
    evaluator = pixace.get_evaluator(LEARNED, weights_dir=folder)
    yield {**row, "bits": evaluator.evaluate(val_images).bits_per_pixel}
    predictor = pixace.get_predictor(LEARNED, weights_dir=folder)
    predictor.predict(N_SHEET, seed=0).save(Path(folder, "sheet.png"))


WORK: dict[str, Callable[..., Iterator[Row]]] = {
    "machine": measure_machine,
    "training": measure_training,
    "peer_training": measure_peer_training,
    "limit": measure_limit,
    "learning": measure_learning,
    "drawing": measure_drawing,
    "peer_drawing": measure_peer_drawing,
}


def main() -> None:
    """Does what it is asked for."""
    asked = json.loads(sys.argv[1])
    with os.fdopen(os.dup(1), "w") as rows:
        os.dup2(2, 1)  # whatever else a library prints
        for row in WORK[asked.pop("work")](**asked):
            print(json.dumps(row), file=rows, flush=True)


if __name__ == "__main__":
    main()
