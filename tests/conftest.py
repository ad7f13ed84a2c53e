"""What several test modules need: a painted folder of images and a model trained on it."""

import gc
import importlib.util
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from tests.tools.fault_tally import Tally, table
from tests.tools.patience import PATIENCE
from tests.tools.tiny import TINY

# The tests compile the same few tiny models again and again, in many processes: JAX's own cache on
# disk saves most of that time. It is keyed by version, code and machine.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
    Path(__file__).parent.parent / ".pytest_cache" / "jax"
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# And most of what is left is XLA making fast programs of models that run for a moment only: with
# these flags it takes a third of the time (JAX 0.10 to 0.12).
FAST_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FAST_TO_COMPILE}"

# hypothesis reads all of our code for constants: once, rather than in each process, and in each
# test's own folder.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(
    Path(__file__).parent.parent / ".pytest_cache" / "hypothesis"
)

# A process that traces hundreds of models has millions of objects, of which few are garbage.
gc.set_threshold(20_000, 50, 50)

# A shell ignores SIGINT for what it starts in the background, nohup ignores SIGHUP, and processes
# inherit that. The tests send these signals, and expect what a terminal would give them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# Where what holds for one most likely holds for the other, `make test` tries only one.
TRANSFORMER_AND_SLOWLY_REFORMER = ["transformer", pytest.param("reformer", marks=pytest.mark.slow)]
POINTER_TOO = [*TRANSFORMER_AND_SLOWLY_REFORMER, "pointer"]


def pytest_addoption(parser) -> None:
    parser.addoption("--faults", action="store_true", help="fault tests try all of their cases")


@pytest.fixture
def tally(request) -> Tally:
    """How many cases a fault test tries, and where it says what came of them."""
    return Tally(request.config.getoption("--faults"), request.node.user_properties)


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Prints what the fault suite tried."""
    if config.getoption("--faults"):
        reports = [r for key in ("passed", "failed") for r in terminalreporter.getreports(key)]
        terminalreporter.section("faults")
        terminalreporter.write_line("\n".join(table(r for r in reports if r.when == "call")))


def paint(folder: Path, count: int, seed: int) -> list[Path]:
    """Writes pictures of one bright disc each, and returns their paths."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:12, :12]
    paths = []
    for index in range(count):
        pixels = np.zeros((12, 12, 3), np.uint8)
        centre = rng.integers(3, 9, 2)
        disc = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 12
        pixels[disc] = rng.integers(60, 256, 3)
        paths.append(folder / f"disc-{index:03d}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def painted(tmp_path_factory) -> Path:
    """A folder with `train` (20 pictures) and `val` (5 pictures)."""
    folder = tmp_path_factory.mktemp("painted")
    paint(folder / "train", 20, seed=1)
    paint(folder / "val", 5, seed=2)
    return folder


def train_tiny(
    painted: Path,
    weights_dir: Path,
    name: str,
    model_type: str,
    positions: str | None = None,
    scan: str | None = None,
    **settings,
):
    """Trains a tiny model for a few steps through the public API; returns its folder."""
    import pixace

    trainer = pixace.get_trainer(
        name, weights_dir=weights_dir, model_type=model_type, positions=positions, scan=scan, **TINY
    )
    trainer.train(
        **{
            "images": str(painted / "train"),
            "val_images": str(painted / "val"),
            "batch_size": 4,
            "steps_per_epoch": 3,
            "n_epochs": 2,
            "learning_rate": 0.01,
            "warmup_steps": 4,
            **settings,
        }
    )
    return trainer.folder


@pytest.fixture(scope="session")
def weights_dir(painted, tmp_path_factory) -> Path:
    """A weights folder with two trained models, `transformer` and `reformer`; not to be changed."""
    folder = tmp_path_factory.mktemp("model-weights")
    for model_type in ("transformer", "reformer"):
        train_tiny(painted, folder, model_type, model_type)
    return folder


@pytest.fixture
def _messages_as_before():
    """Puts the package's logger back as other tests expect it."""
    logger = logging.getLogger("pixace")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


def paint_stripes(path: Path) -> None:
    """Writes a JPEG whose tokens are others where not all of it is decoded."""
    stripes = np.indices((600, 600))[1] % 2 * 255  # greys of 127 and 128, between two tokens
    Image.fromarray(stripes.astype(np.uint8)).convert("RGB").save(path, quality=75)


def load_example(script: Path) -> ModuleType:
    """Imports a script of `examples/`, which is no package."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[script.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flags_of(painted: Path, weights_dir: Path, name: str, **flags) -> list[str]:
    """The command line of a tiny training."""
    values = {
        "model_name": name,
        "weights_dir": weights_dir,
        "images": painted / "train",
        "val_images": painted / "val",
        **TINY,
        "bitdepth": "2,1,2",
        "model_type": "transformer",
        "batch_size": 4,
        "steps_per_epoch": 3,
        "n_epochs": 2,
        **flags,
    }
    return [sys.executable, "-m", "pixace", "train", *(f"--{k}={v}" for k, v in values.items())]


def assert_same_state(folder: Path, other: Path, name: str = "model.pkl.gz") -> None:
    """Compares weights, optimiser, random key and position in the data bit by bit."""
    from pixace.checkpoints.file import read_checkpoint

    one, two = (read_checkpoint(path / name) for path in (folder, other))
    assert one.step == two.step
    for left, right in zip(one.weights + one.slots, two.weights + two.slots, strict=True):
        assert left.shape == right.shape
        assert left.tobytes() == right.tobytes()
    assert one.resume.rng.tobytes() == two.resume.rng.tobytes()
    assert one.resume.position == two.resume.position


def wait_for(condition, process: subprocess.Popen, seconds: float = PATIENCE) -> None:
    """Waits until something is true of a child process that must go on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
