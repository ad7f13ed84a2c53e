"""The workflow of measuring: a stored model and a folder of images in, a likelihood out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixace.config import DEFAULT_WEIGHTS_DIR, require_int
from pixace.data import load_images
from pixace.folders import locate
from pixace.scoring import Likelihood, Scorer
from pixace.stored import StoredModel, open_model


class Evaluator:
    """A stored model, ready to measure folders of images; see `get_evaluator`."""

    def __init__(self, stored: StoredModel) -> None:
        self._stored = stored
        self._model = stored.build("eval", batch_size=1)
        self._scorer = Scorer(self._model)

    def evaluate(self, images: Path | str, batch_size: int = 8) -> Likelihood:
        """Measures the mean likelihood of all images of a folder.

        Args:
          images: the top folder.
          batch_size: pictures per pass; memory grows with it, the result does not change.

        Raises:
          ImageError: no image can be read there.
          UsageError: batch_size below 1.
        """
        require_int("batch_size", batch_size, 1)
        image_set = load_images(images, self._stored.config)
        likelihood = self._scorer.likelihood(self._model.weights, image_set.tokens, batch_size)
        assert likelihood is not None  # nothing asked it to stop
        return likelihood


def get_evaluator(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    **settings: Any,
) -> Evaluator:
    """Opens a stored model to measure images with it.

    Args:
      model_name: folder under weights_dir.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best".
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`;
        needed only where none are stored beside the weights.

    Raises:
      CheckpointError: no such model, or its file cannot be used.
      UsageError: a setting contradicts the stored one.
    """
    return Evaluator(open_model(locate(model_name, weights_dir, checkpoint), settings))
