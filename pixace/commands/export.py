"""`pixace export`."""

from __future__ import annotations

from absl import flags

from pixace.checkpoints.folder import locate
from pixace.checkpoints.safetensors_file import checked_output, require_safetensors
from pixace.commands.flags import (
    define_settings,
    define_texts,
    define_weights_flags,
    typed_settings,
)
from pixace.settings.model import ModelConfig
from pixace.wording import shown

_FORMATS = ("safetensors",)


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_weights_flags(values)
    flags.DEFINE_enum(
        "format",
        _FORMATS[0],
        _FORMATS,
        "Kind of file: safetensors, with the settings in its header.",
        flag_values=values,
    )
    define_texts(values, out="Output file (default: NAME.safetensors).")
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Writes the file, and prints its path."""
    names = ("model_name", "weights_dir", "checkpoint", "out")
    named = {name: values[name].value for name in names}
    # Before trax is imported, which `export_model` needs.
    weights = locate(named["model_name"], named["weights_dir"], named["checkpoint"])
    checked_output(named["out"], named["model_name"], weights)
    require_safetensors()

    from pixace.models.export import export_model

    print(shown(export_model(**named, **typed_settings(values))))
