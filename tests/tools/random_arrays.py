"""Weights of no training: drawn by NumPy, which takes no compiling as a model's own start does."""

import numpy as np

from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig


def random_arrays(config: ModelConfig, spread: float = 0.3) -> list[np.ndarray]:
    """Larger than trax draws them, so that logits differ; in the order of `flat_weights`."""
    rng = np.random.default_rng(0)
    return [rng.normal(0, spread, array.shape).astype("f") for array in weight_shapes(config)]
