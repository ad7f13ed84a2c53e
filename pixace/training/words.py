"""The words of a training: whether it has any, and what its model learns of them."""

from __future__ import annotations

import dataclasses
import logging

from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.dataset.caption_finding import FolderCaptions, find_captions
from pixace.pictures.folder import FolderListing, ImageSource
from pixace.settings.model import CAPTION_LENGTH, ModelConfig
from pixace.settings.training import NONE, TrainingSettings
from pixace.training.start import StartingPoint
from pixace.wording import shown

_log = logging.getLogger(__name__)


def with_words(
    config: ModelConfig,
    settings: TrainingSettings,
    start: StartingPoint | None,
    images: FolderListing | None = None,
) -> tuple[ModelConfig, FolderCaptions | None]:
    """Decides whether a training has words: a new one if its images have, an old one as before.

    Args:
      config: the model's settings.
      settings: of the training.
      start: the state to go on from, if there is one.
      images: the files to train on, where they have been found already.

    Returns:
      The model's settings, and the captions of the images to train on where it has words.

    Raises:
      ImageError: no images there, or none of them has the captions that were asked for.
    """
    kind = settings.captions
    found = find_captions(images or settings.images, kind, config.caption_length or CAPTION_LENGTH)
    if start and config.caption_length is None:
        if found.source:
            _log.info(
                "%s: captions: %s; not used, as this training began without",
                shown(found.files.source),
                found.summary,
            )
        return config, None
    if not start:
        found.require(kind)
    if kind != NONE or config.caption_length is not None:
        found.tell()
    if found.source and config.caption_length is None:
        config = dataclasses.replace(config, caption_length=CAPTION_LENGTH)
    return config, None if config.caption_length is None else found


def val_captions(
    folder: ImageSource, config: ModelConfig, settings: TrainingSettings, train: FolderCaptions
) -> FolderCaptions:
    """Finds the captions of validation images.

    Args:
      folder: of these images, or what has been found there already.
      config: of a model that knows words.
      settings: of the training.
      train: the captions of the images to train on.
    """
    length = config.caption_length or CAPTION_LENGTH
    return find_captions(
        folder, settings.captions, length, known_classes=train.classes, flag="val_images"
    )


def words_record(captions: FolderCaptions | None, start: StartingPoint | None) -> WordsRecord:
    """Returns what a model has learned of words, by this training and before.

    Args:
      captions: of the images to train on; None where it has no words.
      start: the state that it goes on from, if there is one.
    """
    record = start.checkpoint.resume.words if start else NO_WORDS
    if captions is None:
        return record
    texts = (text for alternatives in captions.captions for text in alternatives)
    return record.joined(WordsRecord.of(captions.classes, texts))
