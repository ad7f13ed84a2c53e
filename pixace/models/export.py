"""A stored model written as a file for programs other than pixace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import locate
from pixace.checkpoints.safetensors_file import (
    checked_output,
    require_safetensors,
    write_safetensors,
)
from pixace.models.stored import open_model
from pixace.settings.training import DEFAULT_WEIGHTS_DIR


def export_model(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    out: Path | str | None = None,
    **settings: Any,
) -> Path:
    """Writes a model as a .safetensors file: does what `pixace export` does.

    Its weights are in the file, its settings and the words that it knows in the header; the
    optimiser and the curves are not. `checkpoint` may name the file wherever a model is read.

    Args:
      model_name: folder under weights_dir.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best".
      out: the file to write, replaced if there is one; by default NAME.safetensors.
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`;
        needed only where none are stored beside the weights.

    Returns:
      The file's path.

    Raises:
      UsageError: a name that will not do, or is that of the file to read; or a setting that
        contradicts the stored one.
      CheckpointError: no such model, or its file cannot be used; or the new one not be written.
      PixaceError: the library safetensors is not installed.
    """
    weights = locate(model_name, weights_dir, checkpoint)
    path = checked_output(out, model_name, weights)
    require_safetensors()
    stored = read_checkpoint(weights)
    model = open_model(weights, settings, stored)  # finds out whether the weights fit the settings
    write_safetensors(path, stored.weights, model.config, model.words, model.step)
    return path
