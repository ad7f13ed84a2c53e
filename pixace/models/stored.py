"""A stored model: weights from a file, with the settings that give them a shape."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pixace.backend.door import computing, jax
from pixace.backend.types import Layer, Mode
from pixace.checkpoints.file import Checkpoint, read_checkpoint, stored_config
from pixace.checkpoints.fitting import fit_arrays
from pixace.checkpoints.words import WordsRecord
from pixace.models.build import model_with_weights, weight_shapes
from pixace.settings.model import ModelConfig, resolve_config
from pixace.tokens.palette_names import with_palette

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class StoredModel:
    """Weights from a file, with the settings that give them a shape.

    Attributes:
      config: the settings.
      weights: arrays that fit the model of these settings, in trax's flat order.
      step: training steps behind them.
      path: the file they came from.
      words: that the model was taught.
      is_rolled: whether it was last trained on rolled pictures, as far as the file tells.
    """

    config: ModelConfig
    weights: list[np.ndarray]
    step: int
    path: Path
    words: WordsRecord
    is_rolled: bool = False

    @computing()
    def build(self, mode: Mode, batch_size: int) -> Layer:
        """Returns the model in a mode, with these weights and state for `batch_size` rows."""
        device = jax.devices()[0].device_kind
        _log.debug("building a model for %s, %d rows, on %s", mode, batch_size, device)
        return model_with_weights(self.config, mode, self.weights, batch_size)


@computing()
def open_model(
    path: Path, settings: Mapping[str, Any], stored: Checkpoint | None = None
) -> StoredModel:
    """Reads and checks a stored model.

    Args:
      path: the checkpoint; the settings beside it, or else inside it, are used where there are any.
      settings: settings the user named; None means "not named".
      stored: the checkpoint's contents, where they have been read already.

    Raises:
      CheckpointError: the file cannot be used.
      UsageError: a setting contradicts the stored one, or a palette's file cannot be read.
    """
    stored = stored or read_checkpoint(path)
    named = with_palette(settings)
    config = resolve_config(stored_config(path, stored), named, source=path.parent)
    # Before a model of that size is made: the settings may be a stranger's too.
    weights = fit_arrays(stored.weights, weight_shapes(config), path, config)
    resume = stored.resume
    is_rolled = resume.settings.get("roll") == str(True)
    return StoredModel(config, weights, stored.step, path, resume.words, is_rolled)
