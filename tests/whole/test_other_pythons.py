"""A file written under one version of Python, NumPy and JAX serves under another.

The other interpreters are named in the environment, for example

    PIXACE_OTHER_PYTHONS=/opt/a/bin/python:/opt/b/bin/python make test-long

Each must have pixace's dependencies. Of these and of the one that runs the tests, each reads what
each other wrote.
"""

import functools
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints.file import read_checkpoint
from tests.conftest import paint
from tests.tools.places import ROOT
from tests.tools.plain_trax import STEPS, TINY

pytestmark = pytest.mark.long

VARIABLE = "PIXACE_OTHER_PYTHONS"
OTHERS = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
PAIRS = list(itertools.permutations([sys.executable, *OTHERS], 2))
# Run by the interpreter in question. argv: the model's type, where trax may train a model of its
# own ("" if it need not), and a checkpoint and a file for its logits, again and again.
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from pixace.models.stored import open_model
from tests.tools.plain_trax import TINY, train_in_trax
model_type, split, *names = sys.argv[1:]
if split:
    train_in_trax(Path(split), model_type)
for name, target in zip(names[::2], names[1::2]):
    stored = open_model(Path(name), {"model_type": model_type, **TINY})
    shape = (4, stored.config.n_pixels)
    tokens = np.random.default_rng(1).integers(2, 30, shape).astype(np.int32)
    np.save(target, np.asarray(stored.build("eval", batch_size=4)(tokens)))
"""


def run(python: str, *arguments: object) -> str:
    """Runs an interpreter in which this source tree comes first; returns its messages."""
    done = subprocess.run(
        [python, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{python}: {done.stderr[-2000:]}"
    return done.stderr


def train(python: str, folder: Path, model_type: str, n_epochs: int) -> str:
    """Trains, in epochs of two steps, by the real command line; returns its messages."""
    images = folder.parent / "images"
    if not images.exists():
        paint(images, 6, seed=1)
    flags = {
        "model_name": folder.name,
        "weights_dir": folder.parent,
        "images": images,
        "val_images": images,
        "model_type": model_type,
        **TINY,
        "bitdepth": ",".join(map(str, TINY["bitdepth"])),
        "batch_size": 4,
        "steps_per_epoch": 2,
        "n_epochs": n_epochs,
    }
    return run(python, "-m", "pixace", "train", *(f"--{k}={v}" for k, v in flags.items()))


@functools.cache
def versions(python: str) -> str:
    """Returns what an interpreter has, or "" if something is missing."""
    code = (
        "import sys; from importlib.metadata import version; "
        "print(sys.version.split()[0], *map(version, ('trax', 'jax', 'numpy', 'tensorflow')))"
    )
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Callable[[str, str], Path]:
    """Returns the folder that an interpreter wrote for a type of model; it writes once.

    In it are `ours` and `trax`, each with a `model.pkl.gz`, and what the two say: `ours.npy` and
    `trax.npy`.
    """

    @functools.cache
    def write(python: str, model_type: str) -> Path:
        folder = tmp_path_factory.mktemp(model_type)
        train(python, folder / "ours", model_type, n_epochs=1)
        (folder / "trax").mkdir()
        names = [folder / name for name in ("ours/model.pkl.gz", "ours.npy")]
        names += [folder / name for name in ("trax/model.pkl.gz", "trax.npy")]
        run(python, "-c", PROGRAM, model_type, folder / "trax", *names)
        return folder

    return write


@pytest.mark.skipif(not OTHERS, reason=f"no other interpreters: list some in {VARIABLE}")
@pytest.mark.parametrize("model_type", ["transformer", "reformer"])
@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_a_model_moves_to_another_interpreter(written, tmp_path, writer, reader, model_type):
    """The same logits there, and training goes on from the same step."""
    for python in (writer, reader):
        if not versions(python):
            pytest.skip(f"{python} does not have trax, jax, numpy and tensorflow")
    print("written under", versions(writer), "and read under", versions(reader))
    source = written(writer, model_type)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("config.json", "model.pkl.gz"):
        (moved / name).write_bytes((source / "ours" / name).read_bytes())
    assert read_checkpoint(moved / "model.pkl.gz").step == 2
    # The pickle of the split form holds live JAX arrays.
    split = read_checkpoint(source / "trax" / "model.pkl.gz")
    assert split.step == STEPS
    assert len(split.slots or []) == 2 * len(split.weights)

    names = [moved / "model.pkl.gz", tmp_path / "ours.npy"]
    names += [source / "trax" / "model.pkl.gz", tmp_path / "trax.npy"]
    run(reader, "-c", PROGRAM, model_type, "", *names)
    for name in ("ours.npy", "trax.npy"):
        there, here = np.load(tmp_path / name), np.load(source / name)
        assert np.abs(here).max() > 0.1
        np.testing.assert_allclose(there, here, atol=1e-5)

    messages = train(reader, moved, model_type, n_epochs=2)
    assert f"going on from {moved / 'model.pkl.gz'}, step 2" in messages
    after = read_checkpoint(moved / "model.pkl.gz")
    assert after.step == 4
    assert len(after.slots or []) == 2 * len(after.weights)
