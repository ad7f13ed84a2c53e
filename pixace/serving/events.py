"""A drawing as the page sees it: what happens, one thing after the other, as plain JSON values.

Each is an object with one of these names in it: `waiting` (how many drawings come first), `opening`
(the model), `pixels` (of some tiles, with the bits per pixel so far), `drawn` (the whole), and
`error` (one line; nothing follows).
"""

from __future__ import annotations

import base64
import io
import math
import secrets
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pixace.drawing.canvas import open_canvas
from pixace.drawing.drawn import Drawing
from pixace.drawing.outputs import Outputs
from pixace.drawing.prompts import open_prompts
from pixace.drawing.region import kept_of_prompts, open_mask
from pixace.drawing.symmetry import drawn_pixels
from pixace.errors import PixaceError, UsageError
from pixace.insight.surprise import heat_map
from pixace.serving.models import Models
from pixace.serving.orders import Order
from pixace.serving.turns import Turn, Turns
from pixace.settings.pictures import PictureSettings
from pixace.settings.scans import drawn_pictures
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of

if TYPE_CHECKING:
    from pixace.drawing.stream import DrawingStep

_PATIENCE = 0.5  # seconds; who waits is told so often, so that it shows who has gone
_MOST_KEPT = 32  # drawings of which collage and film can be asked for later

Event = dict[str, Any]


class Studio:
    """Draws what is ordered, one order after the other, and remembers the last drawings.

    Args:
      models: to draw with.

    Attributes:
      turns: whose turn it is.
      drawings: the last ones, by what the page calls them.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self.turns = Turns()
        self.drawings: OrderedDict[str, Drawing] = OrderedDict()

    def draw(self, order: Order) -> Iterator[Event]:
        """Yields what happens; the first event comes at once, and closing it stops the drawing.

        Raises:
          QueueFullError: too many orders wait, before the first event.
        """
        with self.turns.enter() as turn:
            yield {"waiting": turn.wait(0)}
            while before := turn.wait(_PATIENCE):
                if turn.is_over:
                    return
                yield {"waiting": before}
            try:
                yield from self._events(order, turn)
            except PixaceError as error:
                yield {"error": str(error)}

    def _events(self, order: Order, turn: Turn) -> Iterator[Event]:
        """Draws, in its turn."""
        yield {"opening": order.model}
        predictor = self.models.predictor(order.model)
        pictures = drawn_pictures(predictor.config, order.settings)
        mask = None if order.mask is None else open_mask(order.mask, pictures)
        sources = [] if order.prompt is None else [order.prompt]
        kept = kept_of_prompts(order.settings, pictures, len(sources), mask)
        prompts = open_prompts(sources, pictures, kept)
        canvas = open_canvas(order.sketch, None, pictures)
        n_rows = order.settings.n_rows(len(prompts))
        is_drawn = drawn_pixels(kept, order.settings.symmetry, pictures)
        view = _View(pictures, n_rows, len(order.settings.columns), kept, is_drawn)
        if prompts:
            yield view.start(prompts[0].tokens)
        for step in predictor.stream(order.settings, prompts, mask=mask, canvas=canvas):
            if turn.is_over:
                return
            yield view.changes(step)
            if step.drawing is not None:
                yield {"drawn": self._remembered(step.drawing)}

    def _remembered(self, drawing: Drawing) -> Event:
        """Keeps a drawing, and returns what the page gets of it."""
        name = secrets.token_hex(8)
        self.drawings[name] = drawing
        while len(self.drawings) > _MOST_KEPT:
            self.drawings.popitem(last=False)
        pictures = drawing.recipe.pictures
        nats = -drawing.log_probs.reshape(-1, pictures.n_pixels)
        tiles = [
            {
                "png": base64.b64encode(png).decode(),
                "surprise": base64.b64encode(_png(heat_map(row, pictures))).decode(),
                "bits_per_pixel": tile["bits_per_pixel"],
                **({"text": tile["text"]} if "text" in tile else {}),
            }
            for png, row, tile in zip(_single_files(drawing), nats, drawing.tiles(), strict=True)
        ]
        return {"id": name, "seed": drawing.seed, "tiles": tiles}

    def file(self, name: Any, kind: str) -> bytes:
        """Returns the file of a drawing of late.

        Args:
          name: its `id`.
          kind: "collage.png" or "film.gif".

        Raises:
          UsageError: it is not remembered, or too large for such a file.
        """
        drawing = self.drawings.get(name) if isinstance(name, str) else None
        if drawing is None:
            raise UsageError("this drawing is forgotten; press Again, and ask for its files then")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, kind)
            is_film = path.suffix == ".gif"
            outputs = Outputs(None if is_film else path, None, None, path if is_film else None)
            outputs.write(drawing, ())
            return path.read_bytes()

    def warm_up(self, order: Order) -> None:
        """Draws what nobody sees, so that the model is compiled before somebody draws."""
        for _ in self.draw(order):
            pass


class _View:
    """What the page has seen of a drawing of N x C tiles: it is told what has changed.

    Args:
      pictures: of the model.
      n_rows: N.
      n_columns: C.
      kept: bool (L,), which pixels are there from the start.
      is_drawn: bool (L,), which the model draws; the others are known, or copied.
    """

    def __init__(
        self,
        pictures: PictureSettings,
        n_rows: int,
        n_columns: int,
        kept: np.ndarray,
        is_drawn: np.ndarray,
    ) -> None:
        self._codec, self._kept, self._is_drawn = codec_of(pictures), kept, is_drawn
        self._seen = np.full((n_rows * n_columns, pictures.n_pixels), -1)
        self._n_columns = n_columns
        places = np.arange(pictures.n_pixels).reshape(pictures.shape)
        self._places = order_of(pictures).sequence(places)

    def start(self, tokens: np.ndarray) -> Event:
        """Shows what is kept of a prompt, int32 (L,), in all tiles."""
        at = np.flatnonzero(self._kept)
        self._seen[:, at] = tokens[at]
        pixels = [
            pixel for tile in range(len(self._seen)) for pixel in self._pixels(tile, at, tokens)
        ]
        return {"pixels": pixels, "bits": {}}

    def changes(self, step: DrawingStep) -> Event:
        """Shows what one more pixel has changed: of several candidates, of the first at work."""
        tiles, firsts = np.unique(
            step.places[:, 0] * self._n_columns + step.places[:, 1], return_index=True
        )
        n_pixels = step.tokens.shape[1]
        n_drawn = int(self._is_drawn[:n_pixels].sum())
        pixels, bits = [], {}
        for tile, number in zip(tiles.tolist(), firsts, strict=True):
            tokens = step.tokens[number]
            at = np.flatnonzero(self._seen[tile, :n_pixels] != tokens)
            self._seen[tile, at] = tokens[at]
            pixels += self._pixels(tile, at, tokens)
            if n_drawn:
                nats = -step.log_likelihood[number]
                bits[tile] = round(float(nats) / math.log(2) / n_drawn, 3)
        return {"pixels": pixels, "bits": bits, "done": step.n_done, "total": step.n_total}

    def _pixels(self, tile: int, at: np.ndarray, tokens: np.ndarray) -> list[list[Any]]:
        """Spells some pixels of a tile: its number, the place in reading order, and the colour."""
        colours = self._codec.decode(tokens[at])
        return [
            [tile, place, bytes(colour).hex()]
            for place, colour in zip(self._places[at].tolist(), colours, strict=True)
        ]


def _single_files(drawing: Drawing) -> list[bytes]:
    """Returns the files of single pictures, as `predict --out=folder/` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(None, Path(folder), None, None)
        outputs.write(drawing, ())
        return [path.read_bytes() for path in outputs.pictures(drawing.recipe.layout)]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
