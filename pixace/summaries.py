"""Curves and pictures of a training: for TensorBoard, and as files in the model's folder.

`train` and `val` are two runs with the same tags, so that TensorBoard draws their curves over each
other. A tag never contains a step number: that would break the step slider.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.collage import write_picture
from pixace.trax_compat import tf

RUNS = ("train", "val")


class Summaries:
    """Writes what can be watched of one training.

    Args:
      folder: the model's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers = {
            run: tf.summary.create_file_writer(os.fsencode(folder / run)) for run in RUNS
        }

    def scalars(self, run: str, values: Mapping[str, float], step: int) -> None:
        """Adds one point to each named curve of a run."""
        with self._writers[run].as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step)

    def picture(self, name: str, picture: Image.Image, step: int) -> None:
        """Shows a picture under a constant tag and keeps it as `pictures/NAME-STEP.png`."""
        with self._writers["val"].as_default():
            tf.summary.image(name, np.asarray(picture)[None], step)
        write_picture(picture, self._folder / "pictures" / f"{name}-{step:05d}.png")

    def settings(self, values: Mapping[str, Any], step: int) -> None:
        """Shows the hyper-parameters as a table."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
        with self._writers["train"].as_default():
            tf.summary.text("settings", f"| setting | value |\n| --- | --- |\n{rows}", step)

    def flush(self) -> None:
        """Brings everything written so far to the disk."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        for writer in self._writers.values():
            writer.close()
