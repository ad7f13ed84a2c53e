"""The pictures of a sweep, one after another and with the same noise, as columns of a drawing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from pixace.drawing.stream import DrawingStep
from pixace.settings.drawing import DrawingSettings
from pixace.settings.sweep import frames_of

Tile: TypeAlias = tuple[int, int]
StepsOf: TypeAlias = Callable[[DrawingSettings, np.ndarray, Tile | None], Iterator[DrawingStep]]
"""Draws pictures: settings, what is known of each, and the only one to draw, if not all."""


def frame_steps(
    steps_of: StepsOf,
    settings: DrawingSettings,
    known: np.ndarray,
    whole: np.ndarray | None,
    tile: Tile | None,
) -> Iterator[DrawingStep]:
    """Draws each picture of a sweep as if alone, in its column; without a sweep, just draws.

    Args:
      steps_of: draws what has no sweep.
      settings: how to draw, with a seed.
      known: int32 (N, L), what is known of each row in every picture.
      whole: int32 (N, L), all pixels of the prompts, of which a picture may keep more; None where
        there are none.
      tile: row and column of the only one to draw; None draws all.
    """
    length = known.shape[1]
    frames = frames_of(settings, length)
    if settings.sweep is None:
        yield from steps_of(settings, known, tile)
        return
    columns = range(len(frames)) if tile is None else range(tile[1], tile[1] + 1)
    place = np.array([0, 1, 0])
    for number, column in enumerate(columns):
        frame, of_frame = frames[column], known
        if whole is not None and frame.cut is not None:
            of_frame = np.where(np.arange(length) < frame.cut, whole, known)
        for step in steps_of(frame, of_frame, None if tile is None else (tile[0], 0)):
            share = step.n_done / step.n_total if step.n_total else 1
            yield dataclasses.replace(
                step,
                places=step.places + number * place,
                # Pictures may take different numbers of steps: each counts as if it took all.
                n_done=number * length + round(share * length),
                n_total=len(columns) * length,
            )
