"""Flags that several commands share, and the way from flags to plain arguments."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Sequence
from typing import Any

from absl import flags

from pixace.checkpoints.allowance import DEFAULT_MB, max_checkpoint_mb
from pixace.errors import UsageError
from pixace.settings.fields import Setting, settings_of
from pixace.settings.model import SETTING_NAMES
from pixace.settings.reading import ReadingSettings
from pixace.settings.training import AUTO, DEFAULT_WEIGHTS_DIR, TrainingSettings
from pixace.wording import spell

# How pictures of any kind become the model's.
SCALING = ("image_size", "fit", "background", "alpha")
# Flags that are called otherwise than what they set.
_OTHER_NAMES = {"n_images": "batch_size", "model_dir": "weights_dir", "class": "class_name"}
# 1 G is 10^9 bytes, 1 Gi 2^30.
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?|\.\d{1,12}) ?(?:([KMGT])(I)?)?B?", re.ASCII)
_UNITS = ("", "K", "M", "G", "T")
_LIMIT = "max_checkpoint_mb"
_DEFINERS = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_list,
}


def define_settings(
    values: flags.FlagValues, kind: type, names: Collection[str] | None = None, **defaults: Any
) -> None:
    """Registers one flag for each setting of a class, with its default and its help.

    Args:
      values: where to register them.
      kind: a class of settings, see `pixace.settings.fields`.
      names: those that the command has; all of them by default.
      **defaults: what to show in the place of a setting's own default.
    """
    for setting in settings_of(kind):
        if names is None or setting.name in names:
            _define(values, setting, defaults.get(setting.name, setting.default))


def _define(values: flags.FlagValues, setting: Setting, default: Any) -> None:
    """Registers the flag of one setting; of several types, such as a number or "auto", as text."""
    name, help_text = setting.name, setting.full_help
    if setting.types == (str,) and setting.choices:
        flags.DEFINE_enum(name, default, setting.choices, help_text, flag_values=values)
        return
    kind = setting.types[0] if len(setting.types) == 1 else str
    if kind is tuple and default is None:  # numbers, and `unset` says which they are
        default, help_text = setting.unset, setting.help
    if kind in (str, tuple) and default is not None:
        default = spell(default)
    _DEFINERS[kind](name, default, help_text, flag_values=values)


def define_texts(values: flags.FlagValues, **helps: str) -> None:
    """Registers flags of names, files and addresses that need not be given, by what they are."""
    for name, help_text in helps.items():
        flags.DEFINE_string(name, None, help_text, flag_values=values)


def define_switches(values: flags.FlagValues, **helps: str) -> None:
    """Registers flags that are off unless they are given, by what they do."""
    for name, help_text in helps.items():
        flags.DEFINE_boolean(name, False, help_text, flag_values=values)


def define_location_flags(
    values: flags.FlagValues, *, model_name_help: str = "Folder under --weights_dir."
) -> None:
    """Registers the flags that say where a model is."""
    define_texts(values, model_name=model_name_help)
    define_weights_dir_flag(values)


def define_weights_dir_flag(values: flags.FlagValues) -> None:
    """Registers the flag that says where all models are, under both its names."""
    flags.DEFINE_string(
        "weights_dir", DEFAULT_WEIGHTS_DIR, "Top folder of all models.", flag_values=values
    )
    flags.DEFINE_alias("model_dir", "weights_dir", flag_values=values)
    flags.DEFINE_integer(
        _LIMIT,
        None,
        "Millions of bytes that a checkpoint may take in memory: more is refused, as a small file "
        "can unpack to any size (default: what the settings beside it can need, or "
        f"{DEFAULT_MB} where there are none).",
        flag_values=values,
    )


def checkpoint_limit(values: flags.FlagValues) -> contextlib.AbstractContextManager[None]:
    """Returns the context within which a command reads checkpoints, as large as its flags say.

    Raises:
      UsageError: they say no size.
    """
    return max_checkpoint_mb(values[_LIMIT].value if _LIMIT in values else None)


def define_weights_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say which weights of a trained model to use."""
    define_location_flags(values)
    define_texts(values, checkpoint="Use this file, step, latest or best.")


def define_measuring_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say which model measures which images."""
    define_weights_flags(values)
    define_texts(values, images="Folder of images to measure, or one file.")
    flags.DEFINE_integer(
        "batch_size", 8, "Images per pass; changes memory, not the result.", flag_values=values
    )
    define_settings(values, ReadingSettings)
    define_settings(values, TrainingSettings, ("captions",))


def define_picture_file_flag(values: flags.FlagValues, default: str, also: str = "") -> None:
    """Registers the flag that names the picture to write.

    Args:
      values: where to register it.
      default: its name where the flag is not given.
      also: what else the flag may name.
    """
    flags.DEFINE_string(
        "out",
        default,
        "Output file; its suffix says the format: png, jpg, jpeg, webp, gif or bmp"
        + (f"; {also}" if also else "."),
        flag_values=values,
    )


def measuring_arguments(command: str, values: flags.FlagValues) -> dict[str, Any]:
    """Returns the plain arguments of what measures images.

    Args:
      command: its name.
      values: parsed flags, those of `define_measuring_flags` and of `ModelConfig` among them.

    Raises:
      UsageError: no folder is named, or a setting's words are no value.
    """
    if values["images"].value is None:
        raise UsageError(f"{command} needs --images=FOLDER")
    names = ("images", "model_name", "weights_dir", "checkpoint", "batch_size", "captions")
    named = {name: values[name].value for name in names}
    return {**named, "reading": reading_settings(values), **typed_settings(values)}


def reading_settings(values: flags.FlagValues) -> ReadingSettings:
    """Returns how the files of a folder become pictures.

    Raises:
      UsageError: a value is out of range.
    """
    names = (setting.name for setting in settings_of(ReadingSettings))
    return ReadingSettings(**{name: values[name].value for name in names})


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


def typed_settings(
    values: flags.FlagValues, names: Collection[str] = SETTING_NAMES
) -> dict[str, Any]:
    """Returns the settings of `ModelConfig` that the user typed, and no others.

    Args:
      values: parsed flags.
      names: of the settings; not every command has them all.

    Raises:
      UsageError: a setting's words are no value.
    """
    names = [name for name in names if name in values]
    typed = {name: values[name].value for name in names if values[name].present}
    if "image_size" in typed:
        typed["image_size"] = _image_size(typed["image_size"])
    if "bitdepth" in typed:
        typed["bitdepth"] = numbers("bitdepth", typed["bitdepth"], int)
    return typed


def _image_size(word: str) -> int | str:
    """Returns the edge of a square, or what names a width and a height.

    Raises:
      UsageError: it is neither.
    """
    try:
        return int(word)
    except ValueError:
        if "x" in word:  # what is wrong with it the settings tell
            return word
        raise UsageError(
            f"flag --image_size={word}: not a whole number, nor a width and height such as 32x18"
        ) from None


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


def n_bytes(flag: str, words: str) -> int:
    """Returns the number of bytes that words such as 10GB, 10GiB or 512 mb say.

    Raises:
      UsageError: they say none.
    """
    match = _SIZE.fullmatch(words.strip().upper())
    if not match or not float(match[1]):
        raise UsageError(f"flag --{flag}={words}: not a size such as 10GB")
    number, unit, is_binary = match.groups()
    return int(float(number) * (1024 if is_binary else 1000) ** _UNITS.index(unit or ""))


def as_typed(message: str, words: Sequence[str]) -> str:
    """Returns a message that calls a setting as the user has typed it, where it has two names.

    Args:
      message: names it at its beginning, after "and", or as a flag.
      words: of the command line.
    """
    typed = {word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")}
    for flag, setting in _OTHER_NAMES.items():
        if flag in typed and setting not in typed:
            message = re.sub(rf"(^|--|\band ){setting}\b", rf"\g<1>{flag}", message)
    return message


def define_common_flags(values: flags.FlagValues) -> None:
    """Registers the flags that every command has."""
    flags.DEFINE_bool(
        "verbose",
        False,
        "Tell on stderr what is happening inside, and when; may stand before the command, too.",
        flag_values=values,
    )
