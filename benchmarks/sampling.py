"""How long does a pixel take, beside the fastest that is known, and that could be?

Draws whole pictures, float32, random weights, temperature 1, no prompt, in these ways:

- ours: `pixace.drawing.sampler.Sampler`;
- peer: a plain GPT of the same shape in PyTorch with a cache of keys and values (`pytorch_gpt.py`).
  Beside a Reformer its head has two times d_model inputs, as the Reformer's has, so that both have
  the same matrices;
- compiled: the same through `torch.compile`, its weights frozen;
- stream: trax 1.4.1 alone, as in 2020: `autoregressive_sample_stream` on trax's own models. A pixel
  costs the same everywhere in a picture, so only some are drawn;
- limit: no way to draw, but the time that no way can undercut on this machine: every matrix, the
  rows used of the embeddings, and the keys and values seen so far are read once per pixel, as fast
  as the memory can be read; and every multiply-add is done, as fast as in a large product of
  matrices. Both speeds are measured in the same run; the larger of the two times counts.

    python benchmarks/sampling.py [--models MODEL ...] [--batch_sizes B ...] [--rounds=3]
                                  [--small] [--torch_python=PATH]
    python benchmarks/sampling.py --startup [--rounds=3]

Rounds are interleaved, after a picture each that is not counted. The table shows minimum / median
of the rounds; ratios are those of the medians. JAX and PyTorch each use the GPU they find, else all
cores. PyTorch runs in a process of its own, in the same Python installation or in the one that
--torch_python names; without PyTorch these columns stay empty. --small takes the shape of the
ready model instead of the default one: its weights fit into a processor's cache, so the speed of
reading is that of an array of their size.

--startup measures processes instead: `python -m pixace predict` from start to end, its largest
memory, and the time until a process has the first pixels. Cold means an empty folder for compiled
programs, warm the one that the cold run has left.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import (
    MATRIX,
    READY_CONFIG,
    Peer,
    best_seconds,
    gpt_shape,
    jax_multiplying_speed,
    machine,
    n_halves,
    open_peer,
)

from pixace.backend.compilation_cache import VARIABLE
from pixace.backend.door import jax, jnp, trax
from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.folder import LATEST_NAME
from pixace.drawing.sampler import Sampler
from pixace.models.build import init_model, model_with_weights, weight_shapes
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES
from pixace.system.limits import n_cores
from pixace.tokens.vocabulary import token_count

READY = "emoji"
_STREAM_PIXELS = 16  # of trax's own stream, in each round
_BIG = 1 << 30  # bytes, far more than any cache
_SMALL = 1 << 23  # bytes, about what the ready model reads per pixel

Work = Callable[[], float]  # does a piece of work; returns seconds per pixel


class Speeds(NamedTuple):
    """The fastest that was seen of a machine, and how."""

    bytes_per_second: float
    reader: str
    multiply_adds_per_second: float
    multiplier: str


def random_weights(config: ModelConfig) -> list[np.ndarray]:
    """Returns small random numbers in the shapes of a model's weights."""
    rng = np.random.default_rng(0)
    return [0.02 * rng.standard_normal(array.shape, np.float32) for array in weight_shapes(config)]


def prepare_ours(config: ModelConfig, batch_size: int) -> Work:
    """Returns what draws whole pictures with pixace."""
    model = model_with_weights(config, "predict", random_weights(config), batch_size)
    sampler = Sampler(model, batch_size)

    def draw() -> float:
        stream = sampler.stream(None, temperatures=[1.0] * batch_size, seed=0)
        return take(stream, config.n_pixels)

    draw()
    return draw


def prepare_stream(config: ModelConfig, batch_size: int) -> Work:
    """Returns what draws some pixels with trax alone."""
    model = plain_model(config)
    init_model(model, batch_size, 1)
    stream = trax.supervised.decoding.autoregressive_sample_stream(
        model, batch_size=batch_size, temperature=1.0, accelerate=True
    )
    take(stream, 2)
    return lambda: take(stream, _STREAM_PIXELS)


def plain_model(config: ModelConfig) -> Any:
    """Builds the model as one does with trax alone; its memory always holds 2048 tokens, or L."""
    sizes = {name: getattr(config, name) for name in ("d_model", "d_ff", "n_layers", "n_heads")}
    sizes |= {"max_len": config.n_pixels, "mode": "predict"}
    if config.model_type == "transformer":
        return trax.models.TransformerLM(token_count(config.bitdepth), **sizes)
    attention = functools.partial(
        trax.layers.SelfAttention, chunk_len=config.n_pixels, predict_mem_len=config.n_pixels
    )
    d_head = config.d_model // config.n_heads
    return trax.models.ReformerLM(
        token_count(config.bitdepth),
        d_attention_key=d_head,
        d_attention_value=d_head,
        attention_type=attention,
        **sizes,
    )


def prepare_peer(peer: Peer, config: ModelConfig, batch_size: int, compiled: bool) -> Work:
    """Returns what draws whole pictures with PyTorch, which gets ready when first called."""

    def draw() -> float:
        seconds = peer.ask(
            "draw", shape=gpt_shape(config), batch_size=batch_size, compiled=compiled
        )
        return seconds / config.n_pixels

    return draw


def take(stream: Iterator[Any], n_pixels: int) -> float:
    """Takes tokens from a stream; returns seconds per pixel."""
    start = time.perf_counter()
    for tokens in islice(stream, n_pixels):
        np.asarray(tokens)  # waits for them
    return (time.perf_counter() - start) / n_pixels


def limits(config: ModelConfig, batch_size: int, speeds: Speeds) -> tuple[float, float]:
    """Returns the least seconds per pixel for reading, and for arithmetic."""
    d_model, n_layers = config.d_model, config.n_layers
    block = 4 * d_model**2 + 2 * d_model * config.d_ff
    head = n_halves(config) * d_model * token_count(config.bitdepth)
    matrices = n_layers * block + head
    cache = n_layers * 2 * d_model * (config.n_pixels + 1) / 2  # on average over a picture
    embeddings = (batch_size + 1) * d_model  # a token for each row, and the position
    n_bytes = 4 * (matrices + batch_size * cache + embeddings)
    multiply_adds = batch_size * (matrices + cache)  # each key and value seen is used once
    return n_bytes / speeds.bytes_per_second, multiply_adds / speeds.multiply_adds_per_second


def measure_speeds(peer: Peer | None, n_bytes: int) -> Speeds:
    """Finds the best speeds that a few simple ways reach, on all cores or the GPU."""
    reading = {"JAX": jax_reading_speed(n_bytes)}
    multiplying = {"JAX": jax_multiplying_speed(MATRIX)}
    if jax.default_backend() == "cpu":
        reading["NumPy"] = numpy_reading_speed(n_bytes)
    if peer is not None:
        reading["PyTorch"] = peer.ask("read", n_bytes=n_bytes)
        multiplying["PyTorch"] = peer.ask("multiply", size=MATRIX)
    return Speeds(*best(reading), *best(multiplying))


def best(speeds: dict[str, float]) -> tuple[float, str]:
    """Returns the highest speed, and what reached it."""
    return max((speed, name) for name, speed in speeds.items())


def jax_reading_speed(n_bytes: int) -> float:
    """Returns bytes per second, the better of row maxima and a matrix-vector product."""
    matrix, vector = jnp.ones((n_bytes // 4096, 1024)), jnp.ones(1024)
    maxima = best_seconds(lambda: matrix.max(axis=1))
    return n_bytes / min(maxima, best_seconds(lambda: matrix @ vector))


def numpy_reading_speed(n_bytes: int) -> float:
    """Returns bytes per second of a maximum, with a thread on each core."""
    parts = np.array_split(np.ones(n_bytes // 4, np.float32), n_cores())
    with ThreadPoolExecutor(len(parts)) as threads:
        return n_bytes / best_seconds(lambda: list(threads.map(np.max, parts)))


def measure(
    config: ModelConfig, batch_size: int, peer: Peer | None, rounds: int
) -> dict[str, list[float]]:
    """Returns the seconds per pixel of each way, one for each round."""
    works = {"ours": prepare_ours(config, batch_size)}
    if peer is not None:
        works["peer"] = prepare_peer(peer, config, batch_size, compiled=False)
        works["compiled"] = prepare_peer(peer, config, batch_size, compiled=True)
    works["stream"] = prepare_stream(config, batch_size)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(work())
    return times


def print_table(arguments: argparse.Namespace) -> None:
    """Measures all models and batch sizes and prints a Markdown table."""
    with open_peer(arguments.torch_python) as peer:
        print(f"{machine()}, PyTorch {peer.version if peer else 'none'}")
        speeds = measure_speeds(peer, _SMALL if arguments.small else _BIG)
        print(
            f"memory: {speeds.bytes_per_second / 1e9:.1f} GB/s ({speeds.reader}); arithmetic: "
            f"{speeds.multiply_adds_per_second / 1e9:.0f} G multiply-adds/s ({speeds.multiplier})\n"
        )
        print(
            "| model | batch | ours, ms/pixel | peer | compiled | stream | limit | peer / ours | "
            "compiled / ours | stream / ours | ours / limit |"
        )
        print("| --- " * 11 + "|")
        for model_type in arguments.models:
            config = READY_CONFIG if arguments.small else ModelConfig()
            config = dataclasses.replace(config, model_type=model_type)
            for batch_size in arguments.batch_sizes:
                times = measure(config, batch_size, peer, arguments.rounds)
                limit = max(limits(config, batch_size, speeds))
                print(row(model_type, batch_size, times, limit), flush=True)


def row(model_type: str, batch_size: int, times: dict[str, list[float]], limit: float) -> str:
    """Returns a row of the table."""
    cells = {
        name: f"{1e3 * min(series):.2f} / {1e3 * statistics.median(series):.2f}"
        for name, series in times.items()
    }
    medians = {name: statistics.median(series) for name, series in times.items()}
    ours = medians["ours"]
    ratios = {name: f"{median / ours:.2f}" for name, median in medians.items()}
    others = ("peer", "compiled", "stream")
    columns = [model_type, batch_size, cells["ours"], *(cells.get(name, "") for name in others)]
    columns += [f"{1e3 * limit:.2f}", *(ratios.get(name, "") for name in others)]
    columns.append(f"{ours / limit:.2f}")
    return f"| {' | '.join(map(str, columns))} |"


# A process's largest memory, of which Linux counts what its parent had before it, is measured by
# a small parent.
_LAUNCH = """
import json, resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.monotonic() - start
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""

_FIRST_PIXELS = """
import json, os, sys, time
import pixace
def stop(done, total):
    if done:
        print(json.dumps([time.monotonic(), "tensorflow" in sys.modules]), flush=True)
        os._exit(0)
name, weights_dir, batch_size = sys.argv[1:]
pixace.get_predictor(name, weights_dir=weights_dir).predict(int(batch_size), progress=stop)
"""

_IMPORT = """
import sys, time
start = time.monotonic()
__import__(sys.argv[1])
print(time.monotonic() - start)
"""


class Start(NamedTuple):
    """What the start of one process took.

    Attributes:
      whole: seconds of `python -m pixace predict`, to its end.
      first: seconds until a process has the first pixels.
      peak: bytes of memory that `python -m pixace predict` had at most.
      tensorflow: whether TensorFlow was loaded by then.
    """

    whole: float
    first: float
    peak: float
    tensorflow: bool


def run_python(*arguments: Any, cache: Path | None = None) -> Any:
    """Runs Python with a folder for compiled programs; returns the JSON that it writes."""
    environment = dict(os.environ) if cache is None else os.environ | {VARIABLE: str(cache)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def start_once(name: str, weights_dir: Path, batch_size: int, caches: Sequence[Path]) -> Start:
    """Starts one process that draws to the end, and one that draws the first pixels."""
    whole_cache, first_cache = caches
    predict = [sys.executable, "-m", "pixace", "predict", f"--model_name={name}"]
    predict += [f"--weights_dir={weights_dir}", f"--batch_size={batch_size}"]
    predict += [f"--out={weights_dir / 'collage.png'}"]
    whole, peak = run_python("-c", _LAUNCH, *predict, cache=whole_cache)
    start = time.monotonic()
    first, tensorflow = run_python(
        "-c", _FIRST_PIXELS, name, weights_dir, batch_size, cache=first_cache
    )
    return Start(whole, first - start, peak, tensorflow)


def measure_starts(
    name: str, weights_dir: Path, batch_size: int, rounds: int
) -> dict[str, list[Start]]:
    """Starts processes without compiled programs, and with those; one of each a round."""
    starts: dict[str, list[Start]] = {"cold": [], "warm": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as first:
            for series in starts.values():
                caches = Path(whole), Path(first)
                series.append(start_once(name, weights_dir, batch_size, caches))
    return starts


def write_model(folder: Path, config: ModelConfig) -> None:
    """Writes a model with random weights."""
    folder.mkdir()
    checkpoint = Checkpoint(step=1, weights=random_weights(config))
    write_checkpoint(folder / LATEST_NAME, checkpoint, trax_fields={})
    save_config(folder, config)


def print_starts(rounds: int) -> None:
    """Measures processes and prints a Markdown table."""
    with tempfile.TemporaryDirectory() as temporary:
        weights_dir = Path(temporary)
        # This process never touches the GPU: JAX would keep most of its memory from the others.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            print(pool.submit(machine).result())
            pool.submit(write_model, weights_dir / "default", ModelConfig()).result()
        for module in ("pixace", "pixace.backend.door"):
            times = [run_python("-c", _IMPORT, module) for _ in range(rounds)]
            print(f"`import {module}`: {statistics.median(times):.2f} s")
        print("\n| model | batch | programs | whole, s | first pixels, s | peak, MB | TensorFlow |")
        print("| --- " * 7 + "|")
        for name, batch_size in ((READY, 1), ("default", 1), ("default", 4)):
            starts = measure_starts(name, weights_dir, batch_size, rounds)
            for programs, series in starts.items():
                whole, first, peak, tensorflow = map(statistics.median, zip(*series, strict=True))
                print(
                    f"| {name} | {batch_size} | {programs} | {whole:.2f} | {first:.2f} | "
                    f"{peak / 1e6:.0f} | {'loaded' if tensorflow else 'not loaded'} |",
                    flush=True,
                )


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=ATTENTION_TYPES, default=ATTENTION_TYPES)
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="the shape of the ready model")
    parser.add_argument("--torch_python", default=sys.executable, help="a Python with PyTorch")
    parser.add_argument("--startup", action="store_true", help="measure whole processes")
    arguments = parser.parse_args()
    if arguments.startup:
        print_starts(arguments.rounds)
    else:
        print_table(arguments)


if __name__ == "__main__":
    main()
