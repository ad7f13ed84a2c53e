"""One training at a time in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pixace.errors import CheckpointError
from pixace.system.files import open_lock
from pixace.wording import shown


@contextlib.contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Holds a model's folder for one training; removes what a killed one left half-written.

    Raises:
      CheckpointError: another training holds it, the folder cannot be written, or leads elsewhere.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_ways_out(folder)
        file = os.fdopen(open_lock(folder / ".lock"))
    except OSError as error:
        raise CheckpointError(f"{shown(folder)}: cannot write here: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(
                f"{shown(folder)}: another training is running in this folder; choose another "
                "model_name or wait for it"
            ) from None
        except OSError as error:
            raise CheckpointError(f"{shown(folder)}: cannot lock: {error.strerror}") from None
        for leftover in folder.rglob(".*.tmp"):
            if leftover.is_file():
                leftover.unlink(missing_ok=True)
        yield


def _refuse_ways_out(folder: Path) -> None:
    """Checks that a training writes into its folder alone, which may have come from a stranger.

    Raises:
      CheckpointError: the folder, or one inside it, leads out of the weights folder.
    """
    top = os.path.realpath(folder.parent)
    for path in (folder, *folder.iterdir()):
        if os.path.isdir(path) and not Path(os.path.realpath(path)).is_relative_to(top):
            raise CheckpointError(
                f"{shown(path)}: is a link that leads out of {shown(folder.parent)}; remove it, or "
                "name the folder that it leads into with --weights_dir"
            )
