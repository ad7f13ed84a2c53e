"""How the first process of a training begins, and what all others do.

Alone, a process is the first. Of several (see `cluster`) it tells the others what they must know,
reads the checkpoint for all, and decides what is done next.
"""

from __future__ import annotations

import dataclasses
import logging
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from pixace.backend.door import computing
from pixace.checkpoints.time_plan import TimePlan
from pixace.dataset.caption_finding import FolderCaptions
from pixace.dataset.sides import Sides
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import SavedAndStopped, StopRequest
from pixace.training import cluster
from pixace.training.devices import memory_errors
from pixace.training.peers import Command, Peers, peers_of
from pixace.training.sizing import Settled, follow_settling
from pixace.training.start import StartingPoint
from pixace.training.worker import Worker, read_images

_log = logging.getLogger(__name__)

_OWN = ("images", "val_images", "cache_dir")  # settings that each process has for itself


class _SharedSettings(NamedTuple):
    """What the others must know of a training to follow it; plain JSON values.

    Attributes:
      config: of the model.
      settings: of the training, but for those that each process has for itself.
      seed: see `Worker`.
      position: see `Worker`.
      is_resumed: whether it goes on from a checkpoint.
      plan: of a training by minutes that goes on with one; see `TimePlan.to_stored`.
      is_settled: whether all of this stands, and no sizes are to be measured first.
    """

    config: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    position: int
    is_resumed: bool
    plan: dict[str, Any] | None = None
    is_settled: bool = True


def start_as_first(
    config: ModelConfig,
    settings: TrainingSettings,
    start: StartingPoint | None,
    peers: Peers,
    plan: TimePlan | None = None,
    settle: Callable[[int, int], Settled] | None = None,
    captions: FolderCaptions | None = None,
    sides: Sides | None = None,
) -> Worker:
    """Returns the first process's worker; the others get to know what they must for theirs.

    Args:
      config: see `Worker`.
      settings: see `Worker`.
      start: what to go on from; None starts anew.
      peers: see `Worker`.
      plan: of a training by minutes that goes on with it.
      settle: of a training by minutes that is to be planned: settles model and training, given how
        many images there are to train and to validate on; see `sizing.settle`.
      captions: of the images to train on; None for a model that knows no words.
      sides: the image files, where they have been found already.

    Raises:
      CheckpointError: the checkpoint does not fit.
      PixaceError: see `Worker`.
    """
    seed = settings.seed
    if seed is None:
        seed = start.seed() if start else 0
    position = start.position() if start else 0
    common = dataclasses.asdict(settings)
    for name in _OWN:
        del common[name]
    stored = None if plan is None else plan.to_stored()
    shared = (config.to_dict(), common, seed, position, start is not None, stored, settle is None)
    peers.from_first(_SharedSettings(*shared))
    images, step = read_images(config, settings, peers, captions, sides), None
    if settle is not None:
        config, settings, step, *_ = settle(*images.counts[:2])
    worker = Worker(config, settings, seed, position, peers, images, step, plan)
    if start is not None:
        worker.learner.restore(start, peers)
    return worker


@computing()
def run_as_other(settings: TrainingSettings) -> None:
    """Does in a process after the first what the first decides, to the end.

    Args:
      settings: of which the folders count; all others are the first process's.

    Raises:
      SavedAndStopped: the first process ended because of a signal, to whichever process.
      PixaceError: another process has been lost; or see `Worker`.
    """
    stop_request = StopRequest()
    peers = peers_of(stop_request)
    with cluster.losses_told(), memory_errors("try a smaller batch or model"):
        worker = _following_worker(settings, peers)
        with stop_request:
            _carry_out(worker, peers)


def _following_worker(settings: TrainingSettings, peers: Peers) -> Worker:
    shared = _SharedSettings(*peers.from_first())
    own = {name: getattr(settings, name) for name in _OWN}
    config = ModelConfig.from_dict(shared.config)
    settings = TrainingSettings(**{**shared.settings, **own})
    plan = None if shared.plan is None else TimePlan.from_stored(shared.plan)
    images, step = read_images(config, settings, peers), None
    if not shared.is_settled:
        config, settings, step = follow_settling(images.counts[0], own, peers)
    worker = Worker(config, settings, shared.seed, shared.position, peers, images, step, plan)
    if shared.is_resumed:
        worker.learner.restore(None, peers)
    _log.info(
        "process %d of %d, with %d of the %d images to train on",
        peers.index + 1,
        peers.size,
        len(worker.images.paths),
        worker.n_images[0],
    )
    return worker


def _carry_out(worker: Worker, peers: Peers) -> None:
    """Does what the first process says.

    Raises:
      SavedAndStopped: it has ended because of a signal.
    """
    while True:
        command = peers.agree(Command.END)
        if command == Command.STEP:
            worker.learner.advance()
        elif command == Command.VALIDATE:
            worker.validate()
        elif command == Command.PLAN:
            worker.follow(TimePlan.from_stored(peers.from_first()))
        elif command == Command.STOP:
            number = peers.stop_request.signal or signal.SIGTERM
            raise SavedAndStopped(f"stopped by {number.name}, with the first process", number)
        else:
            return
