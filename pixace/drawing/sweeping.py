"""The pictures of a sweep, one after another and with the same noise, as columns of a drawing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from pixace.drawing.canvas import Canvas
from pixace.drawing.pull import Pull
from pixace.drawing.stream import DrawingStep, known_pixels
from pixace.settings.drawing import DrawingSettings
from pixace.settings.sweep import frames_of

Tile: TypeAlias = tuple[int, int]
StepsOf: TypeAlias = Callable[
    [DrawingSettings, np.ndarray, Tile | None, Pull | None], Iterator[DrawingStep]
]
"""Draws without a sweep: what is known, the only picture to draw if not all, what pulls them."""


def frame_steps(
    steps_of: StepsOf,
    settings: DrawingSettings,
    known: np.ndarray,
    whole: Sequence[np.ndarray],
    canvas: Canvas,
    tile: Tile | None,
) -> Iterator[DrawingStep]:
    """Draws each picture of a sweep as if alone, in its column; without a sweep, just draws.

    Args:
      steps_of: draws one of them.
      settings: how to draw, with a seed.
      known: int32 (N, L), what is known of each row in all pictures.
      whole: int32 (L,) each, what a cut keeps parts of; all rows in turn are of them.
      canvas: what to follow.
      tile: row and column of the only one to draw; None draws all.
    """
    n_rows, length = known.shape
    if settings.sweep is None:
        yield from steps_of(settings, known, tile, canvas.pull(settings.init_strength))
        return
    frames = frames_of(settings, length)
    columns = range(len(frames)) if tile is None else range(tile[1], tile[1] + 1)
    part = None if tile is None else (tile[0], 0)
    for number, column in enumerate(columns):
        frame, of_frame = frames[column], known
        if frame.cut:
            also = known_pixels(whole, np.arange(length) < frame.cut, n_rows)
            of_frame = np.maximum(known, also)  # FREE is less than any token
        for step in steps_of(frame, of_frame, part, canvas.pull(frame.init_strength)):
            # Pictures may take different numbers of steps: each counts as if it took all.
            done = length * step.n_done // step.n_total if step.n_total else length
            yield dataclasses.replace(
                step,
                places=step.places + np.array([0, number, 0]),
                n_done=number * length + done,
                n_total=len(columns) * length,
            )
