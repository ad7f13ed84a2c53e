"""A training that is stopped and resumed ends with the very bits of one that was not.

The signal is real: the process sends it to itself when the batch of a chosen step is asked for, as
if somebody had pressed Ctrl-C during that step. What is compared is everything: weights, Adam's
moments, random key, curves, pictures, and which image, which way round, was in which batch.
"""

import contextlib
import itertools
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pixace.insight.likelihood
import pixace.training.saver
import pixace.training.watching.epoch_pictures
import pixace.training.worker
from pixace.backend.door import tf
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import epoch_steps
from pixace.dataset.reading import load_images
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import SavedAndStopped
from pixace.training.watching.summaries import RUNS
from tests.conftest import TINY, assert_same_state, flags_of, paint, train_tiny, wait_for
from tests.tools.patience import PATIENCE

MODEL_TYPES = ("transformer", "reformer", "pointer")
EPOCH = 8
N_EPOCHS = 3
LAST = EPOCH * N_EPOCHS
# No number of images, batch size and epoch divides another: 19 images last 4.75 batches.
N_IMAGES, BATCH_SIZE = 19, 4
SETTINGS = {
    "batch_size": BATCH_SIZE,
    "steps_per_epoch": EPOCH,
    "n_epochs": N_EPOCHS,
    "steps_per_eval": 2,
    "dropout": 0.2,
    "mirror": True,
    "seed": 5,
}

Picture = tuple[str, bool]  # the name of an image's file, and whether it is mirrored


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    """A folder of pictures whose tokens differ from each other, and from each other's mirrors."""
    folder = tmp_path_factory.mktemp("album")
    paint(folder / "train", N_IMAGES, seed=11)
    paint(folder / "val", 5, seed=2)
    assert len(pictures_by_tokens(folder / "train")) == 2 * N_IMAGES
    return folder


def pictures_by_tokens(folder: Path) -> dict[bytes, Picture]:
    """Returns for the tokens of each picture, and of its mirror, where they come from."""
    images = load_images(folder, ModelConfig(model_type="transformer", **TINY))
    found = {}
    edge = TINY["image_size"]
    for path, row in zip(images.paths, images.tokens.astype(np.int32), strict=True):
        found[row.tobytes()] = (path.name, False)
        found[np.ascontiguousarray(row.reshape(edge, edge)[:, ::-1]).tobytes()] = (path.name, True)
    return found


class Watcher:
    """Sees every batch that a training takes, and sends a signal to the process at a chosen step.

    Attributes:
      batches: step -> the pictures of its batch; a step that is done twice must be the same twice.
      stop_at: step whose batch brings the signal; 0 for none.
    """

    def __init__(self, album: Path, monkeypatch) -> None:
        self.names = pictures_by_tokens(album / "train")
        self.batches: dict[int, list[Picture]] = {}
        self.stop_at = 0
        self._original = pixace.training.worker.training_batches
        monkeypatch.setattr(pixace.training.worker, "training_batches", self._training_batches)

    def _training_batches(self, tokens, batch_size, seed, *, start, **options) -> Iterator:
        stream = self._original(tokens, batch_size, seed, start=start, **options)
        for step, batch in enumerate(stream, start // batch_size + 1):
            pictures = [self._name(row.tobytes()) for row in batch.tokens]
            assert self.batches.setdefault(step, pictures) == pictures
            if step == self.stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    def _name(self, tokens: bytes) -> Picture:
        """Returns where the tokens of a picture come from; those of a shifted one are its name."""
        return self.names.get(tokens) or (tokens.hex(), False)


@pytest.fixture
def watcher(album, monkeypatch) -> Watcher:
    return Watcher(album, monkeypatch)


def train(album, weights_dir, name, model_type, **settings) -> Path:
    return train_tiny(album, weights_dir, name, model_type, **{**SETTINGS, **settings})


def train_in_parts(album, weights_dir, name, model_type, stops, watcher, **settings) -> Path:
    """Trains with a signal at each of the given steps, and to the end after the last one."""
    for step in stops:
        watcher.stop_at = step
        with pytest.raises(SavedAndStopped, match=f"stopped by SIGTERM and saved at step {step};"):
            train(album, weights_dir, name, model_type, **settings)
        assert read_checkpoint(weights_dir / name / "model.pkl.gz").step == step
        settings["seed"] = None  # remembered
    watcher.stop_at = 0
    return train(album, weights_dir, name, model_type, **settings)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "pictures").iterdir()}


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Returns TensorBoard's curves, from all event files, but for that of the speed."""
    found = {}
    for run in RUNS:
        events = EventAccumulator(str(folder / run), size_guidance={"tensors": 0}).Reload()
        for tag in events.Tags()["tensors"]:
            if tag in ("nats_per_pixel", "bits_per_pixel", "learning_rate"):
                points = events.Tensors(tag)
                found[f"{run}/{tag}"] = [
                    (point.step, float(tf.make_ndarray(point.tensor_proto))) for point in points
                ]
    return found


def assert_same_training(folder: Path, other: Path) -> None:
    """Compares everything that two trainings have left, epoch by epoch."""
    steps = epoch_steps(other)
    assert epoch_steps(folder) == steps == [8, 16, 24]
    for name in ("model.pkl.gz", *(f"model-{step:05d}.pkl.gz" for step in steps)):
        assert_same_state(folder, other, name)
        one, two = (read_checkpoint(path / name) for path in (folder, other))
        assert one.history == two.history
        assert [step for step, _ in one.history.validations()] == [
            step for step in steps if step <= one.step
        ]
    assert curves(folder) == curves(other)
    assert len(curves(folder)) == 5, "three of training, two of validation"
    assert pictures(folder) == pictures(other)
    assert len(pictures(folder)) == 2 * len(steps)


@pytest.fixture(scope="module")
def wholes(album, tmp_path_factory):
    """Returns a function that trains in one go, once for each model type and settings.

    Its result is the folder and the pictures of every batch.
    """
    done = {}
    weights_dir = tmp_path_factory.mktemp("wholes")

    def get(model_type: str, **settings):
        key = (model_type, *sorted(settings.items()))
        if key not in done:
            with pytest.MonkeyPatch.context() as monkeypatch:
                watcher = Watcher(album, monkeypatch)
                name = f"whole-{len(done)}"
                folder = train(album, weights_dir, name, model_type, **settings)
                done[key] = folder, watcher.batches
        return done[key]

    return get


def check(album, weights_dir, wholes, watcher, model_type, stops, **settings) -> None:
    """Stops at the given steps, resumes, and compares all with a training in one go."""
    whole, batches = wholes(model_type, **settings)
    parts = train_in_parts(album, weights_dir, "parts", model_type, stops, watcher, **settings)
    assert watcher.batches == batches
    assert list(batches) == list(range(1, LAST + 1))
    assert_same_training(parts, whole)


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [
        pytest.param("transformer", {}, marks=pytest.mark.long),
        pytest.param(
            "reformer", {"schedule": "cosine", "positions": "grid"}, marks=pytest.mark.long
        ),
        pytest.param("pointer", {"optimizer": "muon", "scan": "any"}, marks=pytest.mark.slow),
    ],
)
def test_five_stops_in_a_row_change_nothing(album, tmp_path, wholes, watcher, model_type, settings):
    """After the first step; before, at and after the save at an epoch's end; somewhere else."""
    stops = [1, EPOCH - 1, EPOCH, EPOCH + 1, 19]
    check(album, tmp_path, wholes, watcher, model_type, stops, **settings)


@pytest.mark.slow
def test_every_pass_holds_every_image_once(wholes):
    """The reference itself: 24 batches of 4 are five passes over 19 images, and one image."""
    _, batches = wholes("transformer")
    stream = [picture for step in sorted(batches) for picture in batches[step]]
    passes = [stream[start : start + N_IMAGES] for start in range(0, 5 * N_IMAGES, N_IMAGES)]
    for one in passes:
        assert len({name for name, _ in one}) == N_IMAGES
    assert len({tuple(name for name, _ in one) for one in passes}) == 5
    assert 25 < sum(is_mirrored for _, is_mirrored in stream) < 71


@contextlib.contextmanager
def signal_at_call(monkeypatch, owner, name, number) -> Iterator[None]:
    """Sends the process a signal at the given call of a function, 1 being the first."""
    original, calls = getattr(owner, name), itertools.count(1)

    def called(*args, **kwargs):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, called)
        yield


# The first calls belong to the first epoch: two batches of validation; 36 pixels of the samples,
# which are one collage, and 18 of the completions, which are the next.
MOMENTS = {
    "validation, first batch": (pixace.insight.likelihood.Scorer, "image_nats", 1),
    "validation, last batch": (pixace.insight.likelihood.Scorer, "image_nats", 2),
    "saving": (pixace.training.saver, "save_epoch", 1),
    "drawing, samples begin": (pixace.training.watching.epoch_pictures, "complete", 1),
    "drawing, samples end": (pixace.training.watching.epoch_pictures, "collage", 1),
    "drawing, completions begin": (pixace.training.watching.epoch_pictures, "complete", 2),
    "drawing, completions end": (pixace.training.watching.epoch_pictures, "collage", 2),
}


def check_stop_at_the_end_of_an_epoch(
    album, weights_dir, wholes, watcher, monkeypatch, model_type, moments
) -> None:
    """Stops at these moments of the first epoch's end, one after the other; nothing is lost."""
    whole, batches = wholes(model_type)
    for moment in moments:
        with (
            signal_at_call(monkeypatch, *MOMENTS[moment]),
            pytest.raises(SavedAndStopped, match=f"saved at step {EPOCH};"),
        ):
            train(album, weights_dir, "m", model_type)
        assert read_checkpoint(weights_dir / "m" / "model.pkl.gz").step == EPOCH
    folder = train(album, weights_dir, "m", model_type)
    assert watcher.batches == batches
    assert_same_training(folder, whole)


@pytest.mark.long
def test_an_epoch_s_end_may_be_stopped_anywhere(album, tmp_path, wholes, watcher, monkeypatch):
    moments = ["validation, first batch", "drawing, samples begin", "drawing, samples end"]
    check_stop_at_the_end_of_an_epoch(
        album, tmp_path, wholes, watcher, monkeypatch, "transformer", moments
    )


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_stop_at_each_moment_of_an_epoch_s_end(
    album, tmp_path, wholes, watcher, monkeypatch, model_type, moment
):
    check_stop_at_the_end_of_an_epoch(
        album, tmp_path, wholes, watcher, monkeypatch, model_type, [moment]
    )


@pytest.mark.long
@pytest.mark.parametrize("step", [1, 2, 7, 8, 9, 15, 16, 17, 23, 24])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_one_stop_at_each_step(album, tmp_path, wholes, watcher, model_type, step):
    check(album, tmp_path, wholes, watcher, model_type, [step])


@pytest.mark.long
@pytest.mark.parametrize(
    "settings", [{"mirror": False}, {"roll": True}, {"dropout": 0.0}, {"batch_size": 19}]
)
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_other_settings(album, tmp_path, wholes, watcher, model_type, settings):
    check(album, tmp_path, wholes, watcher, model_type, [1, 7, 9], **settings)


@pytest.mark.long
@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_three_stops_at_random(album, tmp_path, wholes, watcher, model_type, case):
    stops = sorted(random.Random(case).sample(range(1, LAST + 1), 3))
    check(album, tmp_path, wholes, watcher, model_type, stops)


@pytest.mark.long
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_more_epochs_later_change_nothing(album, tmp_path, wholes, watcher, model_type):
    """Three goes without a signal: each ends well, and the next one asks for an epoch more."""
    whole, batches = wholes(model_type)
    for n_epochs in (1, 2, 3):
        folder = train(album, tmp_path, "m", model_type, n_epochs=n_epochs)
    assert watcher.batches == batches
    assert_same_training(folder, whole)


@pytest.mark.slow
def test_pictures_of_an_abandoned_training_do_not_pass_for_new_ones(
    album, tmp_path, watcher, monkeypatch
):
    """Going back to an epoch, stopped before the pictures of the next one are drawn anew."""
    small = {"steps_per_epoch": 2, "n_epochs": 2}
    folder = train(album, tmp_path, "m", "transformer", **small)
    old = pictures(folder)
    back = {**small, "checkpoint": "2", "learning_rate": 0.05}
    with (
        signal_at_call(monkeypatch, pixace.training.watching.epoch_pictures, "complete", 1),
        pytest.raises(SavedAndStopped, match="saved at step 4;"),
    ):
        train(album, tmp_path, "m", "transformer", **back)
    assert set(pictures(folder)) == {"samples-00002.png", "completions-00002.png"}
    train(album, tmp_path, "m", "transformer", **back)
    new = pictures(folder)
    assert set(new) == set(old)
    assert {name for name in old if old[name] != new[name]} == {
        "samples-00004.png",
        "completions-00004.png",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_the_command_goes_on_after_a_signal_from_outside(painted, tmp_path, number):
    command = flags_of(painted, tmp_path, "stopped", steps_per_epoch=40, n_epochs=4)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    folder = tmp_path / "stopped"
    wait_for((folder / "model-00040.pkl.gz").exists, process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, stderr
    line = stderr.strip().splitlines()[-1]
    assert f"stopped by {number.name} and saved at step" in line
    assert "--model_name=stopped" in line
    assert "Traceback" not in stderr

    resumed = subprocess.run(command, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == f"{folder}\n"
    assert read_checkpoint(folder / "model.pkl.gz").step == 160
    whole = train_tiny(
        painted,
        tmp_path,
        "whole",
        "transformer",
        steps_per_epoch=40,
        n_epochs=4,
        learning_rate=TrainingSettings.learning_rate,
        warmup_steps=TrainingSettings.warmup_steps,
    )
    assert_same_state(folder, whole)
