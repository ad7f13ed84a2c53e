"""What a model has drawn: the tokens, how likely they are, and how to draw them again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from pixace.drawing.overlay import Overlay
from pixace.drawing.prompts import Prompt, kept_of_all
from pixace.drawing.recipe import Recipe
from pixace.drawing.region import has_islands
from pixace.drawing.symmetry import also_mirrored, drawn_pixels
from pixace.pictures.collage import collage
from pixace.pictures.exact import enlarged, tiled
from pixace.pictures.labels import labelled
from pixace.pictures.metadata import RECIPE_KEY
from pixace.settings.sweep import Sweep
from pixace.tokens.tiles import recoloured, token_rows
from pixace.tokens.vocabulary import PAD_ID


@dataclasses.dataclass(frozen=True, eq=False)
class Drawing:
    """Pictures that a model has drawn: N rows, and a column for each temperature and guidance.

    Attributes:
      tokens: C arrays of int32 tokens (N, L), like all that is of pixels in the order that
        `recipe.pictures` names.
      log_likelihood: float64 (N, C), ln p in nats of the pixels drawn in each picture, given its
        prompt: under the model itself, whatever the temperature. Where something is said, given the
        text that is followed most, or, at a guidance of 0, without words.
      prompts: what was completed, one for each of these rows; none where pictures are all new.
      recipe: what draws them again.
      kept_log_likelihood: float64 (N, C), ln p likewise of those kept pixels that come after drawn
        ones, each given all before it.
      log_probs: float32 (N, C, L), ln p likewise of each pixel that the model has told of: 0 of
        those kept before all drawn ones.
      overlay: what was kept in all of them besides; None where there was none.
      work: int (2,), how often the model was called, and how many pixels that drew, of one picture
        of each batch.
    """

    tokens: tuple[np.ndarray, ...]
    log_likelihood: np.ndarray
    prompts: tuple[Prompt, ...]
    recipe: Recipe
    kept_log_likelihood: np.ndarray
    log_probs: np.ndarray
    overlay: Overlay | None = None
    work: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2, int))

    @property
    def seed(self) -> int:
        """The seed of the noise, also where none was named."""
        seed = self.recipe.drawing.seed
        assert seed is not None  # a recipe has one
        return seed

    @property
    def originals(self) -> np.ndarray | None:
        """The whole prompts, int32 (N, L); None where there were none."""
        return np.stack([prompt.tokens for prompt in self.prompts]) if self.prompts else None

    @property
    def kept(self) -> np.ndarray:
        """Which pixels were kept, bool (L,), of prompts and overlay; the others were drawn."""
        kept = kept_of_all(self.prompts, self.recipe.config.n_pixels)
        return kept if self.overlay is None else kept | self.overlay.kept

    @property
    def columns(self) -> list[np.ndarray]:
        """The columns of the collage, int32 (N, L): prompts, what was kept of them, results."""
        originals = self.originals
        if originals is None:
            return [*self.tokens]
        return [originals, np.where(self.kept, originals, PAD_ID), *self.tokens]

    @property
    def temperatures(self) -> list[float]:
        """The temperature of each column of results."""
        return [temperature for temperature, _ in self._settings_of_columns]

    @property
    def _said(self) -> list[str]:
        """What each row is of, in words; none where nothing is said."""
        layout = self.recipe.layout
        return self.recipe.drawing.said(layout.rows, layout.n_rows)

    @property
    def _settings_of_columns(self) -> list[tuple[float, float]]:
        """Temperature and guidance of each column of results."""
        columns = self.recipe.drawing.columns
        return [columns[column] for column in self.recipe.layout.columns]

    def _swept(self) -> list[dict[str, Any]]:
        """Returns what a sweep sets in each column of results, by the names of settings."""
        sweep, layout = self.recipe.drawing.sweep, self.recipe.layout
        if sweep is None:
            return [{}] * len(self.tokens)
        frames = Sweep.of(sweep).frames(self.recipe.config.n_pixels)
        return [frames[column] for column in layout.columns]

    def collage(self, more_columns: Sequence[np.ndarray] = ()) -> Image.Image:
        """Returns the pictures as one, with the recipe's text in `info["pixace"]`.

        Rows are as the recipe's layout says: one below the other, or some of them side by side.
        Where the settings ask for labels, the words of each row are below it. It is RGBA where
        pixels can be transparent; borders, and what a prompt was cut off, are black all the same.

        Args:
          more_columns: int tokens (N, L) to show at the right, of which the recipe says nothing.
        """
        rows, layout = self.tile_pictures(more_columns), self.recipe.layout_with(len(more_columns))
        first = rows[0][0]
        lines = layout.lines(rows, Image.new(first.mode, first.size))
        scale, times = self.recipe.drawing.scale, self.recipe.drawing.times
        sheet = enlarged(tiled(lines), times) if times else collage(lines, int(scale))
        if self.recipe.drawing.labels:
            sheet = labelled(sheet, layout.lines([[words] for words in self._said], ""))
        sheet.info[RECIPE_KEY] = self.recipe.to_text()
        return sheet

    def tile_pictures(self, more_columns: Sequence[np.ndarray] = ()) -> list[list[Image.Image]]:
        """Returns the tiles of the collage at the model's size, as N rows.

        Where the recipe names a palette, the results have its colours, the pixels kept of a prompt
        included. The other columns show what the model knows, in the model's colours.

        Args:
          more_columns: see `collage`.
        """
        rows = token_rows([*self.columns, *more_columns], self.recipe.pictures)
        colours = self.recipe.drawing.palette
        if colours is None:
            return rows
        first, last = len(self.columns) - len(self.tokens), len(self.columns)
        results = recoloured([row[first:last] for row in rows], colours)
        return [
            [*row[:first], *result, *row[last:]] for row, result in zip(rows, results, strict=True)
        ]

    def results(self) -> list[list[Image.Image]]:
        """Returns the results themselves at the model's size, as N rows of C pictures."""
        return [row[len(self.columns) - len(self.tokens) :] for row in self.tile_pictures()]

    def pictures(self) -> list[list[Image.Image]]:
        """Returns the results themselves, without prompts, as N rows of C pictures.

        They have the model's size, or as many times that as the recipe's scale says where it is
        such as "4x"; each has the text of a recipe of its own in `info["pixace"]`. They are RGB, or
        RGBA where pixels can be transparent.
        """
        times = self.recipe.drawing.times or 1
        results = [[enlarged(picture, times) for picture in row] for row in self.results()]
        layout = self.recipe.layout
        for row, pictures in zip(layout.rows, results, strict=True):
            for column, picture in zip(layout.columns, pictures, strict=True):
                recipe = dataclasses.replace(self.recipe, tile=(row, column), is_grid=False)
                picture.info[RECIPE_KEY] = recipe.to_text()
        return results

    def sheet(self) -> Image.Image:
        """Returns the results as frames of one size, without borders, as large as `pictures` does.

        They come row by row, as many across as `Layout.sheet_shape` says. Cells that are left over
        are transparent, and the sheet RGBA then, as where pixels can be transparent. The recipe's
        text is in `info["pixace"]`.
        """
        results = [picture for row in self.pictures() for picture in row]
        across, _ = self.recipe.layout.sheet_shape
        sheet = tiled([results[at : at + across] for at in range(0, len(results), across)])
        sheet.info[RECIPE_KEY] = self.recipe.to_text()
        return sheet

    def calls(self) -> dict[str, Any]:
        """Returns how often the model was called, and what that drew, as plain JSON values.

        `pixels_per_call` are of each picture that was drawn; None where none was.
        """
        n_calls, n_pixels = self.work.tolist()
        return {"calls": n_calls, "pixels_per_call": n_pixels / n_calls if n_calls else None}

    def tiles(self, n_more_columns: int = 0) -> list[dict[str, Any]]:
        """Returns the figures of each picture drawn, as plain JSON values.

        `row` and `column` count the collage's tiles from 0 at the top left. `log_likelihood` is in
        nats, for all drawn pixels; `bits_per_pixel` is -log2 p of one of them, None if there is
        none. `cut` and `init_strength` are there where they are swept, `text` and `guidance` where
        something is said, and `kept_log_likelihood` where kept pixels come after drawn ones.

        Args:
          n_more_columns: how many more the collage shows at the right of each row.
        """
        symmetry = self.recipe.drawing.symmetry, self.recipe.pictures
        known = also_mirrored(self.kept, *symmetry)
        is_drawn = drawn_pixels(self.kept, *symmetry)
        swept = self._swept()
        n_drawn = [int(is_drawn[values.get("cut", 0) :].sum()) for values in swept]
        first, n_each = len(self.columns) - len(self.tokens), len(self.columns) + n_more_columns
        layout = self.recipe.layout_with(n_more_columns)
        places = [layout.place(row, n_each) for row in range(len(self.log_likelihood))]
        said = [{"text": words} for words in self._said] or [{}] * len(self.log_likelihood)
        return [
            {
                "row": line,
                "column": left + first + column,
                **swept[column],
                "temperature": temperature,
                **({**words, "guidance": guidance} if words else {}),
                "log_likelihood": float(nats),
                "bits_per_pixel": float(-nats / math.log(2) / n_drawn[column])
                if n_drawn[column]
                else None,
                **({"kept_log_likelihood": float(of_kept)} if has_islands(known) else {}),
            }
            for (line, left), words, *row in zip(
                places, said, self.log_likelihood, self.kept_log_likelihood, strict=True
            )
            for column, ((temperature, guidance), nats, of_kept) in enumerate(
                zip(self._settings_of_columns, *row, strict=True)
            )
        ]
