"""Killed at any instant: the next start finds the newest whole state, and goes on.

The save is killed at every one of its system calls, a saving process and the real command at random
instants. See `crashing` for the processes that die here.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, epoch_path, epoch_steps, read_newest
from pixace.checkpoints.keeping import save_epoch, save_latest
from pixace.checkpoints.lock import training_lock
from pixace.settings.model import ModelConfig
from tests.conftest import TINY, paint
from tests.tools.crashing import (
    INTERVAL,
    TRAX_FIELDS,
    Crasher,
    assert_whole,
    loss_after,
    stamped,
    train_words,
)

pytestmark = pytest.mark.fault

KEEP = 2


@pytest.fixture(scope="module")
def crasher():
    server = Crasher()
    yield server
    server.close()


def traced(crasher: Crasher, folder: Path, number: int | None, **save) -> dict:
    """Saves under ptrace; skips the test where the system forbids that."""
    outcome = crasher.save_until_call(folder, number, keep=KEEP, **save)
    if outcome["refused"]:
        pytest.skip(outcome["refused"])
    return outcome


def best_of(steps) -> int:
    return min(steps, key=loss_after)


def kept_after(epochs: list[int], step: int) -> list[int]:
    """Returns which epochs' files there are, said once more, after a save at `step`."""
    best = best_of({*epochs, step})
    older = sorted(epoch for epoch in epochs if epoch < step)
    return sorted({*older[max(0, len(older) - (KEEP - 1)) :], best, step})


def assert_next_start_goes_on(folder: Path) -> Checkpoint | None:
    """Starts as a training does, checks all that is in the folder, saves once more.

    Returns:
      What the start went on from.
    """
    with training_lock(folder):
        assert not list(folder.rglob(".*.tmp")), "the half-written is gone"
        newest = read_newest(folder)
        epochs = epoch_steps(folder)
        for step in epochs:
            checkpoint = read_checkpoint(epoch_path(folder, step))
            assert_whole(checkpoint)
            assert checkpoint.step == step
        if newest is None:
            assert not epochs
            save_epoch(folder, stamped(INTERVAL), TRAX_FIELDS, KEEP)
            return None
        path, checkpoint = newest
        assert path == folder / LATEST_NAME, "nothing newer had to be skipped"
        assert_whole(checkpoint)
        ended = checkpoint.step in epochs
        last_epoch = checkpoint.step if ended else checkpoint.step - INTERVAL
        if last_epoch:
            best = best_of(range(INTERVAL, last_epoch + INTERVAL, INTERVAL))
            assert best in epochs, "the best epoch of all is still there"
        # An epoch whose file is missing is ended again, as `training` does.
        step = checkpoint.step + INTERVAL if ended else checkpoint.step
        save_epoch(folder, stamped(step), TRAX_FIELDS, KEEP)
        assert epoch_steps(folder) == kept_after(epochs, step)
        _, saved = read_newest(folder)
        assert_whole(saved)
        assert saved.step == step
        return checkpoint


# ------------------------------------------------------------------------- every system call

# Name -> (the epochs there before, a later state without an epoch's file, the save)
SAVES = {
    "first": ([], None, {"step": 100}),
    "with-rotation": ([100, 200, 300, 400], None, {"step": 500}),
    "of-an-epoch-again": ([100, 200, 300], 400, {"step": 400}),
    "without-hard-links": ([100, 200, 300, 400], None, {"step": 500, "links": False}),
}


def prepared(folder: Path, epochs: list[int], latest: int | None) -> Path:
    """Returns a folder of a training that kept one epoch more than the next save will."""
    folder.mkdir()
    for step in epochs:
        save_epoch(folder, stamped(step), TRAX_FIELDS, KEEP + 1)
    if latest:
        save_latest(folder, stamped(latest), TRAX_FIELDS)
    return folder


@pytest.mark.parametrize("name", SAVES)
def test_a_save_killed_at_every_system_call(crasher, tmp_path, name, tally):
    epochs, latest, save = SAVES[name]
    before = prepared(tmp_path / "before", epochs, latest)
    contents = {path.name: path.read_bytes() for path in before.iterdir()}
    old = latest or max(epochs, default=None)
    found = []
    for number in itertools.count(1):
        folder = tmp_path / f"killed-{number}"
        # Second names of the same files: whoever wrote in place would damage `before`.
        shutil.copytree(before, folder, copy_function=os.link)
        if traced(crasher, folder, number, **save)["ended"]:
            break
        checkpoint = assert_next_start_goes_on(folder)
        found.append(checkpoint.step if checkpoint else None)
        shutil.rmtree(folder)
    tally.add("SIGKILL at every system call of a save", len(found), lost="the save under way")
    assert len(found) > 30
    turn = found.index(save["step"])
    assert set(found[:turn]) <= {old}
    assert set(found[turn:]) == {save["step"]}, "once there, the new state stays"
    assert contents == {path.name: path.read_bytes() for path in before.iterdir()}


@pytest.mark.parametrize("name", SAVES)
def test_the_order_outlives_a_power_cut(crasher, tmp_path, name):
    """Bytes, their flush, name, its flush; and only then older epochs go."""
    epochs, latest, save = SAVES[name]
    folder = prepared(tmp_path / "model", epochs, latest)
    calls = traced(crasher, folder, None, **save)["calls"]
    if not any(call for call, _ in calls):
        pytest.skip("the system calls of this machine have numbers not known here")
    renames = [(index, *files) for index, (call, files) in enumerate(calls) if call == "rename"]
    assert [target for *_, target in renames] == [
        LATEST_NAME,
        epoch_path(folder, save["step"]).name,
    ]
    durable = {}  # final name -> where in the order it has reached the disk
    for index, source, target in renames:
        linked = [at for at, call in enumerate(calls) if call == ["link", [LATEST_NAME, source]]]
        if linked:
            assert durable[LATEST_NAME] < linked[0] < index, "a second name of a durable file"
        else:
            written = [at for at, call in enumerate(calls) if call == ["write", [source]]]
            flushed = calls.index(["fsync", [source]])
            assert written[-1] < flushed < index
        durable[target] = calls.index(["fsync", [folder.name]], index)
    removed = {
        files[0]: index
        for index, (call, files) in enumerate(calls)
        if call == "unlink" and not files[0].startswith(".")
    }
    gone = set(epochs) - set(epoch_steps(folder))
    assert set(removed) == {epoch_path(folder, step).name for step in gone}
    assert all(index > max(durable.values()) for index in removed.values())


# ------------------------------------------------------------------------------ random instants


def kill_again_and_again(crasher: Crasher, folder: Path, n_kills: int, seed: int) -> None:
    """Kills a training of one folder so many times; each start goes on from what is there."""
    rng = np.random.default_rng(seed)
    step, n_saves, n_lost = 0, 0, 0
    for _ in range(n_kills):
        side = int(rng.integers(2, 500))
        reported = crasher.save_until(
            folder,
            rng.uniform(0, 0.15),
            keep=KEEP,
            shapes=[[side, side], [3]],
            n_saves=int(rng.integers(0, 3)),
        )
        done = reported[-1] if reported else step
        newest = assert_next_start_goes_on(folder)
        found = newest.step if newest else 0
        assert found in (done, done + INTERVAL), "what was called saved is there"
        step = max(read_checkpoint(folder / LATEST_NAME).step, found)
        n_saves += len(reported)
        n_lost += found == done
    print(f"{n_kills} kills among {n_saves} saves: {n_lost} times the save under way was lost")


def test_killed_at_random_instants(crasher, tmp_path, tally):
    n_kills = tally.cases(15, 200)
    kill_again_and_again(crasher, tmp_path / "model", n_kills, seed=2 if tally.thorough else 1)
    tally.add("SIGKILL at random instants of saving", n_kills, lost="the save under way")


@pytest.mark.long
def test_plain_trax_opens_what_a_kill_leaves(crasher, tmp_path):
    """`Layer.init_from_file`, which does not know pixace, reads every file of the folder."""
    from pixace.backend.door import trax
    from pixace.models.build import init_model
    from pixace.models.weights import flat_weights
    from tests.tools.plain_trax import plain_model

    config = ModelConfig(**TINY)
    model = plain_model(config, "eval")
    init_model(model, 1, config.n_pixels)
    shapes = [array.shape for array in flat_weights(model.weights)]
    signature = trax.shapes.ShapeDtype((1, config.n_pixels), np.int32)
    rng = np.random.default_rng(3)
    for _ in range(4):
        folder = tmp_path / "model"
        crasher.save_until(folder, rng.uniform(0, 0.1), keep=KEEP, shapes=shapes, n_saves=1)
        newest = read_newest(folder)
        assert newest is not None
        for file in folder.glob("*.pkl.gz"):
            model.init_from_file(str(file), weights_only=True, input_signature=signature)
            (step,) = {value for array in flat_weights(model.weights) for value in np.unique(array)}
            assert step == read_checkpoint(file).step <= newest[1].step


# ------------------------------------------------------------------------------ the real command

# Where in its life a training is killed: so many seconds at most after a line with these words.
MOMENTS = (
    ("", 0, 8.0),  # start-up: imports, images, the model
    ("writing to", 1, 2.0),  # the first steps, validation, save
    ("epoch", 1, 2.0),  # drawing for the first time, the second epoch
    ("epoch", 3, 0.6),  # at full speed: steps, validation, rotation, drawing
)
PIXACE = (sys.executable, "-m", "pixace")
EPOCH_LINE = re.compile(r"epoch \d+: step (\d+), .*; saved (.*)")


def run_and_kill(command: list[str], environment: dict, moment, fraction: float) -> list[str]:
    """Starts a training and kills it; returns the lines that it wrote."""
    words, count, seconds = moment
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    while count:
        line = process.stderr.readline()
        assert line, "it ended by itself: " + "".join(lines)
        lines.append(line)
        count -= line.startswith(words)
    time.sleep(fraction * seconds)
    process.kill()
    lines += process.stderr.readlines()
    assert process.wait() == -signal.SIGKILL, lines
    return lines


@pytest.mark.long
def test_a_command_killed_20_times_ends_as_if_never_killed(tmp_path, tally):
    """The weights are bit by bit those of a training that nobody killed."""
    paint(tmp_path / "images", 12, seed=3)
    # A cache of its own, filled before the first kill: JAX does not write its files atomically.
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax")}

    def run(weights_dir: str, n_epochs: int) -> str:
        words = train_words(tmp_path / weights_dir, tmp_path / "images", n_epochs=n_epochs)
        done = subprocess.run([*PIXACE, *words], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    run("warm", 1)
    folder = tmp_path / "killed" / "m"
    command = [*PIXACE, *train_words(tmp_path / "killed", tmp_path / "images", n_epochs=10_000)]
    rng = np.random.default_rng(4)
    step = 0
    for number in range(20):
        moment = MOMENTS[number % len(MOMENTS)]
        lines = run_and_kill(command, environment, moment, rng.uniform())
        stderr = "".join(lines)
        assert "Traceback" not in stderr
        assert "skipped a checkpoint" not in stderr
        resumed = re.findall(r"going on from (.*), step (\d+)", stderr)
        if step and "writing to" in stderr:
            assert resumed == [(str(folder / LATEST_NAME), str(step))]
        said = max([step, *(int(done) for done, _ in EPOCH_LINE.findall(stderr))])
        newest = read_newest(folder)
        step = newest[1].step if newest else 0
        assert step in (said, said + 4), "at most the epoch under way is lost"
        assert all(read_checkpoint(epoch_path(folder, epoch)) for epoch in epoch_steps(folder))
        print(f"kill {number + 1}: {len(lines)} lines, {said} said, {step} found", flush=True)
    n_epochs = step // 4 + 2
    assert f"going on from {folder / LATEST_NAME}, step {step}" in run("killed", n_epochs)
    assert not list(folder.rglob(".*.tmp"))
    run("whole", n_epochs)
    killed = read_checkpoint(folder / LATEST_NAME)
    whole = read_checkpoint(tmp_path / "whole" / "m" / LATEST_NAME)
    assert killed.step == whole.step == n_epochs * 4
    assert killed.history == whole.history
    assert killed.slots and whole.slots
    for one, two in zip(killed.weights + killed.slots, whole.weights + whole.slots, strict=True):
        np.testing.assert_array_equal(one, two)
    tally.add("SIGKILL of a training, which then goes on", 20, lost="the epoch under way")
