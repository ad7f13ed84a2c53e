"""How much of a checkpoint is read: what its settings can need, or what the user allows.

A file of a few megabytes can unpack to any size, so that what is read has a bound that the file
does not choose.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator
from pathlib import Path

from pixace.checkpoints.config_file import CONFIG_NAME, load_config
from pixace.checkpoints.safe_pickle import Limits
from pixace.errors import CheckpointError
from pixace.settings.checks import require_int
from pixace.settings.colours import most_tokens
from pixace.settings.model import ModelConfig

DEFAULT_MB = 450  # the largest model by default needs 384 with its optimiser
_BYTES = 4  # of a weight
_COPIES = 3  # a weight, and Adam's two moments
_HISTORY = 1 << 26  # bytes of memory for curves, words and settings; 10,000 epochs have 20 million
_SMALL_PARTS = 500_000  # weights of layers that do not grow with the settings, at most
_OF_PACKED = 3  # times its size a large file may unpack to: weights hardly compress

_allowed: contextvars.ContextVar[int | None] = contextvars.ContextVar("_allowed", default=None)


@contextlib.contextmanager
def max_checkpoint_mb(megabytes: int | None) -> Iterator[None]:
    """Within it, checkpoints may take this much memory, whatever their settings say.

    Args:
      megabytes: millions of bytes; None leaves it to the settings.

    Raises:
      UsageError: it is no number from 1 on.
    """
    if megabytes is not None:
        require_int("max_checkpoint_mb", megabytes, 1)
    token = _allowed.set(megabytes)
    try:
        yield
    finally:
        _allowed.reset(token)


def limits_of(path: Path) -> Limits:
    """Returns how much is read of a checkpoint: as allowed, or what the settings beside it need.

    Settings may be a stranger's, too: where they need more than is allowed without any, the file
    itself must be large.

    Args:
      path: the file.
    """
    allowed = _allowed.get()
    advice = "; if you trust it, allow more with --max_checkpoint_mb"
    if allowed is not None:
        return Limits(allowed * 1_000_000, advice=advice)
    least = DEFAULT_MB * 1_000_000
    config = _config_beside(path)
    if config is None:
        return Limits(least, advice=f", without settings beside it{advice}")
    most = max(least, _OF_PACKED * _size(path))
    needed = bytes_needed(config)
    if needed > most:
        return Limits(most, advice=advice)
    return Limits(needed, advice=f", all that {CONFIG_NAME} beside it can need{advice}")


def bytes_needed(config: ModelConfig) -> int:
    """Returns an upper bound of the memory that a model's checkpoint takes."""
    return _BYTES * _COPIES * most_weights(config) + _HISTORY


def most_weights(config: ModelConfig) -> int:
    """Returns an upper bound of a model's number of weights, found without building it."""
    width, inner, captions = config.d_model, config.d_ff, config.prefix_length or 0
    besides = width * (config.n_pixels + captions + 1024) + _SMALL_PARTS  # places, words
    if config.kernel_size is None:
        of_block = 4 * width**2 + 2 * width * inner + 16 * width + inner
        of_token = 3 * width  # its embedding, and the head of a Reformer's two halves
    else:
        of_convolutions = 2 * (config.kernel_size**2 + config.kernel_size + 5) * width**2
        of_block = of_convolutions + width * (inner + 16) + inner
        of_block += 4 * width**2 * bool(captions)
        of_token = width + inner
        besides += 32 * width**2 + inner**2  # the first convolution, and the last layers
    n_tokens = most_tokens(config.pictures.colours)
    return config.n_layers * of_block + n_tokens * (of_token + 1) + besides


def _config_beside(path: Path) -> ModelConfig | None:
    """Returns the settings beside a file; None also where they cannot be used, as is told later."""
    try:
        return load_config(path.parent)
    except CheckpointError:
        return None


def _size(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return os.stat(path).st_size
    return 0
