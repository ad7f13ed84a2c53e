"""The settings beside the weights: `config.json`, written whole and read with suspicion."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixace import __version__
from pixace.errors import CheckpointError, UsageError
from pixace.settings.model import ModelConfig
from pixace.system.files import write_atomically
from pixace.system.reading import read_small
from pixace.wording import quoted, shown

CONFIG_NAME = "config.json"
_MAX_CONFIG_BYTES = 1 << 16
_MAX_DIGITS = 20


def save_config(folder: Path, config: ModelConfig) -> None:
    """Writes the settings into a model's folder, with the version of pixace that made it.

    Raises:
      CheckpointError: the disk is full or the folder read-only.
    """
    text = json.dumps({**config.to_dict(), "pixace_version": __version__}, indent=2) + "\n"
    path = folder / CONFIG_NAME
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise CheckpointError(f"{shown(path)}: cannot save: {error.strerror or error}") from None


def load_config(folder: Path) -> ModelConfig | None:
    """Reads the settings stored in a model's folder.

    Returns:
      The settings, or None where the folder holds no settings file.

    Raises:
      CheckpointError: the file is damaged or holds settings that cannot be.
    """
    path = folder / CONFIG_NAME
    try:
        values = json_object(read_small(path, _MAX_CONFIG_BYTES))
        values.pop("pixace_version", None)
        return ModelConfig.from_dict(values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{shown(path)}: cannot use these settings: {reason}") from None


def json_object(text: bytes | str) -> dict[str, Any]:
    """Reads a JSON object that a stranger may have written.

    Raises:
      UsageError: it is something else, or says something twice.
      ValueError: it is no JSON.
      RecursionError: it is nested too deeply.
    """
    values = json.loads(text, object_pairs_hook=_without_repetition, parse_int=_parse_int)
    if not isinstance(values, dict):
        raise UsageError("not a JSON object")
    return values


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a dictionary of a JSON object's pairs, of which JSON itself would take the last.

    Raises:
      UsageError: a name is there twice.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise UsageError(f"{quoted(twice)} is there twice")
    return values


def _parse_int(digits: str) -> int | float:
    """Reads a JSON integer; as a float, which no setting takes, where it has too many digits."""
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)
