"""What several benchmarks share: the PyTorch peer, the machine and its speed."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixace.backend.door import jax, jnp
from pixace.settings.model import ModelConfig
from pixace.system.limits import n_cores
from pixace.tokens.vocabulary import token_count
from pixace.training.learner import Learner

READY_CONFIG = ModelConfig(
    image_size=16, bitdepth=(4, 3, 3), d_model=128, d_ff=512, n_layers=4, n_heads=4
)
MATRIX = 4096  # edge of the matrices that are multiplied


class Peer:
    """The PyTorch model in its own process: see `pytorch_gpt.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version: str = self._receive()["version"]

    def ask(self, work: str, **arguments: Any) -> float:
        """Has a piece of work done; returns what was measured, NaN where it cannot be done."""
        assert self._process.stdin is not None
        print(json.dumps({"work": work, **arguments}), file=self._process.stdin, flush=True)
        answer = self._receive()["answer"]
        return float("nan") if answer is None else answer

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the PyTorch process has ended; what it wrote above says why")
        return json.loads(line)


@contextlib.contextmanager
def open_peer(python: str) -> Iterator[Peer | None]:
    """Starts the peer; None where that Python has no PyTorch."""
    has_torch = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('torch'))"
    if subprocess.run([python, "-c", has_torch]).returncode:
        print(f"no PyTorch in {python}: the peer is left out; see --torch_python", file=sys.stderr)
        yield None
        return
    script = Path(__file__).with_name("pytorch_gpt.py")
    with subprocess.Popen(
        [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Peer(process)


def gpt_shape(config: ModelConfig) -> dict[str, Any]:
    """Returns the arguments of the PyTorch model of the same shape."""
    return {
        "n_tokens": token_count(config.bitdepth),
        "length": config.n_pixels,
        "d_model": config.d_model,
        "d_ff": config.d_ff,
        "n_layers": config.n_layers,
        "n_heads": config.n_heads,
        "n_halves": n_halves(config),
    }


def n_halves(config: ModelConfig) -> int:
    """Returns how many times d_model numbers the head reads."""
    return 2 if config.model_type == "reformer" else 1


def jax_multiplying_speed(size: int) -> float:
    """Returns multiply-adds per second of a product of two float32 matrices (size, size)."""
    matrix = jnp.ones((size, size))
    return size**3 / best_seconds(lambda: matrix @ matrix)


def best_seconds(work: Callable[[], Any], n_times: int = 5, n_queued: int = 4) -> float:
    """Returns the seconds of one call, several of which are queued to fill a GPU's pipeline."""
    jax.block_until_ready(work())
    times = []
    for _ in range(n_times):
        start = time.perf_counter()
        jax.block_until_ready([work() for _ in range(n_queued)])
        times.append(time.perf_counter() - start)
    return min(times) / n_queued


def seconds_per_step(loops: Mapping[str, Learner], n_rounds: int, n_steps: int) -> dict[str, float]:
    """Returns the seconds that a step of each training takes; in every round, all take turns."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(1 + n_rounds):
        for name, loop in loops.items():
            start = time.perf_counter()
            for _ in range(n_steps):
                loop.advance()
            jax.block_until_ready(loop.loss)
            times[name].append((time.perf_counter() - start) / n_steps)
    # In the first round, steps are compiled.
    return {name: statistics.median(series[1:]) for name, series in times.items()}


def open_results(folder: Path, image_size: int) -> tuple[dict[str, Any], Callable[[], None]]:
    """Returns what a benchmark of trainings has found in earlier runs, and what writes it down.

    Args:
      folder: of the trained models; it is created.
      image_size: the file is `results-SIZE.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"results-{image_size}.json"
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"bits": {}}

    def keep() -> None:
        path.write_text(json.dumps(done, indent=2))

    return done, keep


def mean_and_spread(values: Sequence[float]) -> str:
    """Returns the mean, and half the distance between the smallest and the largest."""
    return f"{statistics.mean(values):.2f} ± {(max(values) - min(values)) / 2:.2f}"


def machine() -> str:
    """Returns date, processor or card, and versions, for the line above a table."""
    device = jax.devices()[0]
    card = "no accelerator" if device.platform == "cpu" else device.device_kind
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("jax", "numpy", "trax"))
    return (
        f"{datetime.date.today()}, {n_cores()} cores of {processor()}, {card}; Python "
        f"{platform.python_version()}, {', '.join(versions)}"
    )


def processor() -> str:
    """Returns the processor's name, where Linux tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
