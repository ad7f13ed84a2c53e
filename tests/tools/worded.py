"""Tiny models that know words without having been trained: their weights are random."""

from pathlib import Path

import numpy as np

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.words import WordsRecord
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig
from tests.tools.tiny import TINY, tiny_sizes

CAPTIONS = ["a red heart", "a blue heart", "red frog", "frog"]
WORDS = WordsRecord.of(["frog", "heart", "hearth", "house"], CAPTIONS)


def write_worded(
    weights_dir: Path, model_type: str, name: str | None = None, scan: str = "rows"
) -> None:
    """Writes the checkpoint of a model, called like its type unless named, and its settings."""
    shape = {**{name: TINY[name] for name in ("image_size", "bitdepth")}, "scan": scan}
    config = ModelConfig(model_type, caption_length=12, **shape, **tiny_sizes(model_type))
    # Larger than trax draws them, or words would hardly change a picture.
    rng = np.random.default_rng(0)
    shapes = [array.shape for array in weight_shapes(config)]
    weights = [
        rng.normal(0, 0.7, shape).astype("f") if len(shape) > 1 else np.ones(shape, "f")
        for shape in shapes
    ]
    folder = weights_dir / (name or model_type)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(3, weights, resume=ResumeState(config=config, words=WORDS))
    write_checkpoint(folder / "model.pkl.gz", checkpoint, {})
    save_config(folder, config)
