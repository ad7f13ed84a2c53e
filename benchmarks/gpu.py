"""What does a GPU make of pixace? Everything that is to be known, in one command of nine minutes.

    sh benchmarks/gpu.sh --folder=FOLDER [--packages=FOLDER] [--images=DIR --val_images=DIR]
                         [--minutes=9] [--learning_minutes=5] [--parts PART ...]
                         [--models MODEL ...] [--batch_sizes B ...] [--limit_gb=10] [--small]
                         [--torch_python=PATH]

The machine needs Python and JAX that finds its GPU; nothing is fetched, and TensorFlow is not
needed. What else is missing is told before anything is measured, and how to bring it along: trax
and gin-config, 2.5 MB together, in a folder that --packages names. With PyTorch there is a peer,
see `pytorch_gpt.py`; it takes TensorFloat-32 for float32, as JAX does, and flash attention for
bfloat16.

The parts, in this order:

- training: seconds per step, images per second and memory, by batch, of each model type in
  bfloat16 and float32, and of a GPT of the Transformer's size in PyTorch;
- limit: the largest batch for which XLA plans no more memory than a card of --limit_gb has for a
  step, and some steps with it in a process whose allocator is held to that many bytes;
- learning: a training of the default size, as long as --learning_minutes says, as `pixace train
  --minutes` would choose it, its bits per pixel of the validation images, and a sheet of pictures;
- drawing: milliseconds per pixel in float32, of all pictures of a batch together, by the model
  just trained, or by random weights, of which drafts say nothing.

Each part has its share of the time, and what it does not use is the next one's. What there is no
time for is left out with a line. Each row is written to results.json and results.md in --folder
as soon as it is measured, so that a run that is killed leaves all that it has done; the same
command again does the rest. --small is a trial of all of it on a CPU, whose figures mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpu_tables import Results

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pixace.settings.model_types import MODEL_TYPES, NEW_TYPE  # noqa: E402

# Module -> the package that brings it, in the version that pixace asks for where that matters.
NEEDED = {
    **{"jax": "jax", "jaxlib": "jaxlib", "numpy": "numpy", "scipy": "scipy", "PIL": "pillow"},
    **{"absl": "absl-py", "psutil": "psutil", "six": "six"},
    **{"trax": "trax==1.4.1", "gin": "gin-config==0.5.0"},
}
NEEDS_JAX = {"jax", "jaxlib"}  # too large to be brought along with a GPU's libraries
# Of the time that learning leaves.
SHARES = {"training": 5, "limit": 2, "learning": 0, "drawing": 3}
_AFTER_LEARNING = 60.0  # seconds to measure bits and to draw a sheet
_AROUND_LEARNING = 90.0  # that, and the start
_LEAST = 5.0  # seconds in which a process can tell anything
_STARTING = 1 / 3  # of all the time, until JAX has found the GPU, at most
_MODELS = (NEW_TYPE, "transformer", "pixelcnn", "reformer", "pixelcnn_residual")
assert set(_MODELS) == set(MODEL_TYPES)


@dataclasses.dataclass(frozen=True)
class Job:
    """What one process measures: see `gpu_worker.py`.

    Attributes:
      part: of which it is.
      name: tells it from the others of its part.
      asked: the function of the worker, and its arguments.
      environment: variables that it gets besides.
    """

    part: str
    name: str
    asked: dict[str, Any]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.part}: {self.name}"

    @property
    def key(self) -> str:
        """What results are kept under."""
        return json.dumps(self.asked, sort_keys=True)


def missing_words(paths: Sequence[str]) -> str | None:
    """Says what there is not, and how to bring it along; None where all is there.

    Args:
      paths: where modules are looked for besides.
    """
    sys.path[:0] = paths
    missing = [name for module, name in NEEDED.items() if not importlib.util.find_spec(module)]
    if not missing:
        return None
    words = [f"not installed for {sys.executable}: {', '.join(missing)}"]
    if NEEDS_JAX & set(missing):
        words.append(
            'JAX comes with gigabytes of libraries for a GPU: pip install "jax[cuda13]" there, or '
            "name the Python that has it: PYTHON=... sh benchmarks/gpu.sh"
        )
    if carried := [name for name in missing if name not in NEEDS_JAX]:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        words.append(
            "where there is a network: pip install --no-deps --only-binary=:all: "
            f"--python-version={version} --target=packages {' '.join(carried)}; and bring that "
            "folder along: --packages=packages"
        )
    return "\n".join(words)


def torch_version(python: str) -> str | None:
    """Returns the version of a Python's PyTorch; None where it has none."""
    program = "from importlib.metadata import version; print(version('torch'))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def rows_of(job: Job, paths: Sequence[str], until: float) -> Iterator[dict[str, Any]]:
    """Yields what a job's process measures; it is killed when its time is over.

    Args:
      job: what to measure.
      paths: where it looks for modules besides.
      until: when its time is over, in seconds of `time.monotonic`.

    Raises:
      ChildProcessError: it has not come to its end; the message says why.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *paths])}
    environment.pop("XLA_PYTHON_CLIENT_MEM_FRACTION", None)  # the old name; JAX takes one of them
    environment.setdefault("CUDA_VISIBLE_DEVICES", "0")  # PyTorch uses one GPU, JAX would use all
    with subprocess.Popen(
        [sys.executable, HERE / "gpu_worker.py", json.dumps(job.asked)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment | job.environment,
        process_group=0,  # with what it starts itself
    ) as process:

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process.pid, signal.SIGKILL)

        assert process.stdout is not None
        timer = threading.Timer(until - time.monotonic(), kill)
        timer.start()
        try:
            for line in process.stdout:
                yield json.loads(line)
            if process.wait():
                is_late = time.monotonic() >= until
                words = "its time was over" if is_late else "it failed; what it wrote says why"
                raise ChildProcessError(f"{job}: {words}")
        finally:
            timer.cancel()
            if process.poll() is None:
                kill()


def run(jobs: Sequence[Job], results: Results, paths: Sequence[str], until: float) -> None:
    """Does the jobs of a part that have not been done yet, as long as there is time."""
    for job in jobs:
        if job.key in results.done:
            continue
        left = until - time.monotonic()
        if left < _LEAST:
            results.note(f"{job}: left out, there was no time")
            continue
        print(f"{job}; {left:.0f} s left for {job.part}", file=sys.stderr, flush=True)
        try:
            for row in rows_of(job, paths, until):
                results.add({"part": job.part, **row})
        except ChildProcessError as error:
            results.note(str(error))
        else:
            results.finish(job.key)


def deadlines(parts: Sequence[str], until: float, learning: float) -> dict[str, float]:
    """Returns when the time of each part is over, in the order of the parts.

    Args:
      parts: the chosen ones.
      until: when all of it is.
      learning: seconds that learning takes.
    """
    end, ends = time.monotonic(), {}
    rest = until - end - (learning if "learning" in parts else 0)
    total = sum(SHARES[part] for part in parts) or 1
    for part in parts:
        end += learning if part == "learning" else max(0.0, rest) * SHARES[part] / total
        ends[part] = end
    return ends


def jobs_of(part: str, options: argparse.Namespace, results: Results) -> list[Job]:
    """Returns what there is to measure in a part, the most telling first."""
    common: dict[str, Any] = {"is_small": options.small, "batch_sizes": options.batch_sizes}
    environment = {}
    if part == "learning":
        asked = {"work": part, "folder": str(options.folder), "is_small": options.small}
        asked |= {"images": options.images, "val_images": options.val_images}
        return [Job(part, NEW_TYPE, asked | {"seconds": 60 * options.learning_minutes})]
    if part == "limit":
        common = {"is_small": options.small, "limit": 1e9 * options.limit_gb}
        if (memory := results.machine["memory"]) is not None:
            # What JAX calls a fraction of the card's memory is what its allocator is held to.
            fraction = min(1.0, common["limit"] / memory)
            environment["XLA_CLIENT_MEM_FRACTION"] = str(fraction)
    if part == "drawing":
        common |= {"batch_sizes": options.drawn, "folder": str(options.folder)}
    first, *others = [
        Job(part, model, {**common, "work": part, "model": model}, environment)
        for model in options.models
    ]
    has_peer = part != "limit" and results.machine["torch"] is not None
    return [first, *(peer_jobs(part, options) if has_peer else []), *others]


def peer_jobs(part: str, options: argparse.Namespace) -> list[Job]:
    """Returns what PyTorch is to measure in a part; what takes long to compile comes last."""
    jobs = []
    sizes = options.batch_sizes if part == "training" else options.drawn
    for is_compiled in (False, True):
        asked = {"work": f"peer_{part}", "is_small": options.small, "is_compiled": is_compiled}
        asked |= {"torch_python": options.torch_python, "batch_sizes": sorted(sizes, reverse=True)}
        jobs.append(Job(part, "PyTorch, compiled" if is_compiled else "PyTorch", asked))
    return jobs


def parsed() -> argparse.Namespace:
    """Returns the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("gpu"), help="for what is measured")
    parser.add_argument("--packages", help="folder of packages that are not installed")
    parser.add_argument("--images", help="folder of training images; without, nothing is learned")
    parser.add_argument("--val_images", help="folder of validation images")
    parser.add_argument("--minutes", type=float, default=9, help="for all together, at most")
    parser.add_argument("--learning_minutes", type=float, default=5)
    parser.add_argument("--parts", nargs="+", choices=SHARES, default=[*SHARES])
    parser.add_argument("--models", nargs="+", choices=_MODELS, default=_MODELS)
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[4, 16, 64], help="trained")
    parser.add_argument("--drawn", nargs="+", type=int, default=[1, 16, 64], help="at a time")
    parser.add_argument("--limit_gb", type=float, default=10, help="memory of a smaller card")
    parser.add_argument("--small", action="store_true", help="a trial, also without a GPU")
    parser.add_argument("--torch_python", default=sys.executable, help="a Python with PyTorch")
    options = parser.parse_args()
    if (options.images is None) != (options.val_images is None):
        parser.error("--images and --val_images belong together")
    for folder in (options.images, options.val_images, options.packages):
        if folder is not None and not os.path.isdir(folder):
            parser.error(f"{folder}: no such folder")
    if shutil.which(options.torch_python) is None:
        parser.error(f"{options.torch_python}: no such program")
    spent = options.learning_minutes + _AROUND_LEARNING / 60
    if options.images and "learning" in options.parts and options.minutes < spent:
        parser.error(f"with these --learning_minutes, --minutes must be at least {spent:g}")
    return options


def measure(options: argparse.Namespace, paths: Sequence[str], until: float) -> None:
    """Does all parts."""
    results = Results(options.folder)
    asked = {"work": "machine", "is_small": options.small}
    # With half of the memory, whatever JAX takes otherwise: twice that is the card's.
    machine = Job("machine", "JAX", asked, {"XLA_CLIENT_MEM_FRACTION": "0.5"})
    torch = torch_version(options.torch_python)
    started = time.monotonic()
    try:
        for row in rows_of(machine, paths, started + _STARTING * (until - started)):
            results.begin({**row, "torch": torch})
    except ChildProcessError as error:
        raise SystemExit(str(error)) from None
    if torch is None:
        results.note(f"no PyTorch in {options.torch_python}: no peer; see --torch_python")
    parts = [part for part in SHARES if part in options.parts]
    if "learning" in parts and options.images is None:
        results.note("learning: left out, as no --images are given")
        parts.remove("learning")
    learning = 60 * options.learning_minutes + _AFTER_LEARNING
    for part, end in deadlines(parts, until, learning).items():
        run(jobs_of(part, options, results), results, paths, min(end, until))
    print(results.path.read_text())


def main() -> None:
    """Says what is missing, or measures."""
    until = time.monotonic()
    options = parsed()
    until += 60 * options.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending what was started
    paths = [options.packages] if options.packages else []
    if (words := missing_words(paths)) is not None:
        raise SystemExit(words)
    measure(options, paths, until)


if __name__ == "__main__":
    main()
