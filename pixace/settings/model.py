"""The settings that shape a model and its tokens; they travel with the weights as JSON."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import check_colour, require_choice
from pixace.settings.colours import (
    BITDEPTH,
    HSV,
    agree,
    as_setting,
    hsv,
    hsv_bits,
    named_colours,
)
from pixace.settings.fields import check_settings, setting, stored_values
from pixace.settings.model_types import (
    MODEL_TYPES,
    NEW_TYPE,
    TYPE_DEFAULTS,
    UNTOLD_TYPE,
    has_setting,
    spelled_defaults,
    types_with,
)
from pixace.settings.pictures import (
    ANY,
    BACKGROUND,
    FIT,
    FITS,
    IMAGE_SIZE,
    ROWS,
    SCANS,
    PictureSettings,
    as_image_size,
    size_of,
)
from pixace.wording import quoted, shown, spell

POSITIONS = ("sequence", "grid")
CAPTION_LENGTH = 64  # of a new model that learns words

# What config.json and recipes hold whatever it is; see `stored_values`.
_ALWAYS_STORED = (
    *("model_type", "image_size", "bitdepth", "d_model", "d_ff", "n_layers", "n_heads"),
    *("background", "positions", "kernel_size"),
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shape of the weights and the meaning of the tokens.

    A picture has L = W * H tokens. Of bitdepth and colours one is None: those of HSV are
    bits, V = 2**sum(bitdepth) + 2 tokens, and all others are `colours`; with alpha, the second of
    the two reserved ids is the token of a transparent pixel. Which of d_model, d_ff,
    n_layers, n_heads, positions and kernel_size a model has, and their defaults, its type decides
    (`model_types`); those it has not are None. A model without caption_length knows no words.
    No sensible model exceeds the bounds: they keep a typing error, or a settings file written by
    a stranger, from asking for all the memory there is.

    Raises:
      UsageError: a value of the wrong type or out of range, or of a setting that the model type has
        not.
    """

    model_type: str = setting(
        UNTOLD_TYPE, f"Kind of model: one of {', '.join(MODEL_TYPES)}.", choices=MODEL_TYPES
    )
    image_size: int | str = setting(  # see `size_of` for its bounds
        IMAGE_SIZE, "Edge of the square picture in pixels, or its width and height, such as 32x18."
    )
    bitdepth: tuple[int, ...] = setting(
        None, "Bits of hue, saturation and value.", unset=spell(BITDEPTH)
    )
    d_model: int = setting(
        None,
        "Width of the embeddings (of a Reformer, of each of its two halves), or channels of a "
        "PixelCNN.",
        unset=spelled_defaults("d_model"),
        bounds=(2, 8192),
    )
    d_ff: int = setting(
        None,
        "Width of the feed-forward layers, or of a PixelCNN's last layer but one.",
        unset=spelled_defaults("d_ff"),
        bounds=(1, 65536),
    )
    n_layers: int = setting(
        None, "Number of blocks.", unset=spelled_defaults("n_layers"), bounds=(1, 128)
    )
    n_heads: int = setting(
        None,
        "Attention heads per block, which split d_model evenly.",
        unset=spelled_defaults("n_heads"),
        bounds=(1, 128),
    )
    background: str = setting(
        BACKGROUND, "Colour that shows through transparent pixels, such as white or #336699."
    )
    positions: str = setting(
        None,
        "What the model is told of a pixel's place: its number in the sequence, or its row and "
        "column in the grid.",
        unset=spelled_defaults("positions"),
        choices=POSITIONS,
    )
    kernel_size: int = setting(
        None,
        "Columns that convolutions see at once, an odd number; of as many rows, those above and "
        "the pixel's own.",
        unset=spelled_defaults("kernel_size"),
        bounds=(3, 31),
    )
    colours: str = setting(
        None,
        "Colours that pixels can have: by their bits, hsv:5,4,4, rgb:3,3,2 or grey:4; or those of "
        "a palette by its file (palette:mine.gpl, .hex, .pal or .png), its name (palette:pico-8), "
        "or found in the images (palette:auto, palette:auto:64).",
        unset="as bitdepth says",
    )
    alpha: bool = setting(
        False,
        "Pixels that are mostly transparent stay so, and are drawn: pictures come out with "
        "transparency.",
    )
    fit: str = setting(
        FIT,
        "How pictures of other shapes become of the model's: squash them; crop them to the largest "
        "part in the middle; pad them with the background.",
        choices=FITS,
    )
    scan: str = setting(
        ROWS,
        "In which order a model learns and draws pixels: by rows from the top left; by columns "
        "from there; reversed, row by row from the bottom right; or any of eight orders, "
        "which the model is told, so that each side of a prompt may come first.",
        choices=(*SCANS, ANY),
    )
    caption_length: int | None = setting(
        None,
        "Bytes of a caption that the model reads; longer ones are cut at a word.",
        unset=f"{CAPTION_LENGTH} where there are captions",
        bounds=(1, 1024),
    )

    def __post_init__(self) -> None:
        require_choice("model_type", self.model_type, MODEL_TYPES)
        require_settings_of(self.model_type, self._given())
        for name, default in TYPE_DEFAULTS[self.model_type].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        check_settings(self)
        object.__setattr__(self, "image_size", as_image_size(size_of(self.image_size)))
        colours = named_colours(self.bitdepth, self.colours) or hsv(BITDEPTH)
        is_hsv = colours.startswith(HSV)
        bits = hsv_bits(colours.removeprefix(HSV)) if is_hsv else None
        object.__setattr__(self, "bitdepth", bits)
        object.__setattr__(self, "colours", None if is_hsv else colours)
        check_colour(self.background)
        if self.kernel_size is not None and self.kernel_size % 2 == 0:
            raise UsageError(f"kernel_size must be odd, not {self.kernel_size}")
        if self.scan == ANY and self.n_heads is None:
            known = ", ".join(types_with("n_heads"))
            raise UsageError(f"a {self.model_type} has one scan; scan=any is of models of {known}")
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
        return PictureSettings.of(
            self.image_size,
            self.bitdepth,
            self.background,
            self.colours,
            self.alpha,
            self.fit,
            ROWS if self.scan == ANY else self.scan,
        )

    @property
    def prefix_length(self) -> int | None:
        """Tokens that the model reads before pixels: a caption, and one that tells their order."""
        if self.scan != ANY:
            return self.caption_length
        return (self.caption_length or 0) + 1

    @property
    def n_pixels(self) -> int:
        """L, the length of the sequences that the model knows."""
        return self.pictures.n_pixels

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings that models of this type have, as plain JSON values."""
        values = stored_values(self, _ALWAYS_STORED, TYPE_DEFAULTS[self.model_type])
        given = {name: value for name, value in values.items() if value is not None}
        return given if self.colours else {**given, "bitdepth": list(self.bitdepth)}

    def as_flags(self) -> str:
        """Spells the settings as the command line does."""
        return " ".join(f"--{name}={spell(value)}" for name, value in self.to_dict().items())

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
            raise UsageError(
                f"a {model_type} has no {name}, which model_type={' or '.join(types_with(name))} "
                f"has; its settings are {known}"
            )


def new_config(named: Mapping[str, Any]) -> ModelConfig:
    """Returns the settings of a new training, whose type is `NEW_TYPE` unless it is named.

    Raises:
      UsageError: a named setting is unknown, or out of range.
    """
    return ModelConfig.from_dict({"model_type": NEW_TYPE, **named})


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
    if stored is None:
        return ModelConfig.from_dict(named)
    colours = named_colours(named.get("bitdepth"), named.get("colours"))
    for name, value in named.items():
        if name not in SETTING_NAMES:
            raise UsageError(f"unknown setting {name!r}; known are {', '.join(SETTING_NAMES)}")
        if name != "model_type":
            require_settings_of(stored.model_type, [name])
        if (differing := _difference(stored, name, value, colours)) is not None:
            raise UsageError(
                f"{differing[0]} contradicts {differing[1]} of the model in {shown(source)}; leave "
                "it out, or choose another model_name"
            )
    return stored


def _difference(
    stored: ModelConfig, name: str, value: Any, colours: str | None
) -> tuple[str, str] | None:
    """Returns how a named setting and the stored one are spelt, if they differ.

    Args:
      stored: the settings of a model.
      name: of the setting.
      value: that a user has named.
      colours: what the user's settings name together.
    """
    if colours is not None and name in ("bitdepth", "colours"):
        own = stored.pictures.colours
        return None if agree(colours, own) else (as_setting(colours), as_setting(own))
    own = getattr(stored, name)
    if name == "image_size" and not isinstance(value, int):  # as "8x8", which is 8
        value = as_image_size(size_of(value))
    return None if value == own else (f"{name}={spell(value)}", f"{name}={spell(own)}")
