"""A stored model and prompts in, pictures out."""

from __future__ import annotations

import dataclasses
import functools
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.backend.door import each_computing
from pixace.checkpoints.folder import locate
from pixace.drawing.batching import batch_size_for
from pixace.drawing.canvas import EMPTY, Canvas, followed, open_canvas
from pixace.drawing.drawn import Drawing
from pixace.drawing.guidance import words_of
from pixace.drawing.known_words import check_known
from pixace.drawing.layout import is_grid_usual
from pixace.drawing.meanings import check_quality, with_meanings
from pixace.drawing.opening import open_to_draw
from pixace.drawing.particles import FREE
from pixace.drawing.prompts import Prompt, PromptSource, kept_of_all, listed, open_prompts
from pixace.drawing.pull import Pull
from pixace.drawing.recipe import Recipe, with_names
from pixace.drawing.region import Mask, has_islands, kept_of_prompts, open_mask
from pixace.drawing.samplers import Samplers
from pixace.drawing.seams import SeamJudge
from pixace.drawing.signature import with_signature_of
from pixace.drawing.stream import (
    BestPictures,
    DrawingStep,
    drawing_steps,
    finished,
    known_pixels,
    whole_prompts,
)
from pixace.drawing.sweeping import frame_steps
from pixace.drawing.symmetry import copied_places, with_mirrored
from pixace.drawing.used_files import PictureSource
from pixace.errors import UsageError
from pixace.models.stored import StoredModel
from pixace.settings.checks import MAX_SEED
from pixace.settings.drawing import NONE, DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.scans import drawn_pictures
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.system.files import file_sha256

_log = logging.getLogger(__name__)

_PARTICLES = 16  # where kept pixels come after drawn ones, and no number is named

Progress = Callable[[int, int], None]  # pixels drawn of each picture, pixels to draw, all batches


class Predictor:
    """A stored model, ready to draw; see `get_predictor`.

    Args:
      stored: the model.
      model_name: what recipes call it; None if only its file was named.
      drafts: whether to guess pixels, and to draw as many in a call of the model as are guessed
        right: the same pictures, usually sooner.
    """

    def __init__(
        self, stored: StoredModel, model_name: str | None = None, drafts: bool = True
    ) -> None:
        self._stored = stored
        self._model_name = model_name
        self._sha256 = file_sha256(stored.path)
        self._samplers = Samplers(stored, drafts)

    @property
    def config(self) -> ModelConfig:
        """The model's settings."""
        return self._stored.config

    def draw(
        self,
        batch_size: int = 1,
        prompts: PromptSource | Sequence[PromptSource] | None = None,
        cut: int | None = None,
        temperature: float | Sequence[float] = 1.0,
        scale: int | str = 256,
        *,
        mask: PictureSource | None = None,
        init: PictureSource | None = None,
        overlay: PictureSource | None = None,
        allow_private_urls: bool = False,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Drawing:
        """Draws new pictures, or completes prompts.

        The noise of a picture depends on the seed, its row, its column and its number among the
        candidates alone. More than fit into memory at once are drawn in several batches.

        Args:
          batch_size: pictures to draw without prompts.
          prompts: a file, URL or picture to complete, or several; one row each.
          cut: prompt pixels to keep, the first ones that the model draws; half of them by default.
          temperature: one number or several, one column each; 0 takes the likeliest pixel, 1
            samples from the model's own distribution.
          scale: edge of one tile of the collage in pixels; or such as "4x": each pixel so often,
            exactly, without borders.
          mask: which parts of the prompts to draw, in the place of `cut`: a file or a picture,
            white or transparent there, and black where they are kept.
          init: a rough sketch to follow, a file or a picture, as much as `init_strength` says.
          overlay: what to keep over prompts, or without: the opaque pixels of a file or a picture.
          allow_private_urls: fetch prompts also from this machine and its own network.
          progress: called after each pixel.
          **settings: the other fields of `DrawingSettings`, such as `text` or `best_of`; `text`,
            `class_name` and `guidance` are one value or several, `palette` may be a file of one, or
            a name such as "pico-8", and `seed` words. Or a `quality`, one of `QUALITIES`.

        Raises:
          UsageError: a setting is unknown or out of range, a palette cannot be read, or there are
            words for a model that knows none, or no such class.
          ImageError: a prompt or another picture that cannot be read.
        """
        named = DrawingSettings.of(
            **with_meanings(settings),
            batch_size=batch_size,
            cut=cut,
            temperature=temperature,
            scale=scale,
        )
        sources = listed(prompts)
        pictures = dataclasses.replace(drawn_pictures(self.config, named), unscale=named.unscale)
        where = None if mask is None else open_mask(mask, pictures)
        canvas = open_canvas(init, overlay, pictures)
        kept = kept_of_prompts(named, pictures, len(sources), where, canvas.overlay)
        check_quality(settings, named, kept)
        opened = open_prompts(sources, pictures, kept, allow_private_urls=allow_private_urls)
        return self.draw_as(named, opened, progress, mask=where, canvas=canvas)

    @with_signature_of(draw)
    def predict(self, *arguments: Any, **options: Any) -> Image.Image:
        """Returns the collage of what `draw` draws with these arguments.

        It has a row per picture. With prompts the columns are: the quantised prompt, the prompt
        cut off, then one per temperature; without, one per temperature, and of more than eight rows
        some are side by side, so that it is about square. Its `info["pixace"]` is
        the text of the recipe.

        Raises:
          UsageError: an argument out of range.
          ImageError: a prompt that cannot be read.
        """
        return self.draw(*arguments, **options).collage()

    def draw_as(
        self,
        settings: DrawingSettings,
        prompts: Sequence[Prompt] = (),
        progress: Progress | None = None,
        tile: tuple[int, int] | None = None,
        *,
        mask: Mask | None = None,
        canvas: Canvas = EMPTY,
        is_grid: bool | None = None,
    ) -> Drawing:
        """Draws what `draw` does, from checked settings and prompts that are open already.

        Args:
          settings: how to draw.
          prompts: what to complete, a row each; none draws `batch_size` new pictures.
          progress: called after each pixel.
          tile: see `Recipe.tile`; None draws all pictures.
          mask: what to draw of the prompts; None is what `settings` say.
          canvas: what to follow and to keep in every picture.
          is_grid: see `Recipe.is_grid`; None decides as for a new drawing.

        Raises:
          UsageError: prompts that do not fit the model, or do not keep what mask or settings say;
            or words that the model does not know.
        """
        steps = self.stream(settings, prompts, tile, mask=mask, canvas=canvas, is_grid=is_grid)
        return finished(steps, progress)

    def stream(
        self,
        settings: DrawingSettings,
        prompts: Sequence[Prompt] = (),
        tile: tuple[int, int] | None = None,
        *,
        mask: Mask | None = None,
        canvas: Canvas = EMPTY,
        is_grid: bool | None = None,
    ) -> Iterator[DrawingStep]:
        """Draws as `draw_as` does, and yields the unfinished pictures after each pixel.

        Pictures come in batches, one batch after the other: the first step of each shows what is
        kept of the prompts, the last one whole pictures. Where all is kept there is one step.

        Args:
          settings: see `draw_as`.
          prompts: see `draw_as`.
          tile: see `draw_as`.
          mask: see `draw_as`.
          canvas: see `draw_as`.
          is_grid: see `draw_as`.

        Raises:
          UsageError: see `draw_as`.
        """
        check_known(settings, self.config, self._stored.words)
        settings, canvas = followed(settings, canvas)
        overlay = canvas.overlay
        ordered = drawn_pictures(self.config, settings)
        wanted = kept_of_prompts(settings, ordered, len(prompts), mask, overlay)
        kept = kept_of_all(prompts, self.config.n_pixels)
        if prompts and (kept != wanted).any():  # the recipe would say something else
            raise UsageError("prompts keep other pixels than the settings, or the mask, say")
        if settings.seed is None:
            settings = dataclasses.replace(settings, seed=secrets.randbelow(MAX_SEED))
            _log.info("seed %d", settings.seed)
        if overlay is not None:
            prompts = overlay.over_prompts(prompts)
        recipe = self._recipe(settings, prompts, tile, mask, canvas, is_grid)
        rows, columns = recipe.layout.rows, recipe.layout.columns
        shown = tuple(prompts[row % len(prompts)] for row in rows) if prompts else ()
        pictures = BestPictures(len(rows), len(columns), self.config.n_pixels)
        laid = canvas.laid_over(prompts)
        whole = [prompt.tokens for prompt in laid]
        known = known_pixels(whole, wanted, settings.n_rows(len(prompts)))
        names = [prompt.name for prompt in laid]
        known = with_mirrored(known, settings.symmetry, ordered, names)
        steps = frame_steps(self._steps, settings, known, whole, canvas, tile)
        before = self._samplers.work
        for step in each_computing(steps):
            pictures.add(step)
            if step.n_done == step.n_total:
                drawing = Drawing(
                    pictures.columns, pictures.log_likelihood, shown, recipe, pictures.of_known,
                    pictures.log_probs, overlay, self._samplers.work - before,
                )  # fmt: skip
                step = dataclasses.replace(step, drawing=drawing)
            yield step

    def _steps(
        self,
        settings: DrawingSettings,
        known: np.ndarray,
        tile: tuple[int, int] | None,
        pull: Pull | None,
    ) -> Iterator[DrawingStep]:
        """Yields all steps, without the drawing in the last one.

        Args:
          settings: how to draw, with a seed.
          known: int32 tokens (N, L) of what is kept, FREE elsewhere.
          tile: see `draw_as`.
          pull: what pulls every picture.
        """
        n_columns, kept = len(settings.columns), known[0] != FREE
        pictures = drawn_pictures(self.config, settings)
        if kept.all():
            whole = (known, n_columns) if tile is None else (known[tile[0] :][:1], 1)
            yield whole_prompts(*whole)
            return
        words = words_of(settings, self.config)
        rows_each = 1 if words is None else words.n_rows
        n_particles = settings.particles or (_PARTICLES if has_islands(kept) else 1)
        n_pictures = len(known) * n_columns * settings.best_of
        n_first = int(kept.argmin())
        size = batch_size_for(n_pictures, self.config, n_first, rows_each * n_particles)
        sampler = self._samplers.of(
            pictures, size * n_particles, settings.top_k, settings.top_p, rows_each, n_particles,
            pictures.n_pixels - n_first,
        )  # fmt: skip
        copied = None
        if settings.symmetry != NONE:
            copied = copied_places(kept, settings.symmetry, pictures)
        steps = drawing_steps(sampler, settings, known, tile, words, copied, pull)
        if settings.seamless_axes and settings.best_of > 1:
            steps = self._seam_judge.judged(steps, settings, pictures, words, len(known), tile)
        yield from steps

    @functools.cached_property
    def _seam_judge(self) -> SeamJudge:
        return SeamJudge(self._stored)

    def _recipe(
        self,
        settings: DrawingSettings,
        prompts: Sequence[Prompt],
        tile: tuple[int, int] | None,
        mask: Mask | None,
        canvas: Canvas,
        is_grid: bool | None,
    ) -> Recipe:
        """Returns what draws the same again."""
        if is_grid is None:
            is_grid = is_grid_usual(settings.n_rows(len(prompts)), len(prompts))
        recipe = Recipe(
            model_name=self._model_name,
            checkpoint=self._stored.path.name,
            sha256=self._sha256,
            step=self._stored.step,
            config=self.config,
            drawing=settings,
            prompts=(None,) * len(prompts),
            tile=tile,
            mask=None if mask is None else mask.used,
            init=None if canvas.sketch is None else canvas.sketch.used,
            overlay=None if canvas.overlay is None else canvas.overlay.used,
            is_grid=is_grid and tile is None,
        )
        return with_names(recipe, [prompt.name for prompt in prompts])


def get_predictor(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    drafts: bool = True,
    **settings: Any,
) -> Predictor:
    """Opens a stored model to draw with it.

    Args:
      model_name: folder under weights_dir.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best"; by default the newest state, but the best one
        of a training by minutes whose validation has turned up.
      drafts: whether to guess pixels, and to draw as many in a call of the model as are guessed
        right: the same pictures, usually sooner.
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`;
        needed only where none are stored beside the weights.

    Raises:
      CheckpointError: no such model, or its file cannot be used.
      UsageError: a setting contradicts the stored one.
    """
    path = locate(model_name, weights_dir, checkpoint)
    return Predictor(open_to_draw(path, settings, checkpoint is not None), model_name, drafts)
