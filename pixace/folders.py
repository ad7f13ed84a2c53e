"""A model's folder: its name, and which checkpoints it holds.

MODEL_NAME/
    config.json           the settings (see `config`)
    model.pkl.gz          the newest state, from which training goes on
    model-00100.pkl.gz    the state after the epoch that ended at step 100
    pictures/             what was drawn after each epoch, as samples-00100.png
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import itertools
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixace.checkpoints import Checkpoint, History, read_checkpoint, write_checkpoint
from pixace.errors import CheckpointError, UsageError, shown
from pixace.files import NO_ROOM, cure, open_lock, replacing, sync_folder
from pixace.ready import ready_folder, ready_models
from pixace.values import require_path

_log = logging.getLogger(__name__)

LATEST_NAME = "model.pkl.gz"
_EPOCH_NAME = re.compile(r"model-(\d{5,})\.pkl\.gz")

_MAX_BYTES = 100  # of a model's name
_MAX_DIGITS = 18  # of a step


def check_model_name(name: str) -> str:
    """Returns a model's name, unchanged, if it can only mean a folder right below the weights.

    Raises:
      UsageError: it is empty, hidden, padded, too long, a path, or does not print.
    """
    plain = (
        isinstance(name, str)
        and bool(name)
        and name.isprintable()
        and name == name.strip()
        and not name.startswith(".")
        and not set("/\\") & set(name)
        and len(name.encode("utf-8", "replace")) <= _MAX_BYTES
    )
    if not plain:
        raise UsageError(
            f"model_name must be a plain folder name of at most {_MAX_BYTES} bytes, not "
            f"{str(name)[:120]!r}"
        )
    return name


def model_folder(weights_dir: Path | str, name: str) -> Path:
    """Returns the folder of a model.

    Raises:
      UsageError: the name is not a plain folder name, or weights_dir not the name of a folder.
    """
    require_path("weights_dir", weights_dir)
    return Path(weights_dir) / check_model_name(name)


def epoch_path(folder: Path, step: int) -> Path:
    """Returns the name of the checkpoint of the epoch that ended at `step`."""
    return folder / f"model-{step:05d}.pkl.gz"


def epoch_steps(folder: Path) -> list[int]:
    """Returns the steps that have an epoch's checkpoint in a folder, in rising order."""
    if not os.path.isdir(folder):
        return []
    names = (_EPOCH_NAME.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in names if match)


def picture_path(folder: Path, kind: str, step: int) -> Path:
    """Returns the name of a picture drawn after the epoch that ended at `step`."""
    return folder / "pictures" / f"{kind}-{step:05d}.png"


def picture_steps(folder: Path, kind: str) -> list[int]:
    """Returns the steps that have a picture of a kind in a model's folder, in rising order."""
    pattern = re.compile(rf"{re.escape(kind)}-(\d{{5,{_MAX_DIGITS}}})\.png")
    names = (pattern.fullmatch(path.name) for path in (folder / "pictures").glob("*.png"))
    return sorted(int(match[1]) for match in names if match)


def find_checkpoint(folder: Path, which: str = "latest") -> Path:
    """Resolves what a user calls a checkpoint to a file.

    Args:
      folder: the model's folder.
      which: "latest", "best" (lowest validation loss), a step number, or a path.

    Raises:
      CheckpointError: there is no such file.
      UsageError: no file can be called so.
    """
    which = str(which)
    require_path("checkpoint", which)
    if which == "latest":
        return _newest_path(folder)
    if which == "best":
        newest = read_newest(folder)
        if newest is None:
            raise CheckpointError(f"{shown(folder)}: no such checkpoint: it holds none at all")
        step = best_step(newest[1].history, folder)
        if step is None:
            raise CheckpointError(
                f"{shown(folder)}: keeps no validated epoch; leave --checkpoint out"
            )
        return epoch_path(folder, step)
    if is_step(which):
        return _existing(epoch_path(folder, int(which)), folder)
    return _existing(Path(which), folder)


def is_step(which: str) -> bool:
    """Says whether a user means a step: a number of which there is no file of that name."""
    return which.isdecimal() and len(which) < _MAX_DIGITS and not os.path.isfile(which)


def _newest_path(folder: Path) -> Path:
    """Returns the newest checkpoint, by name: `model.pkl.gz`, or else the last epoch's."""
    steps = epoch_steps(folder)
    if steps and not os.path.isfile(folder / LATEST_NAME):
        return epoch_path(folder, steps[-1])
    return _existing(folder / LATEST_NAME, folder)


def set_aside(folder: Path, start: Path) -> None:
    """Renames what a training that starts from `start` leaves behind in its folder.

    Where `start` is one of the folder's epochs, these are the epochs after it, and otherwise all
    of them. They keep their contents as `model-00600.old.pkl.gz`, or .old2 where that is taken,
    and are no epochs of this training any more. A state saved in mid-epoch gets such a name too.
    """
    steps = epoch_steps(folder)
    kept = [step for step in steps if start == epoch_path(folder, step)]
    latest = folder / LATEST_NAME
    if os.path.isfile(latest) and not any(_same(latest, epoch_path(folder, s)) for s in steps):
        with contextlib.suppress(CheckpointError):  # a damaged one is worth no second name
            old = _old_path(folder, read_checkpoint(latest).step)
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
    """Says whether two names mean one file, or two copies of it."""
    return path.samefile(other) or filecmp.cmp(path, other, shallow=False)


def locate(model_name: str | None, weights_dir: Path | str, checkpoint: str | None) -> Path:
    """Finds the file that a command's flags mean.

    Args:
      model_name: folder under weights_dir, or else a model that comes with the package; may be
        None if checkpoint is a path.
      weights_dir: top folder of all models.
      checkpoint: see `find_checkpoint`; None means "latest".

    Raises:
      CheckpointError: there is no such file.
      UsageError: nothing says which model is meant, or the name is not a plain folder name.
    """
    if model_name is None:
        if checkpoint is None:
            raise UsageError(
                "name a model with --model_name, or a file with --checkpoint; "
                f"{', '.join(ready_models())} comes with pixace"
            )
        require_path("checkpoint", checkpoint)
        path = Path(checkpoint)
        if not os.path.isfile(path):
            raise CheckpointError(
                f"{shown(path)}: no such file; a step, latest or best needs --model_name as well"
            )
        return path
    folder = model_folder(weights_dir, model_name)
    if checkpoint is not None:
        checkpoint = str(checkpoint)
        require_path("checkpoint", checkpoint)
    if not (epoch_steps(folder) or os.path.isfile(folder / LATEST_NAME)):
        folder = ready_folder(model_name) or folder
    if not os.path.isdir(folder) and not os.path.isfile(checkpoint or ""):
        raise CheckpointError(f"{shown(folder)}: no such model; train or download it first")
    return find_checkpoint(folder, checkpoint or "latest")


def best_step(history: History, folder: Path) -> int | None:
    """Returns the step of the lowest validation loss among the epochs that have a file."""
    kept = set(epoch_steps(folder))
    curve = history.get("val", {}).get("nats_per_pixel", [])
    scored = [(value, step) for step, value in curve if step in kept]
    return min(scored)[1] if scored else None


def _existing(path: Path, folder: Path) -> Path:
    if os.path.isfile(path):
        return path
    steps = ", ".join(map(str, epoch_steps(folder)))
    hint = f"; {shown(folder)} has steps {steps}" if steps else ""
    raise CheckpointError(f"{shown(path)}: no such checkpoint{hint}")


def read_newest(folder: Path) -> tuple[Path, Checkpoint] | None:
    """Reads the state from which a training goes on.

    A damaged file is skipped, by name and reason in the log, for the epoch before it.

    Returns:
      The file and its contents; None where the folder holds no checkpoint at all.

    Raises:
      CheckpointError: there are checkpoints, and none can be read.
    """
    candidates = [epoch_path(folder, step) for step in reversed(epoch_steps(folder))]
    if (folder / LATEST_NAME).exists():
        candidates.insert(0, folder / LATEST_NAME)
    for path in candidates:
        try:
            return path, read_checkpoint(path)
        except CheckpointError as error:
            _log.warning("skipped a checkpoint: %s", error)
    if candidates:
        raise CheckpointError(
            f"{shown(folder)}: none of its {len(candidates)} checkpoints can be read; move them "
            "away to start anew, or choose another model_name"
        )
    return None


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
            f"{cure(error.errno in NO_ROOM)} and run the command again"
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
