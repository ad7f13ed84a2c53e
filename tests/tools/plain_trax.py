"""What trax does alone: its models, without layers of ours, and its `Loop`, which writes files."""

import functools
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.backend.door import trax
from pixace.settings.model import ModelConfig
from pixace.tokens.vocabulary import token_count
from tests.tools.tiny import TINY

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


def plain_model(config: ModelConfig, mode: str, dropout: float = 0.0) -> Any:
    """Builds the model of these settings as the reference did, of trax's own layers."""
    sizes = {
        "d_model": config.d_model,
        "d_ff": config.d_ff,
        "n_layers": config.n_layers,
        "n_heads": config.n_heads,
        "max_len": config.n_pixels,
        "dropout": dropout,
        "mode": mode,
    }
    if config.model_type == "transformer":
        return trax.models.TransformerLM(token_count(config.bitdepth), **sizes)
    return trax.models.ReformerLM(
        token_count(config.bitdepth),
        d_attention_key=config.d_model // config.n_heads,
        d_attention_value=config.d_model // config.n_heads,
        attention_type=functools.partial(
            trax.layers.SelfAttention,
            predict_mem_len=config.n_pixels + 1,  # in mode predict: it remembers all
            predict_drop_len=config.n_pixels + 1,
        ),
        **sizes,
    )


def train_in_trax(folder: Path, model_type: str) -> Written:
    """Trains a tiny model, and saves once, at the last step: a checkpoint in split files."""
    training = trax.supervised.training
    settings = {"model_type": model_type, **TINY}
    config = ModelConfig(**settings)
    tokens = np.random.default_rng(0).integers(2, 30, (4, config.n_pixels)).astype(np.int32)
    batches = itertools.repeat((tokens, tokens, np.ones(tokens.shape, np.float32)))
    loss = trax.layers.WeightedCategoryCrossEntropy()
    loop = training.Loop(
        plain_model(config, "train", 0.1),
        training.TrainTask(batches, loss, trax.optimizers.Adam(0.01)),
        eval_model=plain_model(config, "eval"),
        output_dir=str(folder),
        checkpoint_at=lambda step: step == STEPS,
    )
    loop.run(STEPS)
    logits = np.asarray(loop.eval_model(tokens))
    return Written(folder, settings, loop, tokens, logits)
