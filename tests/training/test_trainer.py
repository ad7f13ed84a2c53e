"""Training from end to end: a painted folder in, a model's folder out."""

import logging
import math
import os
import re
import shlex
import shutil
import signal
import subprocess

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pixace.insight.likelihood
import pixace.training.worker
from pixace.backend.door import jax
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.checkpoints.folder import epoch_steps
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import save_epoch
from pixace.checkpoints.record import read_record
from pixace.errors import CheckpointError, ImageError, PixaceError, UsageError
from pixace.insight.evaluator import get_evaluator
from tests.conftest import TINY, assert_same_state, flags_of, train_tiny, wait_for


def test_a_model_s_folder_holds_everything(weights_dir):
    folder = weights_dir / "transformer"
    assert epoch_steps(folder) == [3, 6]
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "model.pkl.gz",
        "model-00003.pkl.gz",
        "model-00006.pkl.gz",
        "pictures",
        "train",
        "val",
    }
    config = load_config(folder)
    assert {name: getattr(config, name) for name in TINY} == TINY
    assert f'"pixace_version": "{pixace.__version__}"' in (folder / "config.json").read_text()
    samples = Image.open(folder / "pictures" / "samples-00006.png")
    assert samples.size == (4 * 128, 2 * 128)
    completions = Image.open(folder / "pictures" / "completions-00006.png")
    assert completions.size == (4 * 128, 4 * 128)
    assert len(samples.getcolors(10**6)) > 5


def test_curves_and_pictures_for_tensorboard(weights_dir):
    runs = {}
    for run in ("train", "val"):
        events = EventAccumulator(str(weights_dir / "reformer" / run), size_guidance={"tensors": 0})
        runs[run] = events.Reload()
    train, val = (set(runs[run].Tags()["tensors"]) for run in ("train", "val"))
    assert {"nats_per_pixel", "bits_per_pixel"} <= train & val, "curves lie over each other"
    assert {"learning_rate", "images_per_second", "settings"} <= train
    assert {"samples", "completions"} <= val
    assert not any(re.search(r"\d", tag) for tag in train | val), "a tag per step breaks the slider"
    assert [event.step for event in runs["val"].Tensors("samples")] == [3, 6]
    assert [event.step for event in runs["train"].Tensors("bits_per_pixel")] == [1, 2, 3, 4, 5, 6]
    (settings,) = runs["train"].Tensors("settings")
    assert b"| batch_size | 4 |" in settings.tensor_proto.string_val[0]


def test_a_model_learns_its_images(painted, tmp_path):
    """One disc's worth of regularity: far below the uniform distribution after 100 steps."""
    settings = {"steps_per_epoch": 100, "n_epochs": 1, "seed": 1}
    folder = train_tiny(painted, tmp_path, "m", "transformer", **settings)
    first, last = (math.log(2**5 + 2), best_nats(folder))
    assert last < 0.6 * first


def best_nats(folder) -> float:
    history = read_checkpoint(folder / "model.pkl.gz").history
    return min(value for _, value in history.validations())


def test_validation_is_what_evaluate_says(painted, weights_dir):
    """Dropout off, the whole set, the same number as afterwards from the file."""
    history = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz").history
    evaluator = get_evaluator("transformer", weights_dir=weights_dir)
    measured = evaluator.evaluate(painted / "val")
    # 4 of the 5 pictures: --steps_per_eval is one batch here, a tenth of three steps.
    assert history.validations()[-1][0] == 6
    assert abs(history.validations()[-1][1] - measured.nats_per_pixel) < 0.2


def test_the_same_command_again_has_nothing_to_do(painted, weights_dir, tmp_path, caplog):
    folder = shutil.copytree(weights_dir / "transformer", tmp_path / "m")
    before = (folder / "model.pkl.gz").stat().st_ino
    with caplog.at_level(logging.INFO, "pixace"):
        train_tiny(painted, tmp_path, "m", "transformer")
    assert "nothing left to do: step 6 of 6" in caplog.text
    assert (folder / "model.pkl.gz").stat().st_ino == before


def test_a_second_training_compiles_nothing(painted, weights_dir, tmp_path):
    """Every program is the first one's: none has a number in it that changes from run to run."""
    misses = []

    def listen(event: str, **_) -> None:
        if event.endswith("cache_misses"):
            misses.append(event)

    jax.monitoring.register_event_listener(listen)
    try:
        train_tiny(painted, tmp_path, "m", "transformer")
    finally:
        jax.monitoring.unregister_event_listener(listen)
    assert misses == []


@pytest.mark.long
def test_a_killed_training_resumes_from_its_last_epoch(painted, tmp_path):
    command = flags_of(painted, tmp_path, "killed", steps_per_epoch=5, n_epochs=1000)
    folder = tmp_path / "killed"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(epoch_steps(folder)) >= 2, process)
    process.kill()
    process.wait()
    newest = max(epoch_steps(folder))
    step = read_checkpoint(folder / "model.pkl.gz").step
    assert step >= newest
    done = subprocess.run(
        flags_of(painted, tmp_path, "killed", steps_per_epoch=5, n_epochs=step // 5 + 1),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"going on from {folder / 'model.pkl.gz'}, step {step}" in done.stderr
    assert read_checkpoint(folder / "model.pkl.gz").step == step + 5


@pytest.mark.slow
def test_fewer_images_than_a_batch(painted, tmp_path):
    folder = train_tiny(painted, tmp_path, "m", "transformer", batch_size=33, n_epochs=1)
    assert read_checkpoint(folder / "model.pkl.gz").resume.position == 3 * 33


def test_the_training_images_serve_for_validation(painted, tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_tiny(painted, tmp_path, "m", "transformer", val_images=None, n_epochs=1)
    assert "no validation images" in caplog.text
    assert read_record(tmp_path / "m" / "model.pkl.gz").held_out is False
    caplog.clear()
    (tmp_path / "images").mkdir()
    os.symlink(painted / "val", tmp_path / "images" / "val")
    with caplog.at_level(logging.INFO, "pixace"):
        train_tiny(painted, tmp_path, "n", "transformer", val_images=None, n_epochs=1)
    assert "no validation images" not in caplog.text
    assert read_record(tmp_path / "n" / "model.pkl.gz").held_out is True
    assert "20 images to train on, 5 to validate, 0 skipped" in caplog.text


@pytest.mark.slow
def test_a_training_says_what_it_works_with_and_where_things_are(painted, tmp_path, caplog):
    for folder in ("train", "val"):
        shutil.copytree(painted / folder, tmp_path / folder)
        (tmp_path / folder / "broken.png").write_bytes(b"no picture")
    weights_dir = tmp_path / "my models"
    with caplog.at_level(logging.INFO, "pixace"):
        folder = train_tiny(tmp_path, weights_dir, "m", "transformer", n_epochs=1)
    assert re.fullmatch("device: .+", caplog.messages[0])
    assert "model: transformer, 3.95 k weights" in caplog.messages
    assert "20 images to train on, 5 to validate, 2 skipped" in caplog.messages
    assert f"writing to {folder}" in caplog.messages
    (command,) = (line for line in caplog.messages if line.startswith("watch with: "))
    words = shlex.split(command.removeprefix("watch with: "))
    assert words == ["tensorboard", f"--logdir={weights_dir}"]


@pytest.mark.slow
def test_progress_and_preview_in_a_program(painted, tmp_path):
    told, pictures = [], []
    folder = train_tiny(
        painted, tmp_path, "m", "transformer", progress=told.append, preview=pictures.append
    )
    assert [status.doing for status in told if status.doing] == [
        *("validating", "saving", "drawing samples") * 2
    ]
    last = told[-1]
    assert (last.step, last.last_step, last.epoch, last.last_epoch) == (6, 6, 2, 2)
    assert last.checkpoint == "model-00006.pkl.gz"
    history = read_checkpoint(folder / "model.pkl.gz").history
    assert last.validation == history.validations()[-1][1] / math.log(2)
    assert last.bits_per_pixel < math.log2(2**5 + 2) + 5
    assert [picture.size for picture in pictures] == [(4 * 8, 2 * 8)] * 2
    with Image.open(folder / "pictures" / "samples-00006.png") as samples:
        np.testing.assert_array_equal(
            np.asarray(samples.convert("RGB"))[64::128, 64::128],
            np.asarray(pictures[1].resize(samples.size))[64::128, 64::128],
        )


@pytest.mark.long
def test_overfitting_is_told_once(painted, weights_dir, tmp_path, caplog):
    """Three epochs that were written down by hand, and two that are trained."""
    folder = tmp_path / "m"
    folder.mkdir()
    stored = read_checkpoint(weights_dir / "transformer" / "model-00003.pkl.gz")
    stored.history = History()
    for step, nats in enumerate((0.1, 0.2, 0.3), 1):
        stored.history.add_validation(step, nats)
        stored.history.add_training(step, 100.0 - step)
    for name in ("model.pkl.gz", "model-00001.pkl.gz"):
        write_checkpoint(folder / name, stored, {})
    train_tiny(painted, tmp_path, "m", "transformer", n_epochs=2)
    (warning,) = (line for line in caplog.messages if "validation turns up" in line)
    assert f"kept: {folder / 'model-00001.pkl.gz'} (--checkpoint=best)" in warning
    caplog.clear()
    train_tiny(painted, tmp_path, "m", "transformer", n_epochs=3)
    assert "validation turns up" not in caplog.text


def test_folders_that_do_not_exist_are_errors(painted, tmp_path):
    with pytest.raises(ImageError, match="nowhere"):
        train_tiny(painted, tmp_path, "m", "transformer", images="nowhere")
    with pytest.raises(ImageError, match="nowhere"):
        train_tiny(painted, tmp_path, "m", "transformer", val_images="nowhere")


def test_a_contradiction_of_the_stored_settings_names_both_values(painted, weights_dir):
    with pytest.raises(UsageError, match=r"image_size=9 contradicts image_size=6"):
        pixace.get_trainer("transformer", weights_dir=weights_dir, image_size=9)
    trainer = pixace.get_trainer("transformer", weights_dir=weights_dir)
    assert trainer.config.image_size == 6


@pytest.mark.slow
def test_training_starts_from_another_model_s_checkpoint(painted, weights_dir, tmp_path, caplog):
    start = weights_dir / "transformer" / "model-00003.pkl.gz"
    trainer = pixace.get_trainer("child", weights_dir=tmp_path, checkpoint=str(start))
    settings = {
        "images": str(painted / "train"),
        "val_images": str(painted / "val"),
        "batch_size": 4,
        "steps_per_epoch": 3,
        "learning_rate": 0.01,
        "warmup_steps": 4,
        "checkpoint": str(start),
    }
    trainer.train(n_epochs=2, **{k: v for k, v in settings.items() if k != "checkpoint"})
    assert_same_state(tmp_path / "child", weights_dir / "transformer")
    caplog.clear()
    with caplog.at_level(logging.INFO, "pixace"):
        trainer.train(n_epochs=3, **settings)  # the same command goes on, not back
    assert "step 6" in caplog.text
    assert read_checkpoint(tmp_path / "child" / "model.pkl.gz").step == 9


@pytest.mark.slow
def test_going_back_trains_anew_and_keeps_the_old_epochs(painted, tmp_path):
    folder = train_tiny(painted, tmp_path, "m", "transformer", n_epochs=3)
    old = read_checkpoint(folder / "model-00006.pkl.gz").weights
    result = train_tiny(
        painted, tmp_path, "m", "transformer", n_epochs=3, checkpoint="3", learning_rate=0.03
    )
    assert epoch_steps(result) == [3, 6, 9]
    new = read_checkpoint(folder / "model-00006.pkl.gz").weights
    assert any((one != two).any() for one, two in zip(old, new, strict=True))
    kept = read_checkpoint(folder / "model-00006.old.pkl.gz").weights
    for one, two in zip(old, kept, strict=True):
        np.testing.assert_array_equal(one, two)
    history = read_checkpoint(folder / "model.pkl.gz").history.validations()
    assert [step for step, _ in history] == [3, 6, 9]


COUNTING = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(str(arguments[0])))
from pixace.cli import main
code = main()
print(*sorted(path.rpartition("/")[2] for path in opened if path.endswith(".pkl.gz")))
sys.exit(code)
"""


@pytest.mark.slow
def test_going_back_to_the_best_reads_two_files(painted, weights_dir, tmp_path):
    """The newest, which says which one that is, and that one; each is opened once."""
    folder = tmp_path / "m"
    for step in (3, 6):
        stored = read_checkpoint(weights_dir / "transformer" / f"model-{step:05d}.pkl.gz")
        stored.history = History()
        for epoch in range(3, step + 1, 3):
            stored.history.add_validation(epoch, float(epoch))
        save_epoch(folder, stored, {}, keep=5)
    flags = {"checkpoint": "best", "n_epochs": 2, "steps_per_epoch": 2}
    interpreter, _, _, *words = flags_of(painted, tmp_path, "m", **flags)
    done = subprocess.run([interpreter, "-c", COUNTING, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "step 3" in done.stderr
    assert done.stdout.splitlines() == [str(folder), "model-00003.pkl.gz model.pkl.gz"]
    assert epoch_steps(folder) == [3, 4]


@pytest.mark.slow
def test_a_state_that_means_something_else_is_refused(painted, tmp_path):
    """The same shapes, other tokens: only the settings inside the checkpoint can tell."""
    folder = train_tiny(painted, tmp_path, "m", "transformer", n_epochs=1)
    (folder / "config.json").unlink()
    trainer = pixace.get_trainer(
        "m", weights_dir=tmp_path, model_type="transformer", **{**TINY, "bitdepth": (1, 2, 2)}
    )
    with pytest.raises(UsageError, match="bitdepth=1,2,2 contradicts bitdepth=2,1,2"):
        trainer.train(images=str(painted / "train"), val_images=str(painted / "val"))


@pytest.mark.slow
def test_validation_takes_no_more_pictures_at_once_than_a_pass(painted, tmp_path, monkeypatch):
    sizes = []
    original = pixace.insight.likelihood.padded_batches

    def watched(tokens, batch_size, captions=None):
        sizes.append(batch_size)
        return original(tokens, batch_size, captions)

    monkeypatch.setattr(pixace.insight.likelihood, "padded_batches", watched)
    train_tiny(painted, tmp_path, "m", "transformer", batch_size=8, accumulate=4, n_epochs=1)
    assert len(sizes) == 3, "5 pictures"
    assert set(sizes) == {2}


def test_weights_that_are_no_numbers_are_not_saved(painted, weights_dir, tmp_path, monkeypatch):
    """The step's own loss is still a number when the signal comes: its update is what overflows."""
    stored = read_checkpoint(weights_dir / "transformer" / "model-00003.pkl.gz")
    stored.slots[0] = np.full_like(stored.slots[0], 3e38)
    stored.slots[1] = np.zeros_like(stored.slots[1])
    (tmp_path / "m").mkdir()
    write_checkpoint(tmp_path / "m" / "model.pkl.gz", stored, {})
    before = (tmp_path / "m" / "model.pkl.gz").read_bytes()
    batches = pixace.training.worker.training_batches

    def with_a_signal(*args, **kwargs):
        for batch in batches(*args, **kwargs):
            os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    monkeypatch.setattr(pixace.training.worker, "training_batches", with_a_signal)
    with pytest.raises(PixaceError, match=r"weight's numbers became (inf|-inf|nan) at step 4"):
        train_tiny(painted, tmp_path, "m", "transformer", steps_per_epoch=5)
    assert (tmp_path / "m" / "model.pkl.gz").read_bytes() == before


def test_a_read_only_place_is_reported(painted, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file/m.*Not a directory"):
        train_tiny(painted, tmp_path / "file", "m", "transformer")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("steps_per_epoch", 0),
        ("n_epochs", -1),
        ("learning_rate", float("nan")),
        ("learning_rate", 0),
        ("dropout", 1.0),
        ("warmup_steps", 0),
        ("seed", -1),
        ("keep_checkpoints", 0),
        ("steps_per_eval", 0),
        ("batch_size", "4"),
    ],
)
def test_settings_out_of_range_name_themselves(painted, tmp_path, name, value):
    with pytest.raises(UsageError, match=name):
        train_tiny(painted, tmp_path, "m", "transformer", **{name: value})


@pytest.mark.slow
def test_numpy_s_numbers_will_do(painted, tmp_path):
    settings = {
        "n_epochs": np.int64(1),
        "seed": np.int32(3),
        "learning_rate": np.float32(0.01),
        "mirror": np.bool_(True),
    }
    folder = train_tiny(painted, tmp_path, "m", "transformer", **settings)
    assert read_checkpoint(folder / "model.pkl.gz").step == 3
