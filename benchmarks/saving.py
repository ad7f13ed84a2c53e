"""How much longer does a save take than writing the bytes?

Saves a Reformer of the default size (for 32x32 pixels, 32,022,530 weights, and Adam's two
moments of each: some 384 MB) as training does, beside the least that any safe save must do:
writing as many bytes to a file in the same folder and flushing them to the disk. Rounds are
interleaved. trax 1.4.1's own files, compressed, but neither flushed nor verified, take so long that
they are measured once.

    python benchmarks/saving.py [--folder=FOLDER] [--rounds=5]

Without --folder a temporary one is used; name one on the disk that matters. Prints a Markdown
table of medians, of the clock and of the processor's time, which other programs do not disturb.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.backend.door import trax
from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.checkpoints.folder import LATEST_NAME
from pixace.checkpoints.keeping import save_epoch
from pixace.checkpoints.resume import ResumeState
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig

_RNG = np.random.default_rng(0)
_CHUNK = 1 << 24


def default_state() -> Checkpoint:
    """Returns a training's state of the default model's shapes, with random numbers in it."""
    shapes = [array.shape for array in weight_shapes(ModelConfig())]
    weights = [_RNG.standard_normal(shape, np.float32) for shape in shapes]
    slots = [_RNG.standard_normal(shape, np.float32) for shape in shapes for _ in range(2)]
    return Checkpoint(1000, weights, slots, resume=ResumeState(config=ModelConfig()))


def write_bytes(folder: Path, data: bytes) -> None:
    """Writes bytes to a file, chunk by chunk, and flushes them to the disk."""
    with open(folder / "bytes", "wb") as file:
        for start in range(0, len(data), _CHUNK):
            file.write(memoryview(data)[start : start + _CHUNK])
        file.flush()
        os.fsync(file.fileno())


def save_as_trax(folder: Path, state: Checkpoint) -> None:
    """Writes the files that `Loop.save_checkpoint` of trax 1.4.1 writes, in its order."""
    compresslevel = 2  # its default
    write = trax.layers.base.np_to_file
    write(state.slots, f"{folder}/trax.opt_slots0.npy.gz", compresslevel)
    write(state.weights, f"{folder}/trax.weights.npy.gz", compresslevel)
    rest = {"step": state.step, "flat_weights": compresslevel, "slots_per_task": compresslevel}
    trax.supervised.training.pickle_to_file(rest, f"{folder}/trax.pkl.gz", gzip=True)


class Times(NamedTuple):
    """How long something took: by the clock, and of the processor's time; in seconds."""

    clock: float
    processor: float


def measure(work: Callable[[], Any]) -> Times:
    """Does a piece of work and returns its times."""
    os.sync()  # nobody pays for what the one before left in the cache
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Times(time.perf_counter() - clock, time.process_time() - processor)


def median(times: list[Times]) -> Times:
    """Returns the medians of both kinds of time."""
    return Times(*(statistics.median(column) for column in zip(*times, strict=True)))


def run(state: Checkpoint, folder: Path, rounds: int) -> tuple[dict[str, Times], int]:
    """Measures everything in a folder; returns the table, and the bytes of one checkpoint."""
    save_epoch(folder, state, {}, keep=1)
    data = (folder / LATEST_NAME).read_bytes()
    cases: dict[str, Callable[[], Any]] = {
        "writing as many bytes, with fsync": lambda: write_bytes(folder, data),
        "`save_epoch`: with fsync, verified": lambda: save_epoch(folder, state, {}, keep=1),
        "`read_checkpoint`": lambda: read_checkpoint(folder / LATEST_NAME),
    }
    times: dict[str, list[Times]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, work in cases.items():
            times[name].append(measure(work))
    table = {name: median(measured) for name, measured in times.items()}
    table["trax 1.4.1's own files"] = measure(lambda: save_as_trax(folder, state))
    return table, len(data)


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    state = default_state()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        table, n_bytes = run(state, Path(folder), arguments.rounds)
    n_weights = sum(array.size for array in state.weights)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy "
        f"{np.__version__}; {n_weights:,} weights, {n_bytes:,} bytes\n"
    )
    print("| work | s | s more than writing the bytes | processor s |")
    print("| --- | --- | --- | --- |")
    floor, *_ = table.values()
    for name, (clock, processor) in table.items():
        print(f"| {name} | {clock:.2f} | {clock - floor.clock:+.2f} | {processor:.2f} |")


if __name__ == "__main__":
    main()
