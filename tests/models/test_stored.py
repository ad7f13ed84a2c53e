"""Stored models: whose settings count, and what a stranger's may not do."""

import subprocess
import sys

import numpy as np
import pytest

from pixace.checkpoints.config_file import load_config, save_config
from pixace.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from pixace.errors import CheckpointError, UsageError
from pixace.models.stored import open_model
from pixace.settings.model import ModelConfig
from tests.tools.places import ROOT


def test_settings_inside_serve_where_none_lie_beside(weights_dir, tmp_path):
    folder = weights_dir / "reformer"
    moved = tmp_path / "moved.pkl.gz"
    moved.write_bytes((folder / "model.pkl.gz").read_bytes())
    assert open_model(moved, {}).config == load_config(folder)


def test_settings_beside_must_not_contradict_those_inside(weights_dir, tmp_path):
    """The same shapes, other colours."""
    folder = weights_dir / "reformer"
    (tmp_path / "model.pkl.gz").write_bytes((folder / "model.pkl.gz").read_bytes())
    other = {**load_config(folder).to_dict(), "bitdepth": (1, 2, 2)}
    save_config(tmp_path, ModelConfig.from_dict(other))
    with pytest.raises(UsageError, match="bitdepth=1,2,2 contradicts bitdepth=2,1,2"):
        open_model(tmp_path / "model.pkl.gz", {})


@pytest.mark.slow
def test_settings_of_a_giant_take_no_memory(tmp_path):
    giant = ModelConfig(
        "transformer", 64, d_model=8192, d_ff=65536, n_layers=24, n_heads=64
    ).to_dict()
    path = tmp_path / "giant.pkl.gz"
    write_checkpoint(path, Checkpoint(1, [np.zeros(3, np.float32)], progress={"config": giant}), {})
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from pixace.models.stored import open_model\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    open_model(Path(sys.argv[1]), {})\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, 'MiB')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    message, grown = done.stdout.splitlines()
    assert message.startswith(f"CheckpointError {path}: 1 weights in the file"), done.stderr
    assert int(grown.split()[0]) < 300


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_weights_that_are_no_numbers_are_refused(weights_dir, tmp_path, number):
    stored = read_checkpoint(weights_dir / "reformer" / "model.pkl.gz")
    stored.weights[2] = stored.weights[2].astype(np.float64)
    stored.weights[2].flat[1] = number
    write_checkpoint(tmp_path / "m.pkl.gz", stored, {})
    with pytest.raises(CheckpointError, match=r"weight 3 of \d+ holds numbers that are not finite"):
        open_model(tmp_path / "m.pkl.gz", {})
