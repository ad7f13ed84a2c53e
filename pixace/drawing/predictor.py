"""The workflow of drawing: a stored model and prompts in, pictures out."""

from __future__ import annotations

import dataclasses
import logging
import math
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.checkpoints.folder import locate
from pixace.drawing.batching import bytes_per_row, rows_per_batch
from pixace.drawing.drawn import Drawing
from pixace.drawing.recipe import Recipe, nameable
from pixace.drawing.sampler import Sampler, complete
from pixace.errors import UsageError
from pixace.models.stored import StoredModel, open_model
from pixace.pictures.reading import open_image
from pixace.settings.checks import MAX_SEED, require_path
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.system.files import file_sha256
from pixace.tokens import image_to_tokens

_log = logging.getLogger(__name__)

Prompt = Path | str | Image.Image
Progress = Callable[[int, int], None]  # pixels drawn of each picture, pixels to draw, all batches


class Predictor:
    """A stored model, ready to draw; see `get_predictor`.

    Args:
      stored: the model.
      model_name: what recipes call it; None if only its file was named.
    """

    def __init__(self, stored: StoredModel, model_name: str | None = None) -> None:
        self._stored = stored
        self._model_name = model_name
        self._sha256 = file_sha256(stored.path)
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
        best_of: int = 1,
        allow_private_urls: bool = False,
        progress: Progress | None = None,
    ) -> Image.Image:
        """Returns the collage of what `draw` draws with these arguments.

        It has a row per picture. With prompts the columns are: the quantised prompt, the prompt
        cut off, then one per temperature; without, one per temperature. Its `info["pixace"]` is
        the text of the recipe.

        Raises:
          UsageError: an argument out of range.
          ImageError: a prompt that cannot be read.
        """
        return self.draw(
            batch_size,
            prompts,
            cut,
            temperature,
            scale,
            seed=seed,
            top_k=top_k,
            top_p=top_p,
            best_of=best_of,
            allow_private_urls=allow_private_urls,
            progress=progress,
        ).collage()

    def draw(
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
        best_of: int = 1,
        prompt_names: Sequence[str | None] | None = None,
        allow_private_urls: bool = False,
        progress: Progress | None = None,
    ) -> Drawing:
        """Draws new pictures, or completes prompts.

        The noise of a picture depends on the seed, its row, its column and its number among the
        candidates alone. More than fit into memory at once are drawn in several batches.

        Args:
          batch_size: pictures to draw without prompts.
          prompts: a file, URL or picture to complete, or several; one row each.
          cut: prompt pixels to keep, row by row from the top left; half of them by default.
          temperature: one number or several, one column each; 0 takes the likeliest pixel, 1
            samples from the model's own distribution.
          scale: edge of one tile of the collage in pixels.
          seed: of the noise; the same seed draws the same picture. None logs a new one.
          top_k: draw only from the k likeliest colours; 0 means all.
          top_p: draw only from the fewest colours that hold this share of the probability.
          best_of: candidates for each tile, of which the likeliest is kept.
          prompt_names: what the recipe calls the prompts; by default files and URLs as given.
          allow_private_urls: fetch prompts also from this machine and its own network.
          progress: called after each pixel.

        Raises:
          UsageError: an argument out of range.
          ImageError: a prompt that cannot be read.
        """
        several = isinstance(temperature, Sequence | np.ndarray) and np.ndim(temperature) == 1
        temperatures: Any = temperature if several else [temperature]
        settings = DrawingSettings(
            batch_size, cut, tuple(temperatures), scale, seed, top_k, top_p, best_of
        )
        if prompts is not None and not isinstance(prompts, list | tuple):
            prompts = [prompts]  # type: ignore[list-item]
        for prompt in prompts or ():
            if not isinstance(prompt, Image.Image):
                require_path("prompts", prompt)
        originals, n_kept = None, 0
        if prompts:
            n_kept = settings.kept_pixels(self.config.n_pixels)
            originals = self._tokenise(prompts, allow_private_urls)
        elif cut is not None:
            raise UsageError("cut needs a prompt to keep pixels of")
        if seed is None:
            settings = dataclasses.replace(settings, seed=secrets.randbelow(MAX_SEED))
            _log.info("seed %d", settings.seed)
        kept = None if originals is None else originals[:, :n_kept]
        tokens, log_likelihood = self._draw(settings, kept, progress)
        recipe = Recipe(
            model_name=self._model_name,
            checkpoint=self._stored.path.name,
            sha256=self._sha256,
            step=self._stored.step,
            config=self.config,
            drawing=settings,
            prompts=nameable(prompts or () if prompt_names is None else prompt_names),
        )
        columns = tuple(np.moveaxis(tokens, 1, 0))
        return Drawing(columns, log_likelihood, originals, n_kept, recipe)

    def _tokenise(self, prompts: Sequence[Prompt], allow_private_urls: bool) -> np.ndarray:
        """Returns the prompts as int32 tokens (N, L)."""
        config = self.config
        pictures = (
            prompt
            if isinstance(prompt, Image.Image)
            else open_image(
                prompt,
                config.background,
                size=config.image_size,
                allow_private_urls=allow_private_urls,
            )
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
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws the likeliest of the candidates for every tile.

        Args:
          settings: how to draw.
          prompt: int32 tokens (N, T) that come first, or None.
          progress: called after each pixel.

        Returns:
          int32 tokens (N, C, L), and ln p of what was drawn of them, float64 (N, C).
        """
        length, temperatures = self.config.n_pixels, np.array(settings.temperature)
        n_rows, n_kept = (settings.batch_size, 0) if prompt is None else prompt.shape
        tokens = np.zeros((n_rows, len(temperatures), length), np.int32)
        best = np.zeros(tokens.shape[:2])
        if prompt is not None:
            tokens[..., :n_kept] = prompt[:, None]
        if n_kept == length:
            return tokens, best
        assert settings.seed is not None  # `draw` has chosen one
        # All candidates of a tile come after one another.
        shape = (*best.shape, settings.best_of)
        total = math.prod(shape)
        size = self._batch_size(total, n_kept)
        sampler = self._sampler(size, settings.top_k, settings.top_p)
        n_steps = length - n_kept  # of each batch
        for start in range(0, total, size):
            # Every batch has one size, as another would be compiled anew: the last picture is
            # repeated to fill it.
            pictures = np.minimum(start + np.arange(size), total - 1)
            places = np.stack(np.unravel_index(pictures, shape), axis=1)
            states = complete(
                sampler,
                None if prompt is None else prompt[places[:, 0]],
                length,
                temperatures=temperatures[places[:, 1]],
                seed=settings.seed,
                picture_ids=places,
            )
            for drawn in states:
                if progress is not None:
                    done = start // size * n_steps + drawn.tokens.shape[1] - n_kept
                    progress(done, math.ceil(total / size) * n_steps)
            for (row, column, candidate), picture, nats in zip(
                places[: total - start], drawn.tokens, drawn.log_likelihood, strict=False
            ):
                if candidate == 0 or nats > best[row, column]:
                    tokens[row, column], best[row, column] = picture, nats
        return tokens, best

    def _batch_size(self, n_pictures: int, n_kept: int) -> int:
        """Returns how many rows to draw at a time."""
        if n_pictures == 1:  # which spares a tracing of the model
            return 1
        return rows_per_batch(n_pictures, bytes_per_row(self.config, n_kept))

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
    path = locate(model_name, weights_dir, checkpoint)
    return Predictor(open_model(path, settings), model_name)
