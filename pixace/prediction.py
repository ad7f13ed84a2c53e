"""The workflow of drawing: a stored model and prompts in, a collage out."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.collage import collage, token_rows
from pixace.config import DEFAULT_WEIGHTS_DIR, MAX_SEED, DrawingSettings, ModelConfig
from pixace.errors import UsageError
from pixace.folders import locate
from pixace.images import open_image
from pixace.sampling import Sampler, complete
from pixace.stored import StoredModel, open_model
from pixace.tokens import image_to_tokens

_log = logging.getLogger(__name__)

_ROWS = 1 << 20  # more than a collage can have

Prompt = Path | str | Image.Image
Progress = Callable[[int, int], None]  # pixels drawn, pixels to draw


class Predictor:
    """A stored model, ready to draw; see `get_predictor`."""

    def __init__(self, stored: StoredModel) -> None:
        self._stored = stored
        self._samplers: dict[tuple[int, int, float], Sampler] = {}

    @property
    def config(self) -> ModelConfig:
        """The model's settings."""
        return self._stored.config

    def predict(
        self,
        batch_size: int = 1,
        prompts: Prompt | Sequence[Prompt] | None = None,
        cut: int | None = None,
        temperature: float | Sequence[float] = 1.0,
        scale: int = 256,
        *,
        seed: int | None = None,
        top_k: int = 0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> Image.Image:
        """Draws new pictures, or completes prompts.

        Args:
          batch_size: pictures to draw without prompts.
          prompts: a file, URL or picture to complete, or several; one row of the collage each.
          cut: prompt pixels to keep, row by row from the top left; half of them by default.
          temperature: one number or several, one column each; 0 takes the likeliest pixel, 1
            samples from the model's own distribution.
          scale: edge of one tile in pixels.
          seed: of the noise; the same seed draws the same picture. None logs a new one.
          top_k: draw only from the k likeliest colours; 0 means all.
          top_p: draw only from the fewest colours that hold this share of the probability.
          progress: called after each pixel.

        Returns:
          A row per picture. With prompts the columns are: the quantised prompt, the prompt cut
          off, then one per temperature; without, one per temperature.

        Raises:
          UsageError: an argument out of range.
          ImageError: a prompt that cannot be read.
        """
        temperatures = (
            (temperature,) if isinstance(temperature, int | float) else tuple(temperature)
        )
        settings = DrawingSettings(batch_size, cut, temperatures, scale, seed, top_k, top_p)
        n_pixels = self.config.n_pixels
        if isinstance(prompts, Path | str | Image.Image):
            prompts = [prompts]
        originals = prompt = None
        if prompts:
            kept = settings.kept_pixels(n_pixels)
            originals = self._tokenise(prompts)
            prompt = originals[:, :kept]
        elif cut is not None:
            raise UsageError("cut needs a prompt to keep pixels of")
        columns = self._draw(settings, prompt, progress)
        if originals is not None and prompt is not None:
            columns = [originals, prompt, *columns]
        return collage(token_rows(columns, self.config.bitdepth, n_pixels), scale)

    def _tokenise(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Returns the prompts as int32 tokens (N, L)."""
        config = self.config
        pictures = (
            prompt if isinstance(prompt, Image.Image) else open_image(prompt, config.background)
            for prompt in prompts
        )
        return np.stack(
            [
                image_to_tokens(picture, config.image_size, config.bitdepth, config.background)
                for picture in pictures
            ]
        )

    def _draw(
        self, settings: DrawingSettings, prompt: np.ndarray | None, progress: Progress | None
    ) -> list[np.ndarray]:
        """Draws every row at every temperature in one batch.

        Args:
          settings: how to draw.
          prompt: int32 tokens (n_rows, T) that come first, or None.
          progress: called after each pixel.

        Returns:
          One array of int32 tokens (n_rows, L) for each temperature.
        """
        length, n_columns = self.config.n_pixels, len(settings.temperature)
        n_rows, start = (settings.batch_size, 0) if prompt is None else prompt.shape
        if prompt is not None:
            prompt = np.repeat(prompt, n_columns, axis=0)
            if start == length:
                return [prompt[column::n_columns] for column in range(n_columns)]
        states = complete(
            self._sampler(n_rows * n_columns, settings.top_k, settings.top_p),
            prompt,
            length,
            temperatures=np.tile(settings.temperature, n_rows),
            seed=self._seed(settings),
            # Neither the number of rows nor that of columns changes what a tile shows.
            picture_ids=[
                row + column * _ROWS for row in range(n_rows) for column in range(n_columns)
            ],
        )
        for rows in states:
            if progress is not None:
                progress(rows.shape[1] - start, length - start)
        return [rows[column::n_columns] for column in range(n_columns)]

    def _seed(self, settings: DrawingSettings) -> int:
        """Returns the seed named, or a new one, which is logged so that it can be named later."""
        if settings.seed is not None:
            return settings.seed
        seed = secrets.randbelow(MAX_SEED)
        _log.info("seed %d", seed)
        return seed

    def _sampler(self, batch_size: int, top_k: int, top_p: float) -> Sampler:
        """Returns the sampler of this shape, built on first use."""
        key = (batch_size, top_k, top_p)
        if key not in self._samplers:
            model = self._stored.build("predict", batch_size)
            self._samplers[key] = Sampler(model, batch_size, top_k, top_p)
        return self._samplers[key]


def get_predictor(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    **settings: Any,
) -> Predictor:
    """Opens a stored model to draw with it.

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
    return Predictor(open_model(locate(model_name, weights_dir, checkpoint), settings))
