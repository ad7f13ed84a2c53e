"""What may be asked for of `pixace predict`, from Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from pixace.drawing.painted import Painted
from pixace.drawing.prompts import PromptSource
from pixace.drawing.recipe import USED_FILES
from pixace.drawing.used_files import PictureSource
from pixace.settings.paths import local_path
from pixace.settings.reading import FIRST
from pixace.settings.training import DEFAULT_WEIGHTS_DIR

_PATHS = (*USED_FILES, "like", "out", "sheet", "film", "nearest", "cache_dir")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawRequest:
    """What to draw, with which model, and into which files.

    Attributes:
      model_name: folder under weights_dir; where none is named, that of the recipe in `like`.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best".
      settings: the model's settings by the names of `ModelConfig`; needed only where none are
        stored beside the weights.
      drawing: how to draw, by the names of `DrawingSettings`, or a `quality`, see `with_meanings`;
        what is not named is as `like` says, or else as by default.
      prompts: files, URLs and pictures to complete, a row each, or one for each text; None
        completes those of `like`.
      mask: which parts of the prompts to draw, a file or a picture: white or transparent there, and
        black where they are kept. None goes by `drawing`, or by `like`.
      init: a rough sketch that every picture follows by its colours, a file or a picture; as much
        as `init_strength` of `drawing` says. None follows that of `like`, if it has one.
      overlay: what to keep in every picture, a file or a picture: its opaque pixels, over those of
        prompts, if there are some. None keeps those of `like`.
      allow_private_urls: fetch prompts also from this machine and its own network.
      like: a file that pixace drew and that carries its recipe: draw as it was drawn. What is named
        beside it wins. What the recipe completes is used where it is a file, and never fetched.
        A single picture is drawn alone, unless batch_size, temperature, guidance, words, prompts or
        what is swept are named.
      out: the file of the collage, whose suffix says the format; or a folder, which is there or
        ends in a slash, for each result as a PNG of its own: 001-1.png is that of the first row and
        column. None is collage.png, or nothing where there is a sheet.
      sheet: the .png of all results as frames side by side, beside which a .json describes them as
        Aseprite does; or a .tsj for Tiled, with the .png beside it; None writes none. A folder and
        a sheet replace no file.
      film: the .gif in which the collage appears pixel by pixel; None writes none.
      nearest: folder of training images; the nearest to each picture is shown at the right.
      cache_dir: the folder that keeps their tokens, as in a training.
      grid: cells to cut them into, as in a training; see `ReadingSettings`. They are unscaled where
        prompts are.
      drafts: whether to guess pixels, and to draw as many in a call of the model as are guessed
        right: the same pictures, usually sooner.
      frames: "first" or "all" of those that are animated.
    """

    model_name: str | None = None
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR
    checkpoint: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drawing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prompts: PromptSource | Sequence[PromptSource] | None = None
    mask: PictureSource | None = None
    init: PictureSource | None = None
    overlay: PictureSource | None = None
    allow_private_urls: bool = False
    like: Path | str | None = None
    out: Path | str | None = None
    sheet: Path | str | None = None
    film: Path | str | None = None
    nearest: Path | str | None = None
    cache_dir: Path | str | None = None
    grid: str | None = None
    frames: str = FIRST
    drafts: bool = True


def with_local_paths(request: DrawRequest) -> DrawRequest:
    """Returns a request whose files and folders are called as the system calls them.

    Raises:
      UsageError: one can be no file or folder of this machine.
    """
    values = {name: getattr(request, name) for name in _PATHS}
    named = {
        k: value
        for k, value in values.items()
        if not isinstance(value, Image.Image | Painted | None)
        and (not isinstance(value, str) or value)
    }
    local: dict[str, Any] = {name: local_path(name, value) for name, value in named.items()}
    return dataclasses.replace(request, **local)
