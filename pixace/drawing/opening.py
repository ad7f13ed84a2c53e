"""Which state of a stored model draws, where nobody has named one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import better_epoch
from pixace.models.stored import StoredModel, open_model
from pixace.wording import shown

_log = logging.getLogger(__name__)


def open_to_draw(path: Path, settings: Mapping[str, Any], is_named: bool) -> StoredModel:
    """Reads and checks a stored model that is to draw.

    Where nobody has named a state of a training by minutes, and its validation has turned up since,
    the best state takes the newest one's place, and the log says so.

    Args:
      path: the checkpoint; see `open_model`.
      settings: see `open_model`.
      is_named: whether the user has named it.

    Raises:
      CheckpointError: the file cannot be used.
      UsageError: a setting contradicts the stored one.
    """
    stored = read_checkpoint(path)
    better = None if is_named or stored.resume.plan is None else better_epoch(path, stored.history)
    if better is None:
        return open_model(path, settings, stored)
    _log.info(
        "validation has turned up: drawing with the best state, %s; --checkpoint=latest takes the "
        "newest",
        shown(better),
    )
    del stored  # the weights of two files would be in memory
    return open_model(better, settings)
