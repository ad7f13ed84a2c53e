"""Flags that several commands share, and the way from flags to plain arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from absl import flags

from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import locate
from pixace.errors import UsageError
from pixace.pictures.folder import find_images
from pixace.settings.checks import require_int
from pixace.settings.model import POSITIONS, SETTING_NAMES, ModelConfig, resolve_config
from pixace.settings.model_types import MODEL_TYPES, spelled_defaults
from pixace.settings.training import AUTO, DEFAULT_WEIGHTS_DIR, PRECISIONS, TrainingSettings


def define_location_flags(values: flags.FlagValues, *, model_name_help: str) -> None:
    """Registers the flags that say where a model is."""
    flags.DEFINE_string("model_name", None, model_name_help, flag_values=values)
    define_weights_dir_flag(values)


def define_weights_dir_flag(values: flags.FlagValues) -> None:
    """Registers the flag that says where all models are, under both its names."""
    flags.DEFINE_string(
        "weights_dir",
        DEFAULT_WEIGHTS_DIR,
        "Top folder of all models.",
        flag_values=values,
    )
    flags.DEFINE_alias("model_dir", "weights_dir", flag_values=values)


def define_measuring_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say which model measures which images."""
    define_location_flags(values, model_name_help="Folder under --weights_dir.")
    flags.DEFINE_string(
        "checkpoint", None, "Use this file, step, latest or best.", flag_values=values
    )
    flags.DEFINE_string("images", None, "Folder of images to measure.", flag_values=values)
    flags.DEFINE_integer(
        "batch_size", 8, "Images per pass; changes memory, not the result.", flag_values=values
    )


def measured(command: str, values: flags.FlagValues) -> tuple[Path, dict[str, Any], int]:
    """Finds wrong all that can be found so before trax is imported.

    Args:
      command: its name.
      values: parsed flags, those of `define_measuring_flags` and `define_model_flags` among them.

    Returns:
      The file of weights, the settings that the user typed, and the number of image files.

    Raises:
      UsageError, ImageError, CheckpointError: these flags cannot be used.
    """
    folder = values["images"].value
    if folder is None:
        raise UsageError(f"{command} needs --images=FOLDER")
    n_files = len(find_images(folder))
    path = locate(
        values["model_name"].value, values["weights_dir"].value, values["checkpoint"].value
    )
    settings = typed_settings(values)
    resolve_config(stored_config(path), settings, source=path.parent)
    require_int("batch_size", values["batch_size"].value, 1)
    return path, settings, n_files


def define_token_flags(values: flags.FlagValues) -> None:
    """Registers one flag for each setting of `ModelConfig` that says how pictures become tokens."""
    default = ModelConfig()
    flags.DEFINE_list(
        "bitdepth",
        ",".join(map(str, default.bitdepth)),
        "Bits for hue, saturation and value.",
        flag_values=values,
    )
    define_scaling_flags(values)


def define_scaling_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say how pictures of any kind become squares without holes."""
    default = ModelConfig()
    flags.DEFINE_integer(
        "image_size",
        default.image_size,
        "Edge of the square image in pixels.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "background",
        default.background,
        "Colour that shows through transparent pixels.",
        flag_values=values,
    )


def define_picture_file_flag(values: flags.FlagValues, default: str) -> None:
    """Registers the flag that names the picture to write."""
    flags.DEFINE_string(
        "out",
        default,
        "Output file; its suffix says the format: png, jpg, jpeg, webp, gif or bmp.",
        flag_values=values,
    )


def define_model_flags(values: flags.FlagValues) -> None:
    """Registers one flag for each setting of `ModelConfig`."""
    default = ModelConfig()
    flags.DEFINE_enum(
        "model_type", default.model_type, MODEL_TYPES, "Kind of model.", flag_values=values
    )
    define_token_flags(values)
    for name, purpose in (
        ("d_model", "Width of the embeddings, or channels of a PixelCNN"),
        ("d_ff", "Width of the feed-forward layers, or of a PixelCNN's last layer but one"),
        ("n_layers", "Number of blocks"),
        ("n_heads", "Attention heads per block"),
        ("kernel_size", "Columns that convolutions see at once, an odd number"),
    ):
        flags.DEFINE_integer(name, None, _with_defaults(name, purpose), flag_values=values)
    purpose = "What the model is told of a pixel's place: its number, or its row and column"
    flags.DEFINE_enum(
        "positions", None, POSITIONS, _with_defaults("positions", purpose), flag_values=values
    )


def _with_defaults(setting: str, purpose: str) -> str:
    return f"{purpose} (default: {spelled_defaults(setting)})."


def define_step_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say what a training step takes in memory and time."""
    default = TrainingSettings()
    flags.DEFINE_string(
        "images",
        default.images,
        "Folder of training images; its sub-folders are searched too.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "batch_size",
        str(default.batch_size),
        f"Images per step, or {AUTO}: as many as fit into memory, and are there.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "accumulate",
        default.accumulate,
        "Passes that a step is divided into, to need less memory; learning is the same.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "precision",
        default.precision,
        PRECISIONS,
        "Precision of the arithmetic; weights are float32 always.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "recompute",
        default.recompute,
        "Compute activations twice instead of keeping them: slower, in far less memory "
        "(default: where it is needed).",
        flag_values=values,
    )
    flags.DEFINE_float(
        "dropout", default.dropout, "Share of activations dropped.", flag_values=values
    )
    flags.DEFINE_integer(
        "steps_per_epoch",
        default.steps_per_epoch,
        "Steps between two checkpoints, each with sample pictures.",
        flag_values=values,
    )


def batch_size(values: flags.FlagValues) -> int | str:
    """Returns the number of images per step, or "auto".

    Raises:
      UsageError: it is neither.
    """
    word = values["batch_size"].value
    if word == AUTO:
        return word
    try:
        return int(word)
    except ValueError:
        raise UsageError(f"flag --batch_size={word}: not a whole number, nor {AUTO}") from None


def typed_settings(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the settings of `ModelConfig` that the user typed, and no others."""
    names = [name for name in SETTING_NAMES if name in values]  # not every command has them all
    typed = {name: values[name].value for name in names if values[name].present}
    if "bitdepth" in typed:
        typed["bitdepth"] = numbers("bitdepth", typed["bitdepth"], int)
    return typed


def numbers(flag: str, words: list[str], kind: type) -> list[Any]:
    """Converts the words of a list flag.

    Raises:
      UsageError: a word is no number of that kind.
    """
    try:
        return [kind(word) for word in words]
    except ValueError:
        raise UsageError(
            f"flag --{flag}={','.join(words)}: not a list of numbers such as "
            f"{'5,4,4' if kind is int else '0.9,1.0'}"
        ) from None


def define_common_flags(values: flags.FlagValues) -> None:
    """Registers the flags that every command has."""
    flags.DEFINE_bool(
        "verbose",
        False,
        "Tell on stderr what is happening inside, and when; may stand before the command, too.",
        flag_values=values,
    )
