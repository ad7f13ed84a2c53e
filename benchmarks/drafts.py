"""Drafts: how much faster they draw, in how many calls, and whether the pictures are the same.

    python benchmarks/drafts.py emoji /models/faces/model.pkl.gz --widths 4 8 16

Draws with trained models, named by their file or by the ready one's name, one pixel a call and by
drafts, in turns: models of random weights say nothing here. Times are milliseconds per pixel of the
whole batch, medians, by the clock and by what this process has used of the processors, which other
programs disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measuring import machine

from pixace.checkpoints.bundled import ready_folder
from pixace.checkpoints.folder import LATEST_NAME
from pixace.drawing.drafts import Guessing
from pixace.drawing.opening import open_to_draw
from pixace.drawing.sampler import Sampler
from pixace.models.stored import StoredModel

READY = "emoji"


class Times(NamedTuple):
    """Seconds per pixel, of each round."""

    wall: list[float]
    processors: list[float]

    def cell(self) -> str:
        """Returns both medians in milliseconds."""
        return " / ".join(f"{1e3 * statistics.median(part):.2f}" for part in self)


def samplers(
    model: StoredModel, batch_size: int, widths: Sequence[int], cost: float
) -> dict[int, Sampler]:
    """Returns a sampler for each width, of which 1 draws one pixel a call."""
    raster = model.config.pictures.raster
    guessings = {width: Guessing.of(raster, width, cost) for width in widths}
    made = {1: Sampler(model.build("predict", batch_size), batch_size)}
    for width, guessing in guessings.items():
        made[width] = Sampler(model.build("predict", batch_size), batch_size, guessing=guessing)
    return made


def drawn(
    sampler: Sampler, seed: int, temperature: float, times: Times | None = None
) -> np.ndarray:
    """Returns a batch of pictures, int32 (B, L), and notes what they took."""
    wall, used = time.perf_counter(), time.process_time()
    stream = sampler.stream(temperatures=[temperature] * sampler.batch_size, seed=seed)
    pictures = np.stack([*stream], axis=1)
    if times is not None:
        times.wall.append((time.perf_counter() - wall) / pictures.shape[1])
        times.processors.append((time.process_time() - used) / pictures.shape[1])
    return pictures


def print_rows(
    name: str, model: StoredModel, batch_size: int, arguments: argparse.Namespace
) -> None:
    """Draws with one model and batch size, and prints a row for each width."""
    made = samplers(model, batch_size, arguments.widths, arguments.cost)
    times = {width: Times([], []) for width in made}
    different = dict.fromkeys(made, 0)
    for sampler in made.values():
        drawn(sampler, 0, arguments.temperature)
        sampler.n_calls = sampler.n_pixels = 0
    for seed in range(1, arguments.rounds + 1):
        expected = None
        for width, sampler in made.items():
            pictures = drawn(sampler, seed, arguments.temperature, times[width])
            expected = pictures if expected is None else expected
            different[width] += int((pictures != expected).any(axis=1).sum())
    for width, sampler in made.items():
        if width == 1:
            continue
        ratios = (
            f"{statistics.median(plain) / statistics.median(own):.2f}"
            for plain, own in zip(times[1], times[width], strict=True)
        )
        per_call = sampler.n_pixels / sampler.n_calls
        n_pictures = arguments.rounds * batch_size
        cells = [
            name, arguments.temperature, batch_size, width, times[1].cell(), times[width].cell(),
            " / ".join(ratios), f"{sampler.n_calls / arguments.rounds:.0f}", f"{per_call:.2f}",
            f"{different[width]} of {n_pictures}",
        ]  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main() -> None:
    """Measures and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=[READY], help=f"files, or {READY}")
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--widths", nargs="+", type=int, default=[16], help="pixels a call")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cost", type=float, default=0.0, help="0: also where drafts do not pay")
    arguments = parser.parse_args()
    print(f"{machine()}\n")
    print(
        "| model | temperature | batch | width | one by one, ms/pixel: clock / processors | drafts "
        "| times as fast | calls a batch | pixels a call | pictures that differ |"
    )
    print("| --- " * 10 + "|")
    for name in arguments.models:
        path = ready_folder(READY) / LATEST_NAME if name == READY else Path(name)
        model = open_to_draw(path, {}, is_named=True)
        for batch_size in arguments.batch_sizes:
            print_rows(name, model, batch_size, arguments)


if __name__ == "__main__":
    main()
