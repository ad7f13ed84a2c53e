"""The settings that shape a model and its tokens; they travel with the weights as JSON."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import check_bitdepth, check_colour, require_choice, require_int
from pixace.settings.model_types import MODEL_TYPES, TYPE_DEFAULTS, has_setting
from pixace.settings.pictures import BACKGROUND, BITDEPTH, IMAGE_SIZE, MAX_EDGE, PictureSettings
from pixace.wording import quoted, shown, spell

POSITIONS = ("sequence", "grid")

# Bounds that no sensible model exceeds. They keep a typing error, or a settings file written by a
# stranger, from asking for all the memory there is.
_LIMITS = {
    "image_size": (1, MAX_EDGE),
    "d_model": (2, 8192),
    "d_ff": (1, 65536),
    "n_layers": (1, 128),
    "n_heads": (1, 128),
    "kernel_size": (3, 31),
}
_DEFAULT_OF_TYPE: Any = (
    None  # stands for the model type's default, or for a setting that it has not
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shape of the weights and the meaning of the tokens.

    Which of d_model, d_ff, n_layers, n_heads, positions and kernel_size a model has, and their
    defaults, its type decides (`model_types`); those it has not are None.

    Attributes:
      model_type: name of a builder in `pixace.models.build`.
      image_size: edge of the square picture in pixels; L = image_size**2 tokens.
      bitdepth: bits of hue, saturation and value; V = 2**sum(bitdepth) + 2.
      d_model: width of the embeddings (for a Reformer, of each of its two halves; for a PixelCNN,
        channels of its blocks).
      d_ff: width of the feed-forward layers (for a PixelCNN, of the last layer but one).
      n_layers: number of blocks.
      n_heads: attention heads per block; they split d_model evenly.
      background: colour that shows through transparent pixels, as Pillow spells colours.
      positions: what the model is told of a pixel's place: its number in the "sequence", or its row
        and column in the "grid".
      kernel_size: columns that a PixelCNN's convolutions see at once, an odd number; of as many
        rows, those above and the pixel's own.

    Raises:
      UsageError: a value of the wrong type or out of range, or of a setting that the model type has
        not.
    """

    model_type: str = "reformer"
    image_size: int = IMAGE_SIZE
    bitdepth: tuple[int, ...] = BITDEPTH
    d_model: int = _DEFAULT_OF_TYPE
    d_ff: int = _DEFAULT_OF_TYPE
    n_layers: int = _DEFAULT_OF_TYPE
    n_heads: int = _DEFAULT_OF_TYPE
    background: str = BACKGROUND
    positions: str = _DEFAULT_OF_TYPE
    kernel_size: int = _DEFAULT_OF_TYPE

    def __post_init__(self) -> None:
        require_choice("model_type", self.model_type, MODEL_TYPES)
        require_settings_of(self.model_type, self._given())
        for name, default in TYPE_DEFAULTS[self.model_type].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        for name, (low, high) in _LIMITS.items():
            if has_setting(self.model_type, name):
                require_int(name, getattr(self, name), low, high)
                object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's go into no JSON
        object.__setattr__(self, "bitdepth", check_bitdepth(self.bitdepth))
        check_colour(self.background)
        if self.positions is not None:
            require_choice("positions", self.positions, POSITIONS)
        if self.kernel_size is not None and self.kernel_size % 2 == 0:
            raise UsageError(f"kernel_size must be odd, not {self.kernel_size}")
        if self.n_heads is None and self.d_model % 2:
            raise UsageError(f"d_model must be even, not {self.d_model}")
        if self.n_heads is not None and (self.d_model % self.n_heads or self.d_model % 2):
            raise UsageError(
                f"d_model must be even and a multiple of n_heads, not {self.d_model} with "
                f"{self.n_heads} heads"
            )

    @functools.cached_property
    def pictures(self) -> PictureSettings:
        """Shape and colours of the pictures that the model knows."""
        return PictureSettings.of(self.image_size, self.bitdepth, self.background)

    @property
    def n_pixels(self) -> int:
        """L, the length of the sequences that the model knows."""
        return self.pictures.n_pixels

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings that models of this type have, as plain JSON values."""
        return {**self._given(), "bitdepth": list(self.bitdepth)}

    def as_flags(self) -> str:
        """Spells the settings as the command line does."""
        return " ".join(f"--{name}={spell(value)}" for name, value in self._given().items())

    def _given(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in SETTING_NAMES}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Builds settings from JSON values; refuses names it does not know.

        Raises:
          UsageError: an unknown name, or a value of the wrong type or out of range.
        """
        unknown = sorted(set(values) - set(SETTING_NAMES))
        if unknown:
            raise UsageError(
                f"unknown setting {quoted(unknown[0])}; known are {', '.join(SETTING_NAMES)}"
            )
        for name, value in values.items():
            if value is None:  # which stands for a default, where nothing is named
                raise UsageError(f"{name} must have a value, not null")
        return cls(**values)


SETTING_NAMES = tuple(field.name for field in dataclasses.fields(ModelConfig))


def require_settings_of(model_type: str, names: Iterable[str]) -> None:
    """Checks that models of a type have these settings.

    Raises:
      UsageError: they have not.
    """
    for name in names:
        if not has_setting(model_type, name):
            known = ", ".join(TYPE_DEFAULTS[model_type])
            raise UsageError(f"a {model_type} has no {name}; its settings are {known}")


def resolve_config(
    stored: ModelConfig | None, given: Mapping[str, Any], *, source: Path
) -> ModelConfig:
    """Merges what the user typed with what is stored beside the weights.

    Args:
      stored: the settings beside the weights, if there are any.
      given: settings the user named; None means "not named".
      source: the folder that `stored` came from, for the message.

    Raises:
      UsageError: a named setting contradicts the stored one, or is out of range.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if "bitdepth" in named:
        named["bitdepth"] = check_bitdepth(named["bitdepth"])
    if stored is None:
        return ModelConfig.from_dict(named)
    for name, value in named.items():
        if name not in SETTING_NAMES:
            raise UsageError(f"unknown setting {name!r}; known are {', '.join(SETTING_NAMES)}")
        if name != "model_type":
            require_settings_of(stored.model_type, [name])
        if value != getattr(stored, name):
            raise UsageError(
                f"{name}={spell(value)} contradicts {name}={spell(getattr(stored, name))} of the "
                f"model in {shown(source)}; leave it out, or choose another model_name"
            )
    return stored
