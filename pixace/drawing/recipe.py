"""The recipe of a picture: everything that draws it again, kept as text inside the picture's file.

PNG keeps it in a text chunk called `pixace`, JPEG and WebP in the EXIF comment, GIF in its comment;
BMP has no place for it. A recipe that is read may be a stranger's: it is bounded and checked value
by value, and nothing that it names is opened here.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixace import __version__
from pixace.checkpoints.folder import check_model_name, epoch_path, find_checkpoint, locate
from pixace.drawing.layout import GRID, Layout, layout_of
from pixace.drawing.painted import Painted
from pixace.errors import ImageError, UsageError
from pixace.pictures.metadata import look_inside, text_inside
from pixace.settings.checks import require_choice, require_int
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.settings.scans import drawn_pictures
from pixace.system.files import file_sha256
from pixace.tokens.codec import codec_of
from pixace.wording import shown

_log = logging.getLogger(__name__)

_MAX_TEXT = 64_000  # JPEG's EXIF ends at 65,533 bytes
_MAX_NAMES = 30_000  # of them for the names of prompts
_TILE = 100  # of them that the recipe of a single picture has more than that of all
_MAX_NAME, _MAX_PATH = 255, 4096  # characters, of files and of prompts
_MAX_STEP = 2**31
_MAX_REASON = 200
# Files besides prompts: what messages call them, by the names of flags and fields.
USED_FILES = {"mask": "a mask", "init": "a sketch", "overlay": "an overlay"}


@dataclasses.dataclass(frozen=True)
class UsedFile:
    """A file that a drawing used besides its prompts, such as a mask.

    Attributes:
      name: as named; None for a picture without a name.
      sha256: of the file, or of what was made of the picture; in hexadecimal.

    Raises:
      UsageError: a value of the wrong type.
    """

    name: str | None
    sha256: str

    def __post_init__(self) -> None:
        if self.name is not None:
            _string("the name of a file", self.name, _MAX_PATH)
        _check_sha256(self.sha256)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What draws a picture again.

    Attributes:
      model_name: folder of the model, None if a file of weights was named instead.
      checkpoint: name of the file of weights, without its folder.
      sha256: of that file, in hexadecimal.
      step: training steps behind the weights.
      config: the model's settings.
      drawing: how it was drawn; the seed is never None.
      prompts: what was completed, as named, or itself where it was painted; None for a picture
        without a name.
      mask: which parts of them were drawn; None where the settings say it.
      init: the sketch that was followed.
      overlay: what was kept besides.
      pixace_version: that drew it.
      tile: row and column, from 0, of the only one of all these results that the picture shows;
        None shows them all.
      is_grid: whether the collage is a grid of them, and not a row below the other; files say so
        by `"layout": "grid"`, and those of one picture, or older ones, do not.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    model_name: str | None
    checkpoint: str
    sha256: str
    step: int
    config: ModelConfig
    drawing: DrawingSettings
    prompts: tuple[str | Painted | None, ...] = ()
    mask: UsedFile | Painted | None = None
    init: UsedFile | Painted | None = None
    overlay: UsedFile | Painted | None = None
    pixace_version: str = __version__
    tile: tuple[int, int] | None = None
    is_grid: bool = False

    def __post_init__(self) -> None:
        if self.model_name is not None:
            check_model_name(_string("model_name", self.model_name))
        name = _string("checkpoint", self.checkpoint, _MAX_NAME)
        if os.path.basename(name) != name:
            raise UsageError("checkpoint must be the name of a file, without a folder")
        _check_sha256(self.sha256)
        require_int("step", self.step, 0, _MAX_STEP)
        require_int("seed", self.drawing.seed, 0)
        for prompt in self.prompts:
            if not isinstance(prompt, Painted | None):
                _string("prompts", prompt, _MAX_PATH)
        n_tokens = codec_of(self.config.pictures).n_tokens
        for painted in (*self.prompts, self.mask, self.init, self.overlay):
            if isinstance(painted, Painted):
                n_kinds = 2 if painted is self.mask else n_tokens
                painted.numbers(self.config.n_pixels, n_kinds)
        _string("pixace_version", self.pixace_version)
        if self.tile is not None:
            if len(self.tile) != 2:
                raise UsageError("tile must be a row and a column")
            require_int("tile", self.tile[0], 0, self.layout.n_rows - 1)
            require_int("tile", self.tile[1], 0, self.layout.n_columns - 1)

    @property
    def pictures(self) -> PictureSettings:
        """What the pictures are, and in which order their pixels come."""
        return drawn_pictures(self.config, self.drawing)

    @property
    def layout(self) -> Layout:
        """The results, and which of them the picture shows."""
        return self.layout_with(0)

    def layout_with(self, n_more_columns: int) -> Layout:
        """Returns the layout where the collage shows more columns at the right of each row."""
        n_rows, n_columns = self.drawing.n_rows(len(self.prompts)), len(self.drawing.columns)
        size = self.config.pictures.size
        return layout_of(
            n_rows,
            n_columns,
            size,
            tile=self.tile,
            is_grid=self.is_grid,
            n_more_columns=n_more_columns,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the recipe as plain JSON values."""
        values = dataclasses.asdict(self)
        for name in ("tile", *USED_FILES):
            if values[name] is None:
                del values[name]
        if values.pop("is_grid"):
            values["layout"] = GRID
        return {**values, "config": self.config.to_dict(), "drawing": self.drawing.to_dict()}

    def to_text(self) -> str:
        """Returns the recipe as one line of JSON in ASCII."""
        return json.dumps(self.to_dict())

    def find_weights(self, weights_dir: Path | str) -> Path:
        """Returns the file of weights that drew it, or else, with a warning, what has its name now.

        After more training, the weights that were the newest are those of an epoch.

        Raises:
          CheckpointError: there is no such model, or no such file in it.
          UsageError: the recipe names no model.
        """
        if self.model_name is None:
            raise UsageError(
                f"the recipe names no model but a file, {shown(self.checkpoint)}; name it with "
                "--checkpoint"
            )
        folder = locate(self.model_name, weights_dir, None).parent
        named = folder / self.checkpoint
        for path in (named, epoch_path(folder, self.step)):
            if os.path.isfile(path) and file_sha256(path) == self.sha256:
                return path
        path = find_checkpoint(folder, str(named))
        _log.warning("%s has changed since: the pictures will differ", shown(path))
        return path

    @classmethod
    def from_text(cls, text: str) -> Recipe:
        """Reads what `to_text` wrote.

        Raises:
          UsageError: it is no such text, or a value is of the wrong type or out of range.
        """
        if len(text) > _MAX_TEXT:
            raise UsageError(f"more than {_MAX_TEXT} characters")
        try:
            values = dict(_object("recipe", json.loads(text)))
        except (ValueError, RecursionError):
            raise UsageError("not a JSON object") from None
        is_grid = "layout" in values
        if is_grid:
            require_choice("layout", values.pop("layout"), (GRID,))
        _refuse_unknown("recipe", values, cls, but="is_grid")
        drawing = dict(_object("drawing", values.get("drawing")))
        _refuse_unknown("drawing", drawing, DrawingSettings)
        drawing["temperature"] = _tuple("temperature", drawing.get("temperature"))
        for name in {"text", "class_name", "guidance"} & {*drawing}:
            drawing[name] = _tuple(name, drawing[name])
        config = ModelConfig.from_dict(_object("config", values.get("config")))
        tile = None if "tile" not in values else _tuple("tile", values["tile"])
        used = {name: _used(name, values[name]) for name in USED_FILES if name in values}
        try:
            return cls(
                **{
                    **values,
                    **used,
                    "config": config,
                    "drawing": DrawingSettings(**drawing),
                    "prompts": _prompts(values.get("prompts")),
                    "tile": tile,
                    "is_grid": is_grid,
                }
            )
        except TypeError:  # a name that has no default is missing
            raise UsageError("it is not complete") from None


def with_names(recipe: Recipe, names: Sequence[str | Painted | None]) -> Recipe:
    """Returns a recipe that names its prompts, or the same where a file could not carry all names.

    What was painted is nowhere else, and always carried.

    Args:
      recipe: whose prompts have no names.
      names: as many.

    Raises:
      UsageError: a file could not even carry what is said in words, or was painted.
    """
    named = dataclasses.replace(recipe, prompts=tuple(names))
    of_files = [name for name in names if not isinstance(name, Painted)]
    if len(json.dumps(of_files)) <= _MAX_NAMES and len(named.to_text()) <= _MAX_TEXT - _TILE:
        return named
    if any(
        isinstance(each, Painted) for each in (*names, recipe.mask, recipe.init, recipe.overlay)
    ):
        raise UsageError("what was painted is too much for a picture's file; paint less of it")
    if recipe.drawing.text_prompts and len(recipe.to_text()) > _MAX_TEXT - _TILE:
        raise UsageError("so many words and colours go into no picture's file; name fewer texts")
    return recipe


def read_recipe(path: Path | str) -> Recipe:
    """Reads the recipe inside a picture's file; its pixels are not decoded.

    Raises:
      ImageError: it cannot be read, carries no recipe, or one that cannot be used.
    """
    text, name = look_inside(path, text_inside), shown(path)
    if text is None:
        raise ImageError(f"{name}: carries no recipe of pixace")
    try:
        return Recipe.from_text(text)
    except UsageError as error:
        reason = str(error)[:_MAX_REASON]  # it quotes
        raise ImageError(f"{name}: its recipe cannot be used: {reason}") from None


def _string(name: str, value: Any, longest: int = _MAX_NAME) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        raise UsageError(f"{name} is no text that names something")
    return value


def _check_sha256(value: Any) -> None:
    if not re.fullmatch("[0-9a-f]{64}", _string("sha256", value)):
        raise UsageError("sha256 must be 64 hexadecimal digits")


def _used(name: str, value: Any) -> UsedFile | Painted:
    values = _object(name, value)
    if "painted" in values:
        _refuse_unknown(name, values, Painted)
        return Painted(values["painted"])
    _refuse_unknown(name, values, UsedFile)
    return UsedFile(values.get("name"), values.get("sha256", ""))


def _prompts(value: Any) -> tuple[Any, ...]:
    prompts = _tuple("prompts", value)
    return tuple(
        _used("prompts", prompt) if isinstance(prompt, dict) and "painted" in prompt else prompt
        for prompt in prompts
    )


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{name} is not a JSON object")
    return value


def _tuple(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list")
    return tuple(value)


def _refuse_unknown(name: str, values: Mapping[str, Any], kind: type, but: str = "") -> None:
    known = {field.name for field in dataclasses.fields(kind)} - {but}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(f"{name} holds {unknown[0]!r}, which this pixace does not know")
