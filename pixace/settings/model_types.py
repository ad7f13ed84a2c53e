"""The types of models: the settings that each has, and their defaults."""

from __future__ import annotations

from typing import Any

ATTENTION_TYPES = ("transformer", "reformer")
CONVOLUTION_TYPES = ("pixelcnn", "pixelcnn_residual")

_ATTENTION = {"d_model": 512, "d_ff": 2048, "n_layers": 6, "n_heads": 8, "positions": "sequence"}

# What shapes a model of each type, besides what all types know of pictures and tokens.
TYPE_DEFAULTS: dict[str, dict[str, Any]] = {
    "transformer": _ATTENTION,
    "reformer": _ATTENTION,
    "pixelcnn": {"d_model": 128, "d_ff": 512, "n_layers": 10, "kernel_size": 5},
    "pixelcnn_residual": {"d_model": 256, "d_ff": 512, "n_layers": 12, "kernel_size": 3},
    "pointer": {"d_model": 512, "d_ff": 2048, "n_layers": 6, "n_heads": 8},
}
MODEL_TYPES = tuple(TYPE_DEFAULTS)
# Of a new training, as it learns pictures several times faster than the others; and of weights that
# say nothing, as those of the program of 2020 do.
NEW_TYPE, UNTOLD_TYPE = "pointer", "reformer"
_SETTINGS = frozenset(name for defaults in TYPE_DEFAULTS.values() for name in defaults)


def has_setting(model_type: str, name: str) -> bool:
    """Returns whether models of a type have a setting: one of their own, or one that all have."""
    return name in TYPE_DEFAULTS[model_type] or name not in _SETTINGS


def types_with(name: str) -> tuple[str, ...]:
    """Returns the types whose models have a setting."""
    return tuple(kind for kind in MODEL_TYPES if has_setting(kind, name))


def spelled_defaults(setting: str) -> str:
    """Spells a setting's default for each type that has it, for the help of its flag."""
    types_by_default: dict[Any, list[str]] = {}
    for model_type, defaults in TYPE_DEFAULTS.items():
        if setting in defaults:
            types_by_default.setdefault(defaults[setting], []).append(model_type)
    return "; ".join(f"{', '.join(types)} {value}" for value, types in types_by_default.items())
