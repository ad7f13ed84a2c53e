"""Drawings that no model has made, for tests of what becomes of a drawing."""

from typing import Any

import numpy as np

from pixace.drawing.drawn import Drawing
from pixace.drawing.prompts import Prompt
from pixace.drawing.recipe import Recipe
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig


def a_recipe(
    *, image_size: int = 4, bitdepth=(4, 2, 2), config: dict[str, Any] | None = None, **fields
) -> Recipe:
    """Returns a recipe; the fields are those of `Recipe` and of `DrawingSettings`.

    Args:
      image_size: of the model.
      bitdepth: of the model.
      config: its other settings.
      **fields: see above; `tile` is that of `Recipe`.
    """
    names = DrawingSettings.__dataclass_fields__.keys() - Recipe.__dataclass_fields__.keys()
    drawing = {"seed": 7, "scale": 12, **{k: fields.pop(k) for k in [*fields] if k in names}}
    return Recipe(
        **{
            "model_name": "faces",
            "checkpoint": "model.pkl.gz",
            "sha256": "0123456789abcdef" * 4,
            "step": 6,
            "config": ModelConfig(image_size=image_size, bitdepth=bitdepth, **(config or {})),
            "drawing": DrawingSettings(**drawing),
            **fields,
        }
    )


def a_drawing(tokens, originals=None, n_kept=0, **fields) -> Drawing:
    """Returns a drawing of columns of tokens, each (N, L)."""
    image_size = round(tokens[0].shape[1] ** 0.5)
    temperature = tuple(np.linspace(0.5, 1.0, len(tokens)))
    recipe = a_recipe(image_size=image_size, temperature=temperature, **fields)
    kept = np.arange(tokens[0].shape[1]) < n_kept
    prompts = () if originals is None else tuple(Prompt(None, row, kept) for row in originals)
    nothing = np.zeros((len(tokens[0]), len(tokens)))
    log_probs = np.zeros((*nothing.shape, tokens[0].shape[1]), np.float32)
    return Drawing(tuple(tokens), nothing, prompts, recipe, nothing, log_probs)
