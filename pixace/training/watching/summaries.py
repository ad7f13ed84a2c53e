"""Curves and pictures of a training: for TensorBoard, and as files in the model's folder.

`train` and `val` are two runs with the same tags, so that TensorBoard draws their curves over each
other. A tag never contains a step number: that would break the step slider.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.backend.door import tf
from pixace.checkpoints.folder import picture_path
from pixace.errors import PixaceError
from pixace.pictures.writing import write_picture
from pixace.system.files import remedy
from pixace.wording import shown, spell

_log = logging.getLogger(__name__)

RUNS = ("train", "val")


class Summaries:
    """Writes what can be watched of one training.

    Args:
      folder: the model's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._failures_told():
            self._writers = {
                run: tf.summary.create_file_writer(os.fsencode(folder / run)) for run in RUNS
            }

    def scalars(self, run: str, values: Mapping[str, float], step: int) -> None:
        """Adds one point to each named curve of a run."""
        # As arrays: TensorFlow 2.21 keeps every Python number that it ever made a tensor of.
        with self._writing(run):
            for name, value in values.items():
                tf.summary.scalar(name, np.array(value, np.float32), np.array(step, np.int64))

    def picture(self, name: str, picture: Image.Image, step: int) -> None:
        """Shows a picture under a constant tag and keeps it as `pictures/NAME-STEP.png`."""
        with self._writing("val"):
            tf.summary.image(name, np.asarray(picture)[None], step)
        path = self.picture_path(name, step)
        if path.is_symlink():  # a stranger's folder may hold one, and it would be followed
            path.unlink()
        write_picture(picture, path)

    def picture_path(self, name: str, step: int) -> Path:
        """Returns the file of a picture."""
        return picture_path(self._folder, name, step)

    def settings(self, values: Mapping[str, Any], step: int) -> None:
        """Shows the hyper-parameters as a table."""
        rows = "\n".join(f"| {name} | {_as_markdown(value)} |" for name, value in values.items())
        with self._writing("train"):
            tf.summary.text("settings", f"| setting | value |\n| --- | --- |\n{rows}", step)

    def flush(self) -> None:
        """Brings everything written so far to the disk."""
        with self._failures_told():
            for writer in self._writers.values():
                writer.flush()

    def close(self) -> None:
        """Flushes and closes the files; warns of points that are lost."""
        for writer in self._writers.values():
            try:
                with self._failures_told():
                    writer.close()
            except PixaceError as error:  # not raised: it would hide what ended the training
                _log.warning("%s", error)

    @contextlib.contextmanager
    def _writing(self, run: str) -> Iterator[None]:
        """Sends what TensorFlow summarises inside the block to a run."""
        with self._failures_told(), self._writers[run].as_default():
            yield

    @contextlib.contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Turns an error of TensorFlow's writers into one line.

        Raises:
          PixaceError: the disk is full or broken, or the folder read-only.
        """
        try:
            yield
        except tf.errors.OpError as error:
            reason = error.message.partition("\n")[0].rpartition("; ")[2]
            advice = remedy(isinstance(error, tf.errors.ResourceExhaustedError))
            raise PixaceError(
                f"{shown(self._folder)}: cannot write the curves: {reason}; checkpoints are "
                f"untouched, {advice} and run the command again"
            ) from None


def _as_markdown(value: Any) -> str:
    """Spells a setting so that Markdown shows it as it is: a folder may have any name."""
    return re.sub(r"[^\w ,./:-]|_", lambda match: f"&#{ord(match[0])};", shown(spell(value)))
