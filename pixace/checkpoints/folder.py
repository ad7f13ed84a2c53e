"""A model's folder: its name, and which checkpoints it holds.

MODEL_NAME/
    config.json           the settings (see `config`)
    model.pkl.gz          the newest state, from which training goes on
    model-00100.pkl.gz    the state after the epoch that ended at step 100
    pictures/             what was drawn after each epoch, as samples-00100.png
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from pixace.checkpoints.bundled import ready_folder, ready_models
from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.checkpoints.history import History
from pixace.errors import CheckpointError, UsageError
from pixace.settings.paths import local_path
from pixace.wording import shown

_log = logging.getLogger(__name__)

LATEST_NAME = "model.pkl.gz"
_EPOCH_NAME = re.compile(r"model-(\d{5,})\.pkl\.gz")

_MAX_BYTES = 100  # of a model's name
_MAX_DIGITS = 18  # of a step
_CLEARLY = 1.01  # times a loss: a validation strays, too


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
    return Path(local_path("weights_dir", weights_dir)) / check_model_name(name)


def epoch_path(folder: Path, step: int) -> Path:
    """Returns the name of the checkpoint of the epoch that ended at `step`."""
    return folder / f"model-{step:05d}.pkl.gz"


def epoch_steps(folder: Path) -> list[int]:
    """Returns the steps that have an epoch's checkpoint in a folder, in rising order."""
    if not os.path.isdir(folder):
        return []
    names = (_EPOCH_NAME.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in names if match)


def holds_checkpoints(folder: Path) -> bool:
    """Returns whether there are weights in a folder."""
    return bool(epoch_steps(folder)) or os.path.isfile(folder / LATEST_NAME)


def picture_path(folder: Path, kind: str, step: int) -> Path:
    """Returns the name of a picture drawn after the epoch that ended at `step`."""
    return folder / "pictures" / f"{kind}-{step:05d}.png"


def picture_steps(folder: Path, kind: str) -> list[int]:
    """Returns the steps that have a picture of a kind in a model's folder, in rising order."""
    pattern = re.compile(rf"{re.escape(kind)}-(\d{{5,{_MAX_DIGITS}}})\.png")
    names = (pattern.fullmatch(path.name) for path in (folder / "pictures").glob("*.png"))
    return sorted(int(match[1]) for match in names if match)


def find_checkpoint(
    folder: Path, which: str = "latest", read: Callable[[Path], Checkpoint] = read_checkpoint
) -> Path:
    """Resolves what a user calls a checkpoint to a file.

    Args:
      folder: the model's folder.
      which: "latest", "best" (lowest validation loss), a step number, or a path.
      read: reads a file; only "best" needs to.

    Raises:
      CheckpointError: there is no such file.
      UsageError: no file can be called so.
    """
    which = local_path("checkpoint", str(which))
    if which == "latest":
        return _newest_path(folder)
    if which == "best":
        newest = read_newest(folder, read)
        return best_path(folder, None if newest is None else newest[1].history)
    if is_step(which):
        return _existing(epoch_path(folder, int(which)), folder)
    return _existing(Path(which), folder)


def is_step(which: str) -> bool:
    """Returns whether a user means a step: a number of which there is no file of that name."""
    return which.isdecimal() and len(which) < _MAX_DIGITS and not os.path.isfile(which)


def _newest_path(folder: Path) -> Path:
    """Returns the newest checkpoint, by name: `model.pkl.gz`, or else the last epoch's."""
    steps = epoch_steps(folder)
    if steps and not os.path.isfile(folder / LATEST_NAME):
        return epoch_path(folder, steps[-1])
    return _existing(folder / LATEST_NAME, folder)


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
        path = Path(local_path("checkpoint", checkpoint))
        if not os.path.isfile(path):
            what = "a folder, not a file" if os.path.isdir(path) else "no such file"
            raise CheckpointError(
                f"{shown(path)}: {what}; a step, latest or best needs --model_name as well"
            )
        return path
    folder = model_folder(weights_dir, model_name)
    if checkpoint is not None:
        checkpoint = local_path("checkpoint", str(checkpoint))
    if not holds_checkpoints(folder):
        folder = ready_folder(model_name) or folder
    if not os.path.isdir(folder) and not os.path.isfile(checkpoint or ""):
        raise CheckpointError(f"{shown(folder)}: no such model; train or download it first")
    return find_checkpoint(folder, checkpoint or "latest")


def best_path(folder: Path, history: History | None) -> Path:
    """Returns the checkpoint of the best epoch that has a file.

    Args:
      folder: the model's folder.
      history: of its newest state, None where it has none.

    Raises:
      CheckpointError: there is no such epoch.
    """
    if history is None:
        raise CheckpointError(f"{shown(folder)}: no such checkpoint: it holds none at all")
    step = best_step(history, folder)
    if step is None:
        raise CheckpointError(f"{shown(folder)}: keeps no validated epoch; leave --checkpoint out")
    return epoch_path(folder, step)


def best_step(history: History, folder: Path) -> int | None:
    """Returns the step of the lowest validation loss among the epochs that have a file."""
    return history.best(set(epoch_steps(folder)))


def better_epoch(path: Path, history: History) -> Path | None:
    """Returns the checkpoint of the best epoch, if its validation beats the last one clearly.

    Args:
      path: of the newest state.
      history: of that state.
    """
    curve, best = dict(history.validations()), best_step(history, path.parent)
    if best is None or list(curve.values())[-1] <= _CLEARLY * curve[best]:
        return None
    return epoch_path(path.parent, best)


def _existing(path: Path, folder: Path) -> Path:
    if os.path.isfile(path):
        return path
    steps = ", ".join(map(str, epoch_steps(folder)))
    hint = f"; {shown(folder)} has steps {steps}" if steps else ""
    what = "a folder, not a checkpoint" if os.path.isdir(path) else "no such checkpoint"
    raise CheckpointError(f"{shown(path)}: {what}{hint}")


def read_newest(
    folder: Path, read: Callable[[Path], Checkpoint] = read_checkpoint
) -> tuple[Path, Checkpoint] | None:
    """Reads the state from which a training goes on.

    A damaged file is skipped, by name and reason in the log, for the epoch before it.

    Args:
      folder: the model's folder.
      read: reads a file.

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
            return path, read(path)
        except CheckpointError as error:
            _log.warning("skipped a checkpoint: %s", error)
    if candidates:
        raise CheckpointError(
            f"{shown(folder)}: none of its {len(candidates)} checkpoints can be read; move them "
            "away to start anew, or choose another model_name"
        )
    return None
