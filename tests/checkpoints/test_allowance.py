"""How much of a checkpoint is read: enough for every model, and no more than it can need."""

import gzip
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import pixace
from pixace.checkpoints.allowance import bytes_needed, limits_of, most_weights
from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import read_checkpoint
from pixace.cli import main
from pixace.errors import CheckpointError, UsageError
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES

SMALL = {"model_type": "pointer", "image_size": 8, "d_model": 8, "d_ff": 8, "n_layers": 1}
DEFAULT = 450_000_000  # bytes


def config(**settings) -> ModelConfig:
    return ModelConfig.from_dict(settings)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_no_model_has_more_weights_than_are_allowed(model_type):
    of_model = config(
        **{"model_type": model_type, "d_model": 512, "d_ff": 16, "n_layers": 1, "image_size": 16},
        **{"colours": "grey:4", "caption_length": 256},
    )
    n_weights = sum(math.prod(array.shape) for array in weight_shapes(of_model))
    assert n_weights <= most_weights(of_model) <= 4 * n_weights + 2_000_000


def zeros(folder: Path, n_bytes: int) -> Path:
    """Writes a small file of one large array of zeros."""
    path = folder / "model.pkl.gz"
    contents = {"step": 3, "flat_weights": [np.zeros(n_bytes // 4, np.float32)]}
    path.write_bytes(gzip.compress(pickle.dumps(contents, 4), 1))
    return path


def test_a_file_may_be_as_large_as_the_settings_beside_it_need(tmp_path):
    path = zeros(tmp_path, 80_000_000)
    assert read_checkpoint(path).weights[0].nbytes == 80_000_000
    save_config(tmp_path, config(**SMALL))
    needed = bytes_needed(config(**SMALL))
    assert needed < 80_000_000
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: refused: it unpacks to more than the limit of {needed} bytes, all that "
        "config.json beside it can need; if you trust it, allow more with --max_checkpoint_mb"
    )


def test_the_user_can_allow_more_or_less(tmp_path, capsys):
    path = zeros(tmp_path, 80_000_000)
    save_config(tmp_path, config(**SMALL))
    with pixace.max_checkpoint_mb(90):
        assert read_checkpoint(path).step == 3
    with pytest.raises(CheckpointError, match="all that"):
        read_checkpoint(path)
    words = [f"--checkpoint={path}", "--max_checkpoint_mb=2", f"--out={tmp_path / 'a.png'}"]
    assert main(["predict", *words]) == 1
    assert "more than the limit of 2000000 bytes; if you trust it" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "1", True])
def test_what_is_no_size_is_refused(wrong):
    with pytest.raises(UsageError, match="max_checkpoint_mb"), pixace.max_checkpoint_mb(wrong):
        pass


def test_settings_alone_allow_no_more_than_is_allowed_without(tmp_path):
    path = tmp_path / "model.pkl.gz"
    assert limits_of(path).decompressed_bytes == DEFAULT
    huge = config(d_model=8192, d_ff=65536, n_layers=128)
    save_config(tmp_path, huge)
    path.write_bytes(b"")
    assert limits_of(path).decompressed_bytes == DEFAULT
    with path.open("wb") as file:
        file.truncate(4_000_000_000)  # takes no room
    assert limits_of(path).decompressed_bytes == 12_000_000_000 < bytes_needed(huge)


def test_settings_that_cannot_be_used_count_as_none(tmp_path):
    (tmp_path / "config.json").write_text("{")
    assert limits_of(tmp_path / "model.pkl.gz").decompressed_bytes == DEFAULT
