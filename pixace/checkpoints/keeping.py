"""Which checkpoints a training's folder keeps, and how a new one takes its place."""

from __future__ import annotations

import filecmp
import itertools
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, best_step, epoch_path, epoch_steps
from pixace.errors import CheckpointError
from pixace.system.files import NO_ROOM, remedy, replacing, sync_folder
from pixace.wording import shown

_log = logging.getLogger(__name__)


def set_aside(folder: Path, start: Path, latest_step: int | None) -> None:
    """Renames what a training that starts from `start` leaves behind in its folder.

    Where `start` is one of the folder's epochs, these are the epochs after it, and otherwise all
    of them. They keep their contents as `model-00600.old.pkl.gz`, or .old2 where that is taken,
    and are no epochs of this training any more. A state saved in mid-epoch gets such a name too.

    Args:
      folder: the model's folder.
      start: the file to start from.
      latest_step: of the state that `model.pkl.gz` holds; None where it is missing or damaged:
        then it is worth no second name.
    """
    steps = epoch_steps(folder)
    kept = [step for step in steps if start == epoch_path(folder, step)]
    latest = folder / LATEST_NAME
    if latest_step is not None and not (
        latest_step in steps and _same(latest, epoch_path(folder, latest_step))
    ):
        old = _old_path(folder, latest_step)
        _give_second_name(latest, old)
        _log.warning("the state left behind is now also called %s", shown(old))
    for step in steps:
        if not kept or step > kept[0]:
            path, old = epoch_path(folder, step), _old_path(folder, step)
            path.replace(old)
            _log.warning("%s is left behind and now called %s", shown(path), shown(old.name))


def _old_path(folder: Path, step: int) -> Path:
    """Returns the first free name for what is left behind."""
    names = (f"model-{step:05d}.old{n if n > 1 else ''}.pkl.gz" for n in itertools.count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _same(path: Path, other: Path) -> bool:
    """Returns whether two names mean one file, or two copies of it."""
    return path.samefile(other) or filecmp.cmp(path, other, shallow=False)


def save_latest(folder: Path, checkpoint: Checkpoint, trax_fields: dict[str, Any]) -> Path:
    """Saves a state under the name that the next start resumes from."""
    path = folder / LATEST_NAME
    write_checkpoint(path, checkpoint, trax_fields)
    return path


def save_epoch(
    folder: Path, checkpoint: Checkpoint, trax_fields: dict[str, Any], keep: int
) -> Path:
    """Saves the state after an epoch as the latest and under a name of its own.

    Epochs' files that are no longer kept are removed, last of all.

    Args:
      folder: the model's folder.
      checkpoint: the state to keep.
      trax_fields: see `write_checkpoint`.
      keep: how many epochs' files to keep; the best one is kept besides.

    Returns:
      The epoch's file.

    Raises:
      CheckpointError: it could not be written; nothing older was removed.
    """
    latest = save_latest(folder, checkpoint, trax_fields)
    path = epoch_path(folder, checkpoint.step)
    try:
        _give_second_name(latest, path)
    except OSError as error:
        raise CheckpointError(
            f"{shown(path)}: cannot save: {error.strerror}; {shown(latest)} holds this state, "
            f"{remedy(error.errno in NO_ROOM)} and run the command again"
        ) from None
    best = best_step(checkpoint.history, folder)
    older = [step for step in epoch_steps(folder) if step < checkpoint.step]
    for step in older[: max(0, len(older) - (keep - 1))]:
        if step != best:
            epoch_path(folder, step).unlink(missing_ok=True)
    return path


def _give_second_name(path: Path, name: Path) -> None:
    """Makes `name` a hard link to `path`: atomic, and no second copy on the disk.

    The next save replaces `path` by a new file, and `name` keeps this one.
    """
    temporary = name.with_name(f".{name.name}.link.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:  # a file system without hard links
        with replacing(name) as file, open(path, "rb") as source:
            shutil.copyfileobj(source, file)
        return
    temporary.replace(name)
    sync_folder(name.parent)
