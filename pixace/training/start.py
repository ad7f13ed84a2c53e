"""Where a training starts: in which folder, with which settings, and from which state."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.folder import (
    LATEST_NAME,
    best_path,
    find_checkpoint,
    holds_checkpoints,
    is_step,
    model_folder,
    read_newest,
)
from pixace.checkpoints.reader import CheckpointReader
from pixace.errors import CheckpointError
from pixace.settings.checks import MAX_SEED
from pixace.settings.model import SETTING_NAMES, ModelConfig, new_config, resolve_config
from pixace.tokens.palette_names import with_palette
from pixace.wording import shown


class StartingPoint(NamedTuple):
    """A state to go on from.

    Attributes:
      path: the file it was read from.
      checkpoint: its contents.
      origin: what the training was told to start from, if it was told anything.
      goes_back: whether it leaves behind what the folder holds besides.
      latest_step: of the state left behind in `model.pkl.gz`, if that holds one.
    """

    path: Path
    checkpoint: Checkpoint
    origin: str | None = None
    goes_back: bool = False
    latest_step: int | None = None

    def seed(self) -> int:
        """Returns the seed that the training began with.

        Raises:
          CheckpointError: the stored one is no whole number.
        """
        self.checkpoint.resume.require("seed", self.path)
        return (self.checkpoint.resume.seed or 0) & MAX_SEED

    def position(self) -> int:
        """Returns how many images the stream has yielded.

        Raises:
          CheckpointError: the stored number is no whole number.
        """
        self.checkpoint.resume.require("position", self.path)
        return self.checkpoint.resume.position or 0


class TrainingFolder(NamedTuple):
    """Where to train, and what.

    Attributes:
      folder: the model's.
      config: its settings.
      open_settings: those of them that neither the user nor a file has decided.
    """

    folder: Path
    config: ModelConfig
    open_settings: frozenset[str]


def training_folder(
    model_name: str | None,
    weights_dir: Path | str,
    checkpoint: str | None,
    settings: Mapping[str, Any],
    reader: CheckpointReader | None = None,
) -> TrainingFolder:
    """Returns the folder to train in, and the settings of the model there.

    Args:
      model_name: folder under weights_dir; None means a new one, a timestamp MMDD_HHMM, for which
        there is `made_folder`.
      weights_dir: top folder of all models.
      checkpoint: see `find_start`; the settings stored with it apply to a new model.
      settings: settings of `ModelConfig` that the user named; None means "not named".
      reader: reads what has to be read, and can hand it to `find_start`.

    Raises:
      UsageError: the name is not a plain folder name; a setting is out of range or contradicts
        the stored one; a palette's file cannot be read.
      CheckpointError: no such checkpoint, or the stored settings cannot be used.
    """
    reader, settings = reader or CheckpointReader(), with_palette(settings)
    if model_name is None:
        folder = _new_folder(weights_dir)
    else:
        folder = model_folder(weights_dir, model_name)
    source, stored = folder, load_config(folder)
    if checkpoint is not None:
        try:
            path = find_checkpoint(folder, checkpoint, reader.read)
        except CheckpointError:
            if not _has_come_from(checkpoint, _readable(folder, reader)):
                raise
        else:
            if stored is None:
                source = path.parent
                stored = load_config(source) or reader.read(path).config(path)
    if stored is None and checkpoint is None and not holds_checkpoints(folder):
        named = {name: value for name, value in settings.items() if value is not None}
        return TrainingFolder(folder, new_config(named), frozenset(SETTING_NAMES) - set(named))
    config = resolve_config(stored, settings, source=source)
    return TrainingFolder(folder, config, frozenset())


def _new_folder(weights_dir: Path | str) -> Path:
    """Returns a folder that is not there yet: the time, MMDD_HHMM, and a number where need be."""
    stamp = time.strftime("%m%d_%H%M")
    names = itertools.chain([stamp], (f"{stamp}_{number}" for number in itertools.count(2)))
    folders = (model_folder(weights_dir, name) for name in names)
    return next(folder for folder in folders if not os.path.lexists(folder))


def made_folder(folder: Path) -> Path:
    """Makes the folder of a training without a name, or another one where it has come meanwhile.

    Returns:
      A folder that no other process has made, nor will take for a new one.

    Raises:
      CheckpointError: the top folder cannot be made or written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with contextlib.suppress(FileExistsError):  # another training has begun meanwhile
                folder.mkdir()
                return folder
            folder = _new_folder(folder.parent)
    except OSError as error:
        raise CheckpointError(f"{shown(folder)}: cannot write here: {error.strerror}") from None


def find_start(
    folder: Path, config: ModelConfig, named: str | None, reader: CheckpointReader | None = None
) -> StartingPoint | None:
    """Returns the state to go on from: this folder's newest, else the checkpoint named.

    A named checkpoint counts once: the same command, run again, resumes from what it made, even
    if the checkpoint has gone, or "best" would mean another one by now.

    Args:
      folder: the model's folder.
      config: the model's settings, which the state must share.
      named: see `folder.find_checkpoint`; None means the newest state.
      reader: knows what has been read already, and keeps nothing in memory.

    Returns:
      The state; None for a new model.

    Raises:
      CheckpointError: there is no such checkpoint, or none that can be read.
      UsageError: its tokens or sizes mean something else than the settings say.
    """
    reader = reader or CheckpointReader()
    start = _newest(folder, reader) if named is None else _from_named(folder, named, reader)
    reader.forget()
    if start is not None:
        inside = start.checkpoint.config(start.path)
        if inside is not None:
            resolve_config(inside, config.to_dict(), source=start.path)
    return start


def _newest(folder: Path, reader: CheckpointReader) -> StartingPoint | None:
    newest = read_newest(folder, reader.read)
    return None if newest is None else StartingPoint(*newest, newest[1].resume.origin)


def _readable(folder: Path, reader: CheckpointReader) -> StartingPoint | None:
    """Returns the folder's newest state, None also where nothing there can be read."""
    try:
        return _newest(folder, reader)
    except CheckpointError:
        return None


def _from_named(folder: Path, named: str, reader: CheckpointReader) -> StartingPoint | None:
    newest = _newest(folder, reader) if named == "best" else _readable(folder, reader)
    if newest is not None and _has_come_from(named, newest):
        return newest
    if named == "best":
        path = best_path(folder, None if newest is None else newest.checkpoint.history)
    else:
        path = find_checkpoint(folder, named)
    if path.resolve() == (folder / LATEST_NAME).resolve():
        return _newest(folder, reader)
    if path.resolve().parent == folder.resolve():
        path = folder / path.name
    latest_step = None
    if newest is not None:
        if newest.path.name == LATEST_NAME:
            latest_step = newest.checkpoint.step
        if not path.samefile(newest.path):  # which it is right after an epoch: a second name
            reader.forget(newest.path)
        newest = None  # the weights of two files would be in memory
    return StartingPoint(path, reader.read(path), _origin(named), True, latest_step)


def _has_come_from(named: str, newest: StartingPoint | None) -> bool:
    """Returns whether a folder's newest state has come from the checkpoint named."""
    return newest is not None and newest.origin == _origin(named)


def _origin(named: str) -> str:
    """Returns what a state remembers of the checkpoint that its training started from."""
    return named if named in ("latest", "best") or is_step(named) else str(Path(named).resolve())
