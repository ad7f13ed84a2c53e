"""Trains a tiny model in plain trax's own `Loop`, which writes its own, split checkpoint."""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.config import ModelConfig
from pixace.models import build_model
from pixace.trax_compat import trax
from tests.tiny import TINY

STEPS = 3


class Written(NamedTuple):
    """A folder that trax wrote, and what it held in memory then.

    Attributes:
        folder: with the files of step `STEPS`.
        settings: of the model.
        loop: trax's.
        tokens: of four pictures.
        logits: what the trained model says to these.
    """

    folder: Path
    settings: dict[str, Any]
    loop: Any
    tokens: np.ndarray
    logits: np.ndarray


def train_in_trax(folder: Path, model_type: str) -> Written:
    """Trains, and saves once, at the last step."""
    training = trax.supervised.training
    settings = {"model_type": model_type, **TINY}
    config = ModelConfig(**settings)
    tokens = np.random.default_rng(0).integers(2, 30, (4, config.n_pixels)).astype(np.int32)
    batches = itertools.repeat((tokens, tokens, np.ones(tokens.shape, np.float32)))
    loss = trax.layers.WeightedCategoryCrossEntropy()
    loop = training.Loop(
        build_model(config, "train", 0.1),
        training.TrainTask(batches, loss, trax.optimizers.Adam(0.01)),
        eval_model=build_model(config, "eval"),
        output_dir=str(folder),
        checkpoint_at=lambda step: step == STEPS,
    )
    loop.run(STEPS)
    logits = np.asarray(loop.eval_model(tokens))
    return Written(folder, settings, loop, tokens, logits)
