"""What a training starts from: its own newest state, a checkpoint that was named, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pixace.checkpoints import Checkpoint, read_checkpoint
from pixace.config import MAX_SEED, ModelConfig, resolve_config
from pixace.folders import LATEST_NAME, find_checkpoint, read_newest, set_aside_later_epochs


class Start(NamedTuple):
    """A state to go on from.

    Attributes:
      path: the file it was read from.
      checkpoint: its contents.
      origin: the checkpoint that the training was told to start from, if it was told any.
    """

    path: Path
    checkpoint: Checkpoint
    origin: str | None

    def seed(self) -> int:
        """Returns the seed that the training began with.

        Raises:
          CheckpointError: the stored one is no whole number.
        """
        return self.checkpoint.number("seed", self.path) & MAX_SEED

    def position(self) -> int:
        """Returns how many images the stream has yielded.

        Raises:
          CheckpointError: the stored number is no whole number.
        """
        return self.checkpoint.number("position", self.path)


def find_start(folder: Path, config: ModelConfig, named: str | None) -> Start | None:
    """Returns the state to go on from: this folder's newest, else the checkpoint named.

    A named checkpoint counts once: the same command, run again, resumes from what it made.

    Args:
      folder: the model's folder; epochs after a named step of its own are set aside.
      config: the model's settings, which the state must share.
      named: see `folders.find_checkpoint`; None means the newest state.

    Returns:
      The state; None for a new model.

    Raises:
      CheckpointError: there is no such checkpoint, or none that can be read.
      UsageError: its tokens or sizes mean something else than the settings say.
    """
    start = _newest(folder) if named is None else _from_named(folder, named)
    if start is not None:
        inside = start.checkpoint.config(start.path)
        if inside is not None:
            resolve_config(inside, config.to_dict(), source=start.path)
    return start


def _newest(folder: Path) -> Start | None:
    newest = read_newest(folder)
    return None if newest is None else Start(*newest, newest[1].progress.get("origin"))


def _from_named(folder: Path, named: str) -> Start:
    path = find_checkpoint(folder, named)
    origin = str(path.resolve())
    if path != folder / LATEST_NAME:
        newest = _newest(folder)
        if newest is not None and newest.origin == origin:
            return newest
    checkpoint = read_checkpoint(path)
    if path.resolve().parent == folder.resolve():
        set_aside_later_epochs(folder, checkpoint.step)
    return Start(path, checkpoint, origin)
