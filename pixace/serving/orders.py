"""What the page asks for: its JSON, checked value by value, as settings and what was painted.

It names no file and no address: what it shows it has painted, and sends as pixels.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from pixace.drawing.known_words import require_words
from pixace.drawing.painted import Painted
from pixace.errors import UsageError
from pixace.pictures.metadata import RECIPE_KEY
from pixace.pictures.rgb import OPAQUE
from pixace.serving.models import Models
from pixace.settings.checks import require_int
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.reading import tokens_of_each
from pixace.tokens.vocabulary import PAD_ID

_MOST_PICTURES, _MOST_CANDIDATES = 16, 64
_SETTINGS = (
    *("temperature", "top_p", "seed", "best_of", "text", "class_name", "guidance"),
    *("symmetry", "tile", "init_strength"),
)
_PAINTINGS = ("prompt", "mask", "sketch")


@dataclasses.dataclass(frozen=True)
class Order:
    """A drawing that is asked for.

    Attributes:
      model: its name.
      settings: how to draw.
      prompt: tokens of what was painted; None where the pictures are all new.
      mask: what of it is drawn.
      sketch: tokens of what is to be followed.
    """

    model: str
    settings: DrawingSettings
    prompt: Painted | None
    mask: Painted | None
    sketch: Painted | None


def json_object(body: bytes) -> dict[str, Any]:
    """Reads what the page has sent.

    Raises:
      UsageError: it is no JSON object.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("what was sent is not a JSON object")
    return values


def read_order(values: dict[str, Any], models: Models) -> Order:
    """Checks what the page asks to be drawn.

    Args:
      values: `model`; `n_pictures`; of the settings those named above; and where something was
        painted `prompt`, its pixels, and `mask`, 1 for each pixel that is to be drawn; or `sketch`.
      models: that there are.

    Raises:
      UsageError: a value is unknown, of the wrong type, or out of range.
      CheckpointError: the model cannot be used.
    """
    _refuse_unknown(values, ("model", "n_pictures", *_SETTINGS, *_PAINTINGS))
    config = models.config(values.get("model"))
    n_pictures = values.get("n_pictures", 1)
    require_int("n_pictures", n_pictures, 1, _MOST_PICTURES)
    named = {k: v for k, v in values.items() if k in _SETTINGS and v is not None}
    require_int("best_of", named.get("best_of", 1), 1, _MOST_CANDIDATES)
    prompt, mask = _painted(values, config.pictures)
    sketch = _sketch(values.get("sketch"), config.pictures)
    for name, value in named.items():
        if isinstance(value, list):  # each of which would be a row or a column more
            raise UsageError(f"{name} must be one value")
    if prompt is None:
        named["batch_size"] = n_pictures
    else:  # a column each, so that the recipe holds what was painted once
        named["temperature"] = [named.get("temperature", 1.0)] * n_pictures
    try:
        settings = DrawingSettings.of(**named)
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError("a setting is of the wrong type") from None
    require_words(settings, config)
    return Order(values["model"], settings, prompt, mask, sketch)


def snapped(values: dict[str, Any], models: Models) -> str:
    """Returns the model's own colours of some pixels, packed as they came.

    Args:
      values: `model` and `pixels`.
      models: that there are.

    Raises:
      UsageError: see `read_order`.
      CheckpointError: see there.
    """
    _refuse_unknown(values, ("model", "pixels"))
    pictures = models.config(values.get("model")).pictures
    pixels = _pixels("pixels", values.get("pixels"))
    codec = codec_of(pictures)
    colours = codec.decode(codec.encode(pixels[:, : pictures.n_channels]))
    whole = np.full_like(pixels, 255)
    whole[:, : pictures.n_channels] = colours
    return base64.b64encode(whole.tobytes()).decode()


def _painted(
    values: dict[str, Any], pictures: PictureSettings
) -> tuple[Painted | None, Painted | None]:
    """Returns prompt and mask; None where nothing is kept."""
    prompt, sent_mask = values.get("prompt"), values.get("mask")
    if prompt is None and sent_mask is None:
        return None, None
    pixels = _pixels("prompt", prompt, pictures.n_pixels)
    mask = np.frombuffer(_bytes("mask", sent_mask, pictures.n_pixels), np.uint8) > 0
    if mask.all():
        return None, None
    # What is not kept may be any colour, also none of the model's.
    pixels = np.where(mask[:, None], pixels[mask.argmin()], pixels)
    tokens = np.where(mask, PAD_ID, _tokens(pixels, pictures))
    return Painted.of(tokens), Painted.of(mask)


def _sketch(sent: Any, pictures: PictureSettings) -> Painted | None:
    """Returns the tokens of a sketch; where nothing was painted, it is as empty as pictures are."""
    if sent is None:
        return None
    pixels = _pixels("sketch", sent, pictures.n_pixels)
    if not pictures.alpha:
        empty = (*ImageColor.getrgb(pictures.background)[:3], 255)
        pixels = np.where(pixels[:, 3:] < OPAQUE, np.array(empty, np.uint8), pixels)
    return Painted.of(_tokens(pixels, pictures))


def _tokens(pixels: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns the tokens of a painting, uint8 RGBA (L, 4), as int32 (L,), in reading order too."""
    whole = pixels[:, : pictures.n_channels].reshape(*pictures.shape, -1)
    painting = Image.fromarray(np.ascontiguousarray(whole))
    painting.info[RECIPE_KEY] = ""  # it has the model's own colours, which come back exactly
    (tokens,) = tokens_of_each([painting], pictures)
    return order_of(pictures).picture(tokens).ravel()


def _pixels(name: str, value: Any, n_pixels: int | None = None) -> np.ndarray:
    """Unpacks colours, uint8 RGBA (L, 4)."""
    n_bytes = None if n_pixels is None else 4 * n_pixels
    unpacked = _bytes(name, value, n_bytes)
    if len(unpacked) % 4:
        raise UsageError(f"{name} is not of whole pixels")
    return np.frombuffer(unpacked, np.uint8).reshape(-1, 4)


def _bytes(name: str, value: Any, n_bytes: int | None) -> bytes:
    """Unpacks what was sent in base 64.

    Raises:
      UsageError: it is nothing of the kind, or of another size.
    """
    try:
        unpacked = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise UsageError(f"{name} is not in base 64") from None
    if n_bytes is not None and len(unpacked) != n_bytes:
        raise UsageError(f"{name} is not of the model's size")
    return unpacked


def _refuse_unknown(values: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(f"{unknown[0][:40]!r} is nothing that can be asked for")
