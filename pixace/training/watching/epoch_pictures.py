"""The pictures of an epoch: new ones, and validation pictures completed from their first half.

A model that knows words draws some more, for captions of validation pictures.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.dataset.batches import spread_rows
from pixace.dataset.cache import TokenRows
from pixace.dataset.captions import Captions
from pixace.drawing.completing import complete
from pixace.drawing.guidance import Guide
from pixace.drawing.sampler import Sampler
from pixace.insight.likelihood import Likelihood
from pixace.models.build import model_with_weights
from pixace.models.weights import flat_weights
from pixace.pictures.collage import collage
from pixace.pictures.labels import SAID_KEY, labelled
from pixace.settings.model import ModelConfig
from pixace.tokens.text import text_tokens
from pixace.tokens.tiles import token_rows
from pixace.training.watching.observer import Observer
from pixace.training.watching.summaries import Summaries

# TensorBoard scales a picture down to its card: more of them abreast would be too small to see.
_ABREAST = 4
N_PICTURES = 2 * _ABREAST  # drawn after each epoch; completed are half as many, twice each
_TILE = 128  # pixels of one of them


class EpochPictures(Observer):
    """Draws the pictures of one epoch after another, with the same noise every time.

    Args:
      config: the model's settings.
      val_tokens: unsigned integers (N, L), of which some are completed.
      seed: of the noise.
      summaries: where the pictures are shown and kept.
      preview: is given the new pictures of each epoch, in their own size, side by side; and so
        those for captions, whose words are in `info[SAID_KEY]`, a list for each row.
      captions: of the N pictures, of which some are drawn; None for a model that knows no words.
    """

    def __init__(
        self,
        config: ModelConfig,
        val_tokens: TokenRows,
        seed: int,
        summaries: Summaries,
        preview: Callable[[Image.Image], None] | None = None,
        captions: Captions | None = None,
    ) -> None:
        self._config = config
        self._originals = spread_rows(val_tokens, _ABREAST).astype(np.int32)
        self._seed = seed
        self._summaries = summaries
        self._preview = preview
        self._sampler: Sampler | None = None
        texts = [] if captions is None else captions.different(N_PICTURES)
        self._texts = list(itertools.islice(itertools.cycle(texts), N_PICTURES))
        self._makers = {
            "samples": self._samples,
            "completions": self._completions,
            "captioned": self._captioned,
        }
        # Pictures may be without captions though the model knows words.
        self._kinds = [kind for kind in self._makers if self._texts or kind != "captioned"]

    def is_done(self, step: int) -> bool:
        """Returns whether the pictures of the epoch that ended at `step` are all there."""
        return all(self._path(name, step).exists() for name in self._kinds)

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Removes pictures of that step, which a training that went back has left behind.

        Before the state is saved: from then on, pictures say that they are drawn.
        """
        for name in self._makers:
            # One that cannot be removed cannot be replaced either, and drawing will say so.
            with contextlib.suppress(OSError):
                self._path(name, step).unlink(missing_ok=True)

    def on_epoch(self, step: int, weights: Any, stop: Callable[[], bool]) -> None:
        """Draws those pictures of an epoch that are not there yet.

        Args:
          step: at which the epoch ended.
          weights: of the model at that step.
          stop: asked after each pixel; once it says yes, the picture under way is given up.

        Raises:
          ImageError: a picture cannot be written.
        """
        for name in self._kinds:
            if self._path(name, step).exists():
                continue
            picture = self._makers[name](weights, stop)
            if picture is None:
                return
            self._summaries.picture(name, picture, step)

    def _path(self, name: str, step: int) -> Path:
        return self._summaries.picture_path(name, step)

    def _samples(self, weights: Any, stop: Callable[[], bool]) -> Image.Image | None:
        """Returns new pictures in two rows."""
        drawn = self._complete(None, weights, stop)
        if drawn is None:
            return None
        rows = [drawn[:_ABREAST], drawn[_ABREAST:]]
        self._show(rows)
        return self._sheet(rows, _TILE)

    def _completions(self, weights: Any, stop: Callable[[], bool]) -> Image.Image | None:
        """Returns a row of validation pictures, one of their first halves, two of completions."""
        prompt = self._originals[:, : self._config.n_pixels // 2]
        completed = self._complete(np.concatenate([prompt, prompt]), weights, stop)
        if completed is None:
            return None
        rows = [self._originals, prompt, completed[:_ABREAST], completed[_ABREAST:]]
        return self._sheet(rows, _TILE)

    def _captioned(self, weights: Any, stop: Callable[[], bool]) -> Image.Image | None:
        """Returns new pictures in two rows, with the words below each that it is drawn for."""
        captions = text_tokens(self._texts, self._config.caption_length or 0)
        guide = Guide(captions[:, None], np.zeros((N_PICTURES, 1), np.float32))
        drawn = self._complete(None, weights, stop, guide)
        if drawn is None:
            return None
        rows = [drawn[:_ABREAST], drawn[_ABREAST:]]
        said = [self._texts[:_ABREAST], self._texts[_ABREAST:]]
        self._show(rows, said)
        return labelled(self._sheet(rows, _TILE), said)

    def _show(self, rows: Sequence[np.ndarray], said: Sequence[Sequence[str]] = ()) -> None:
        """Shows new pictures to whom it interests, with the words of each row in `info`."""
        if self._preview is not None:  # in natural size, a pixel's border on either side
            sheet = self._sheet(rows, max(self._config.pictures.size) + 2)
            sheet.info[SAID_KEY] = said
            self._preview(sheet)

    def _sheet(self, rows: Sequence[np.ndarray], tile: int) -> Image.Image:
        """Returns rows of _ABREAST pictures each, given as tokens."""
        columns = token_rows(rows, self._config.pictures)
        return collage([list(row) for row in zip(*columns, strict=True)], tile)

    def _complete(
        self,
        prompt: np.ndarray | None,
        weights: Any,
        stop: Callable[[], bool],
        guide: Guide | None = None,
    ) -> np.ndarray | None:
        """Returns N_PICTURES whole token sequences, or None if told to stop meanwhile."""
        sampler = self._sampler_with(weights)
        states = complete(
            sampler,
            prompt,
            self._config.n_pixels,
            temperatures=[1.0] * N_PICTURES,
            seed=self._seed,
            guide=guide,
        )
        drawn = next(states)
        for drawn in states:  # noqa: B007 (the last one counts)
            if stop():
                return None
        return drawn.tokens

    def _sampler_with(self, weights: Any) -> Sampler:
        """Returns the model in mode predict, which is not made before it is first needed."""
        if self._sampler is None:
            arrays = flat_weights(weights)
            model = model_with_weights(self._config, "predict", arrays, N_PICTURES)
            self._sampler = Sampler(model, N_PICTURES)
        else:
            self._sampler.set_weights(weights)
        return self._sampler
