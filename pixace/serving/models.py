"""The models that the page may choose from, and what it has to know of each."""

from __future__ import annotations

import colorsys
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageColor

from pixace.checkpoints.bundled import ready_models
from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import check_model_name, holds_checkpoints, locate
from pixace.checkpoints.record import read_words
from pixace.errors import CheckpointError, PixaceError, UsageError
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.drawing.predictor import Predictor

_MOST_SWATCHES = 256  # of a model with more colours, some are shown
_HUES, _TONES = 12, ((0.45, 1.0), (1.0, 1.0), (1.0, 0.6), (1.0, 0.3))  # saturation and value
_GREYS = 12
_MOST_WORDS = 200  # that are proposed


class Models:
    """The models of a folder, and those that come with the package.

    Args:
      weights_dir: top folder of all models.
      chosen: the one to begin with; None takes the first.

    Raises:
      UsageError: `chosen` is no name of a model, or weights_dir none of a folder.
      CheckpointError: there is no such model.
    """

    def __init__(self, weights_dir: Path | str, chosen: str | None = None) -> None:
        self._weights_dir = Path(local_path("weights_dir", weights_dir))
        if chosen is not None:
            locate(chosen, self._weights_dir, None)
        self.chosen = chosen or self.names()[0]
        self._open: tuple[tuple[Path, int, int], Predictor] | None = None

    def names(self) -> list[str]:
        """Returns what they are called, in order."""
        folders: list[str] = []
        if os.path.isdir(self._weights_dir):
            folders = [
                path.name
                for path in self._weights_dir.iterdir()
                if _is_name(path.name) and holds_checkpoints(path)
            ]
        return sorted({*folders, *ready_models()})

    def config(self, name: Any) -> ModelConfig:
        """Returns the settings of a model.

        Raises:
          UsageError: there is none of that name.
          CheckpointError: its files cannot be used.
        """
        path = self._locate(name)
        config = stored_config(path)
        if config is None:
            raise CheckpointError(f"{shown(path)}: no settings are stored with it")
        return config

    def described(self, name: Any) -> dict[str, Any]:
        """Returns what the page has to know of a model, as plain JSON values.

        Raises:
          UsageError: see `config`.
          CheckpointError: see `config`.
        """
        config = self.config(name)
        words = read_words(self._locate(name))
        return {
            "name": name,
            "width": config.pictures.width,
            "height": config.pictures.height,
            "alpha": config.pictures.alpha,
            "background": bytes(ImageColor.getrgb(config.background)[:3]).hex(),
            "fit": config.pictures.fit,
            "n_colours": codec_of(config.pictures).n_tokens - N_RESERVED,
            "swatches": swatches(config.pictures),
            "knows_words": config.caption_length is not None,
            "classes": list(words.classes),
            "words": [word for word, _ in words.words[:_MOST_WORDS]],
        }

    def predictor(self, name: str) -> Predictor:
        """Opens a model to draw, or returns it where it is the last one and the same file.

        Raises:
          UsageError: see `config`.
          CheckpointError: see `config`.
        """
        from pixace.drawing.predictor import get_predictor

        path = self._locate(name)
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if self._open is None or self._open[0] != key:
            self._open = None  # the weights of two would be in memory
            self._open = key, get_predictor(name, weights_dir=self._weights_dir)
        return self._open[1]

    def _locate(self, name: Any) -> Path:
        if not isinstance(name, str) or name not in self.names():
            raise UsageError("there is no such model here")
        return locate(name, self._weights_dir, None)


def swatches(pictures: PictureSettings) -> list[str]:
    """Returns colours to paint with, as rrggbb: all that there are, or some of very many."""
    codec = codec_of(pictures)
    if codec.n_tokens - N_RESERVED <= _MOST_SWATCHES:
        colours = codec.colours()[N_RESERVED:]
    else:
        colours = codec.decode(codec.encode(_with_alpha(_wheel(), pictures)))
    return [*dict.fromkeys(bytes(colour[:3]).hex() for colour in colours)]


def _wheel() -> np.ndarray:
    """Returns greys, and hues in some tones, uint8 (N, 3)."""
    greys = [(level / (_GREYS - 1),) * 3 for level in range(_GREYS)]
    tones = [
        colorsys.hsv_to_rgb(hue / _HUES, saturation, value)
        for saturation, value in _TONES
        for hue in range(_HUES)
    ]
    return np.round(255 * np.array([*greys, *tones])).astype(np.uint8)


def _with_alpha(colours: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    if not pictures.alpha:
        return colours
    return np.concatenate([colours, np.full_like(colours[:, :1], 255)], axis=1)


def _is_name(name: str) -> bool:
    try:
        check_model_name(name)
    except PixaceError:
        return False
    return True
