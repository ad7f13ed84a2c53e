"""The workflow of measuring: a stored model and a folder of images in, likelihoods out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixace.backend.door import computing
from pixace.checkpoints.folder import locate
from pixace.dataset.captions import Captions
from pixace.dataset.reading import load_images, read_tokens
from pixace.errors import ImageError
from pixace.insight.captions import captions_to_measure
from pixace.insight.classification import classifier_of
from pixace.insight.evaluation import Evaluation
from pixace.insight.likelihood import Likelihood, Scorer
from pixace.insight.ranking import Ranker, Ranking
from pixace.models.stored import StoredModel, open_model
from pixace.pictures.cutting import NOTHING_USED, find_pictures
from pixace.pictures.folder import ImagePaths, Unreadable
from pixace.settings.checks import require_int
from pixace.settings.paths import local_path
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.settings.training import AUTO, DEFAULT_WEIGHTS_DIR


class Evaluator:
    """A stored model, ready to measure folders of images; see `get_evaluator`."""

    @computing()
    def __init__(self, stored: StoredModel) -> None:
        self._stored = stored
        self._model = stored.build("eval", batch_size=1)
        self._scorer = Scorer(self._model)

    @computing()
    def evaluate(
        self,
        images: Path | str,
        batch_size: int = 8,
        reading: ReadingSettings = ONE_EACH,
        captions: str = AUTO,
    ) -> Evaluation:
        """Measures the mean likelihood of all images of a folder, given their captions.

        Args:
          images: the top folder.
          batch_size: pictures per pass; memory grows with it, the result does not change.
          reading: how files become pictures; by default each is one.
          captions: which kind of them to look for, if the model knows words.

        Raises:
          ImageError: no image can be read there, or none has the captions that are asked for.
          UsageError: batch_size below 1, or captions asked for of a model that knows no words.
        """
        images = local_path("images", images)
        require_int("batch_size", batch_size, 1)
        config, known = self._stored.config, self._stored.words.classes
        found = captions_to_measure(images, captions, config, known)
        image_set = load_images(images, config, reading=reading, captions=found)
        tokens = image_set.tokens
        of_images = image_set.captions or Captions(() for _ in image_set.paths)
        size = min(batch_size, len(tokens))  # an incomplete pass would be filled up

        def measured(told: Captions) -> Likelihood:
            likelihood = self._scorer.likelihood(
                self._model.weights, tokens, size, captions=self._words(told)
            )
            assert likelihood is not None  # nothing asked it to stop
            return likelihood

        right = measured(of_images)
        if not any(of_images):
            return Evaluation(right)
        without, others = Captions(() for _ in of_images), of_images.of_others()
        wrong = measured(others) if any(others) else None
        return Evaluation(right, measured(without), wrong)

    @computing()
    def score(
        self,
        images: Path | str,
        batch_size: int = 8,
        reading: ReadingSettings = ONE_EACH,
        *,
        captions: str = AUTO,
        text: Sequence[str] = (),
        classes: bool = False,
        n_surprises: int = 0,
        progress: Callable[[int], None] = lambda n_images: None,
    ) -> Ranking:
        """Ranks the images of a folder by how badly the model predicts them, given their captions.

        However large the folder, only some of its pictures are in memory at a time.

        Args:
          images: the top folder.
          batch_size: pictures per pass; memory grows with it, the result does not change.
          reading: how files become pictures; by default each is one.
          captions: which kind of them to look for, if the model knows words.
          text: captions, the likeliest of which is found for each image.
          classes: whether to choose from all classes of the model in the place of such captions.
          n_surprises: for how many of the most surprising images to keep all pixels' surprise.
          progress: called after each pass with the number of images done since the last call.

        Raises:
          ImageError: no such folder, no image files in it, or none of them has the captions that
            are asked for.
          UsageError: batch_size below 1, or a model that knows no words is asked for captions.
        """
        images = local_path("images", images)
        require_int("batch_size", batch_size, 1)
        config, known = self._stored.config, self._stored.words
        classifier = classifier_of(text, classes, config, known)
        told = captions_to_measure(images, captions, config, known.classes)
        found = find_pictures(images, reading)
        found.tell(NOTHING_USED if told is None else told.used)
        paths, unreadable = found.paths, [*found.unreadable]
        of_images = Captions(() for _ in paths) if told is None else told.of(paths)
        pictures = dataclasses.replace(config.pictures, unscale=reading.unscale)
        size = min(batch_size, len(paths))
        ranker = Ranker(paths, n_surprises)
        readable = self._readable(paths, pictures, unreadable)
        while batch := list(itertools.islice(readable, size)):
            # Always of one size, as another would be compiled anew.
            tokens = np.resize([row for _, row in batch], (size, config.n_pixels))
            own = of_images.select(number for number, _ in batch)
            ranker.add(batch, self._pixel_nats(tokens, self._words(own)))
            if classifier is not None:
                given = [self._pixel_nats(tokens, each).sum(axis=1) for each in classifier.words]
                classifier.add(np.stack(given, axis=1)[: len(batch)], own)
            progress(len(batch))
        return ranker.ranking(unreadable, classifier)

    def _words(self, captions: Captions) -> np.ndarray | None:
        """Returns what the model reads of first captions, int32 (N, P), if it knows words."""
        length = self._stored.config.caption_length
        return None if length is None else captions.spread_tokens(len(captions), length)

    def _pixel_nats(self, tokens: np.ndarray, words: np.ndarray | None) -> np.ndarray:
        """Returns -ln p of every pixel of one pass, float64 (B, L).

        Args:
          tokens: unsigned integers (B, L).
          words: int32 (N, P) or (P,), told to the pictures over and over; None tells no words.
        """
        if words is not None:
            words = np.resize(words, (len(tokens), words.shape[-1]))
        (pixels,) = self._scorer.pixel_nats(self._model.weights, tokens, len(tokens), words)
        return pixels

    def _readable(
        self, paths: ImagePaths, pictures: PictureSettings, unreadable: list[Unreadable]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the number and the tokens (L,) of each file that can be read; notes the others."""
        for number, row in read_tokens(paths, range(len(paths)), pictures):
            if isinstance(row, ImageError):
                unreadable.append(Unreadable.because(paths[number], row))
            else:
                yield number, row


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
