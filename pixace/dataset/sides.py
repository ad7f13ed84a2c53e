"""The images to train on and those to validate on, none of which is on both sides."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixace.pictures.folder import FolderListing, ImagePaths, list_folder
from pixace.settings.training import DEFAULT_VAL_IMAGES, TrainingSettings
from pixace.wording import shown

_log = logging.getLogger(__name__)


class Sides(NamedTuple):
    """The image files of a training.

    Attributes:
      train: those to train on.
      val: those to validate on; None where the others serve for that, too.
    """

    train: FolderListing
    val: FolderListing | None


def sides_of(settings: TrainingSettings) -> Sides:
    """Finds the images of a training, and says in the log where its two folders overlap.

    A file in both is left out of training; where nothing would be left to train on, out of
    validation. The same file may have several names, by links to it or to its folder.

    Args:
      settings: whose `images` and `val_images` count.

    Raises:
      ImageError: a folder does not exist, or no image is in it.
      UsageError: a folder has no name, or one that cannot be.
    """
    train = list_folder(settings.images)
    val_folder = settings.val_images
    if val_folder is None and Path(DEFAULT_VAL_IMAGES).is_dir():
        val_folder = DEFAULT_VAL_IMAGES
    if val_folder is None:
        return Sides(train, None)
    return _apart(train, list_folder(val_folder, "val_images"))


def _apart(train: FolderListing, val: FolderListing) -> Sides:
    """Takes from one side what is on both, and says so; see `sides_of`."""
    train_files, val_files = _identities(train.paths), _identities(val.paths)
    is_only_train, is_only_val = ~np.isin(train_files, val_files), ~np.isin(val_files, train_files)
    names = shown(train.paths.source), shown(val.paths.source)
    if is_only_train.all():
        return Sides(train, val)
    if is_only_train.any():
        _log.warning(
            "%s: %d of its %d images are in %s, too, to validate on; they are left out of training",
            *(names[0], np.sum(~is_only_train), len(train.paths), names[1]),
        )
        return Sides(train.select(np.flatnonzero(is_only_train)), val)
    if is_only_val.any():
        _log.warning(
            "%s: %d of its %d images are those of %s, to train on; they are left out of validation",
            *(names[1], np.sum(~is_only_val), len(val.paths), names[0]),
        )
        return Sides(train, val.select(np.flatnonzero(is_only_val)))
    _log.warning(
        "%s and %s are the same images: validating on those that are trained on says nothing of "
        "new ones",
        *names,
    )
    return Sides(train, val)


def _identities(paths: ImagePaths) -> np.ndarray:
    """Returns int64 (N,): a number for each picture's file, the same by whatever name."""

    def numbers() -> Iterator[int]:
        for number in range(len(paths)):
            path = paths.path(number)
            try:
                status = os.stat(path)
                # Some file systems number no files.
                yield hash((status.st_dev, status.st_ino or os.path.realpath(path)))
            except OSError:  # which reading it will tell
                yield hash(path)

    return np.fromiter(numbers(), np.int64, len(paths))
