"""Which epochs stay: the folder against a model of it, through crashes, restarts and going back.

The model is a set of steps and a few lines of arithmetic. What it must never see: the newest whole
state or the best epoch gone, or a file's time or somebody else's file making a difference.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.checkpoints.folder import (
    LATEST_NAME,
    best_step,
    epoch_path,
    epoch_steps,
    find_checkpoint,
    read_newest,
)
from pixace.checkpoints.keeping import save_epoch, save_latest, set_aside
from pixace.checkpoints.lock import training_lock

N_SCHEDULES = 250
N_EVENTS = 10
CALLS = ("fsync", "link", "replace", "unlink", "chmod")  # of `os`: between them a save can crash

# Names that a training leaves alone: no epochs, and one of a step it has not come to.
FOREIGN = (
    "model-900.pkl.gz",
    "model-00100.old.pkl.gz",
    "model-00100.pkl.gz.bak",
    "other-00100.pkl.gz",
    "notes.txt",
)
LATER_EPOCH = "model-99000.pkl.gz"


class Crash(BaseException):
    """The process is gone: nothing cleans up after it."""


class Machine:
    """Counts the calls that change a folder, and fails all of them from a chosen one on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls_left: int | None = None
        for name in CALLS:
            # Nothing here depends on what reaches the disk; waiting for it takes minutes.
            real = (lambda *_: None) if name == "fsync" else getattr(os, name)
            monkeypatch.setattr(os, name, self._counted(real))

    def _counted(self, real):
        def call(*arguments, **options):
            if self.calls_left is not None:
                if self.calls_left == 0:
                    raise Crash
                self.calls_left -= 1
            return real(*arguments, **options)

        return call


class Story:
    """One training's life in one folder, and what the folder must hold.

    Attributes:
      epochs: step -> mark of each state that has an epoch's file of its own.
      newest: step and mark of the state to go on from.
    """

    def __init__(self, folder: Path, machine: Machine, rng: np.random.Generator) -> None:
        self.folder, self.machine, self.rng = folder, machine, rng
        self.keep = int(rng.integers(1, 5))
        self.n_marks = 0
        self.decoded: dict[bytes, tuple[int, int] | None] = {}
        self.epochs: dict[int, int] = {}
        self.newest: tuple[int, int] | None = None
        self.state = Checkpoint(0, [np.zeros(1, np.float32)])
        folder.mkdir()
        self.foreign = [name for name in FOREIGN if rng.random() < 0.3]
        for name in self.foreign:
            (folder / name).write_bytes(b"somebody else's")

    # -- what happens

    def train(self) -> None:
        """Comes to the end of the next epoch, and saves; the machine may crash meanwhile."""
        self.n_marks += 1
        self.state.step += 100
        self.state.weights = [np.full(3, self.n_marks, np.float32)]
        loss = float(self.rng.integers(1, 6))  # few values: ties happen
        self.state.history.add_validation(self.state.step, loss)
        state = (self.state.step, self.n_marks)
        crashed = self._crashes(lambda: save_epoch(self.folder, self.state, {}, self.keep))
        self._settle(state, crashed)
        if crashed:
            self.restart()

    def interrupt(self) -> None:
        """Saves in the middle of an epoch, as after Ctrl-C; the next start goes on from there."""
        if not self.state.step:
            return
        self.n_marks += 1
        middle = Checkpoint(self.state.step, [np.full(3, self.n_marks, np.float32)])
        middle.history = self.state.history
        if not self._crashes(lambda: save_latest(self.folder, middle, {})):
            self.newest = (middle.step, self.n_marks)
        else:
            self._take_newest({self.newest, (middle.step, self.n_marks)})
        self.restart()

    def restart(self) -> None:
        """Starts the same command again."""
        with training_lock(self.folder):
            assert not list(self.folder.glob(".*.tmp"))
            newest = read_newest(self.folder)
        self.state = newest[1] if newest else Checkpoint(0, [np.zeros(1, np.float32)])
        assert self._identity(newest[1] if newest else None) == self.newest

    def go_back(self) -> None:
        """Starts again from an earlier epoch; the machine may crash while that is prepared."""
        earlier = sorted(self.epochs)[:-1]
        if not earlier:
            return
        step = int(self.rng.choice(earlier))
        state = read_checkpoint(find_checkpoint(self.folder, str(step)))
        latest_step = self.newest[0] if self.newest else None
        crashed = self._crashes(
            lambda: set_aside(self.folder, epoch_path(self.folder, step), latest_step)
        )
        # Another run's later epoch looks like one of ours: it is set aside too, and kept.
        self.foreign = [
            name if (self.folder / name).exists() else name.replace(".pkl", ".old.pkl")
            for name in self.foreign
        ]
        if crashed:
            left = set(epoch_steps(self.folder))
            assert left >= {kept for kept in self.epochs if kept <= step}
            self.epochs = {kept: mark for kept, mark in self.epochs.items() if kept in left}
            self.restart()
        else:
            self.epochs = {kept: mark for kept, mark in self.epochs.items() if kept <= step}
            self.state = state

    def turn_the_clock_back(self) -> None:
        """Gives every file a time that means nothing."""
        for path in self.folder.iterdir():
            time = float(self.rng.integers(0, 2**31))
            os.utime(path, (time, time))

    def copy_a_later_epoch(self) -> None:
        """Puts another run's file there, under the name of an epoch that is far away."""
        if self.newest and LATER_EPOCH not in self.foreign:
            (self.folder / LATER_EPOCH).write_bytes(b"somebody else's")
            self.foreign.append(LATER_EPOCH)

    # -- what must be

    def check(self) -> None:
        """Compares the folder with the model of it."""
        assert set(epoch_steps(self.folder)) - {99000} == set(self.epochs)
        for step, mark in self.epochs.items():
            assert self._stored(epoch_path(self.folder, step)) == (step, mark)
        for name in self.foreign:
            assert (self.folder / name).read_bytes() == b"somebody else's"
        if self.newest:
            assert self._stored(self.folder / LATEST_NAME) == self.newest

    def _best(self, steps) -> int | None:
        """Returns the lowest loss's step, the earlier one of equals; by arithmetic of our own."""
        losses = dict(self.state.history.validations())
        known = [step for step in sorted(steps) if step in losses]
        return min(known, key=lambda step: losses[step]) if known else None

    def _settle(self, state: tuple[int, int], crashed: bool) -> None:
        """Works out what a save leaves; after a crash, one of the stages on the way."""
        step, mark = state
        after = {**self.epochs, step: mark}
        best = self._best(after)
        older = sorted(kept for kept in after if kept < step)
        spared = {*older[max(0, len(older) - self.keep + 1) :], best, step}
        goes = [kept for kept in older if kept not in spared]
        if not crashed:
            self.newest = state
            self.epochs = {kept: mark for kept, mark in after.items() if kept not in goes}
            assert best_step(self.state.history, self.folder) == best
            return
        self._take_newest({self.newest, state})
        found = set(epoch_steps(self.folder)) - {99000}
        removed = set(after) - found - {step}
        assert removed <= set(goes), "the newest and the best stay"
        path = epoch_path(self.folder, step)
        new = path.exists() and self._stored(path) == state
        assert not removed or (new and self.newest == state), "the old goes last"
        now = after if new else self.epochs
        self.epochs = {kept: mark for kept, mark in now.items() if kept not in removed}

    def _take_newest(self, possible) -> None:
        """Notes which of the possible states a crash has left as the newest."""
        path = self.folder / LATEST_NAME
        found = self._stored(path) if path.exists() else None
        assert found in possible
        self.newest = found

    def _crashes(self, work) -> bool:
        """Does something on a machine that may crash; says whether it has."""
        if self.rng.random() < 0.4:
            self.machine.calls_left = int(self.rng.integers(0, 11))
        try:
            work()
        except Crash:
            return True
        finally:
            self.machine.calls_left = None
        return False

    def _stored(self, path: Path) -> tuple[int, int] | None:
        """Returns what a file holds; the same bytes are decoded once."""
        data = path.read_bytes()
        if data not in self.decoded:
            self.decoded[data] = self._identity(read_checkpoint(path))
        return self.decoded[data]

    @staticmethod
    def _identity(checkpoint: Checkpoint | None) -> tuple[int, int] | None:
        return (checkpoint.step, int(checkpoint.weights[0][0])) if checkpoint else None


EVENTS = (
    Story.train,
    Story.train,
    Story.train,
    Story.interrupt,
    Story.restart,
    Story.go_back,
    Story.turn_the_clock_back,
    Story.copy_a_later_epoch,
)


@pytest.mark.fault
def test_the_newest_and_the_best_survive_any_schedule(tmp_path, monkeypatch, tally):
    machine = Machine(monkeypatch)
    for seed in range(N_SCHEDULES):
        rng = np.random.default_rng(seed)
        story = Story(tmp_path / str(seed), machine, rng)
        for number in range(N_EVENTS):
            event = EVENTS[rng.integers(len(EVENTS))]
            event(story)
            try:
                story.check()
            except AssertionError as error:
                error.add_note(f"schedule {seed}, event {number}: {event.__name__}")
                raise
    tally.add("crashes, restarts, lost files, clocks turned back (schedules)", N_SCHEDULES)
