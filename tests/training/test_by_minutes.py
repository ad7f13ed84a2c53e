"""Trainings by minutes from end to end: real ones, of tiny models that the time would not choose.

How long they take is up to the machine; what they do with their plans is not.
"""

import dataclasses
import os
import re
import shutil
import signal

import pytest

import pixace
import pixace.training.worker
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.checkpoints.folder import epoch_path, epoch_steps, picture_steps
from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import SavedAndStopped
from pixace.training.by_minutes import hours_of_defaults
from pixace.training.learning_rate import planned_rate
from tests.conftest import TINY, assert_same_state, paint

MINUTES = 0.2
SHORT = 0.02  # no more than four steps, if any time is left for them
NAMED = {"batch_size": 4, "seed": 3}


def folders(painted):
    return {"images": str(painted / "train"), "val_images": str(painted / "val")}


def train(painted, weights_dir, name, **settings):
    """Trains a tiny model; only what is named is named."""
    is_new = not (weights_dir / name).exists()
    sizes = {"model_type": "transformer", **TINY} if is_new else {}
    trainer = pixace.get_trainer(name, weights_dir=weights_dir, **sizes)
    trainer.train(**folders(painted), **settings)
    return trainer.folder


@pytest.fixture(scope="module")
def timed(painted, tmp_path_factory):
    """A training that is over, with dropout and mirrored pictures."""
    weights_dir = tmp_path_factory.mktemp("timed")
    more = {"dropout": 0.3, "mirror": True, "learning_rate": 0.02}
    return train(painted, weights_dir, "m", minutes=MINUTES, **more, **NAMED)


def state(folder):
    return read_checkpoint(folder / "model.pkl.gz")


def test_four_quarters_end_with_everything(timed):
    plan = state(timed).resume.plan
    assert plan.minutes == MINUTES
    assert len(plan.ends) == 4
    assert plan.last_step == plan.ends[-1] == state(timed).step
    assert epoch_steps(timed) == picture_steps(timed, "samples") == list(plan.ends)
    assert [step for step, _ in state(timed).history.validations()] == list(plan.ends)


def test_what_was_chosen_is_stored_and_what_was_named_holds(timed):
    told = state(timed).resume.settings
    assert (told["schedule"], told["dropout"], told["batch_size"]) == ("cosine", "0.3", "4")
    assert (told["n_epochs"], told["minutes"]) == ("4", str(MINUTES))
    settings = TrainingSettings(learning_rate=0.02, schedule="cosine")
    plan = state(timed).resume.plan
    assert planned_rate(settings, plan, plan.last_step) == 0
    assert max(planned_rate(settings, plan, n) for n in range(1, plan.last_step)) <= 0.02


def test_the_same_command_again_has_nothing_to_do(painted, timed, caplog):
    caplog.set_level("INFO", "pixace")
    before = (timed / "model.pkl.gz").read_bytes()
    train(painted, timed.parent, "m", minutes=MINUTES)
    assert re.search(r"nothing left to do: step \d+ of \d+; raise --minutes", caplog.text)
    assert (timed / "model.pkl.gz").read_bytes() == before


@pytest.fixture
def third_quarter(timed, tmp_path):
    """A folder as it was when the third quarter had ended: the last plan was just made."""
    folder = tmp_path / "m"
    shutil.copytree(timed, folder)
    *_, third, last = state(timed).resume.plan.ends
    epoch_path(folder, last).unlink()
    for name in ("samples", "completions"):
        (folder / "pictures" / f"{name}-{last:05d}.png").unlink()
    (folder / "model.pkl.gz").unlink()
    shutil.copy(epoch_path(folder, third), folder / "model.pkl.gz")
    return folder


def test_a_resumed_training_takes_the_very_same_steps(painted, timed, third_quarter, monkeypatch):
    """Without any flag, and stopped once more in the midst of the quarter."""
    plan = state(third_quarter).resume.plan
    if plan.last_step - plan.ends[-2] > 1:
        batches = pixace.training.worker.training_batches

        def interrupting(*arguments, **options):
            for batch in batches(*arguments, **options):
                os.kill(os.getpid(), signal.SIGINT)
                yield batch

        with monkeypatch.context() as patch:
            patch.setattr(pixace.training.worker, "training_batches", interrupting)
            with pytest.raises(SavedAndStopped, match="saved at step"):
                train(painted, third_quarter.parent, "m")
        assert state(third_quarter).step == plan.ends[-2] + 1
    assert state(third_quarter).resume.plan.stretches == plan.stretches
    train(painted, third_quarter.parent, "m")
    assert_same_state(third_quarter, timed)
    assert state(third_quarter).resume.plan.stretches == state(timed).resume.plan.stretches
    for name in ("samples", "completions"):
        picture = f"pictures/{name}-{plan.last_step:05d}.png"
        assert (third_quarter / picture).read_bytes() == (timed / picture).read_bytes()


def test_fewer_minutes_end_it_early(painted, third_quarter):
    """The time is over already: a last step is done, at a rate of zero."""
    before = state(third_quarter)
    train(painted, third_quarter.parent, "m", minutes=MINUTES / 2)
    after = state(third_quarter)
    assert after.step == before.step + 1 == after.resume.plan.last_step
    newest = after.resume.plan.stretches[-1]
    assert newest == Stretch(before.step, 0, (after.step,))
    assert after.resume.settings["dropout"] == "0.3", "what was chosen or named before holds"


def test_more_minutes_go_on_with_what_is_over(painted, timed, tmp_path):
    shutil.copytree(timed, tmp_path / "m")
    before = state(timed)
    train(painted, tmp_path, "m", minutes=MINUTES + SHORT)
    plan = state(tmp_path / "m").resume.plan
    assert plan.minutes == MINUTES + SHORT
    assert plan.seconds_used > before.resume.plan.seconds_used
    again = next(stretch for stretch in plan.stretches if stretch.start == before.step)
    assert again.warmup_steps >= 1
    assert len(plan.ends) == 8
    settings = TrainingSettings(schedule="cosine")
    assert planned_rate(settings, plan, before.step + 1) > planned_rate(settings, plan, before.step)
    assert planned_rate(settings, plan, plan.last_step) == 0


@pytest.mark.parametrize("name", ["n_epochs", "steps_per_epoch"])
def test_minutes_say_how_many_steps_there_are(painted, timed, tmp_path, name):
    with pytest.raises(UsageError, match=f"minutes=1 decides how many .* leave {name} out"):
        train(painted, tmp_path, "new", minutes=1, **{name: 2})
    with pytest.raises(UsageError, match=f"leave {name} out"):
        train(painted, timed.parent, "m", **{name: 2})
    assert not (tmp_path / "new" / "config.json").exists()


def test_a_training_by_epochs_is_told_of_no_plan(weights_dir):
    checkpoint = state(weights_dir / "transformer")
    assert checkpoint.resume.plan is None
    assert "plan" not in checkpoint.resume.to_stored()
    assert "minutes" not in checkpoint.resume.settings


def test_a_training_by_epochs_goes_on_by_minutes(painted, weights_dir, tmp_path):
    shutil.copytree(weights_dir / "transformer", tmp_path / "m")
    train(painted, tmp_path, "m", minutes=SHORT)
    plan = state(tmp_path / "m").resume.plan
    assert plan.stretches[0].start == 6
    assert plan.ends[0] > 6
    assert load_config(tmp_path / "m") == load_config(weights_dir / "transformer")


def test_the_weights_of_another_model_bring_no_plan(painted, timed, tmp_path):
    trainer = pixace.get_trainer("n", weights_dir=tmp_path, checkpoint=str(timed / "model.pkl.gz"))
    step = state(timed).step
    trainer.train(**folders(painted), **NAMED, steps_per_epoch=step + 1, n_epochs=1)
    assert state(tmp_path / "n").resume.plan is None
    assert state(tmp_path / "n").step == step + 1


def test_sizes_that_nobody_named_are_chosen(tmp_path, caplog):
    """One picture serves; what is chosen is in one line, in config.json and in the trainer."""
    caplog.set_level("INFO", "pixace")
    paint(tmp_path / "one", 1, seed=0)
    trainer = pixace.get_trainer(
        "m", weights_dir=tmp_path, model_type="transformer", image_size=4, bitdepth=(1, 1, 1)
    )
    trainer.train(images=str(tmp_path / "one"), minutes=SHORT)
    config = load_config(tmp_path / "m")
    assert trainer.config == config
    assert config.d_model < 512
    (line,) = (line for line in caplog.messages if line.startswith(f"{SHORT} minutes: "))
    for name in ("d_model", "d_ff", "n_layers", "n_heads"):
        assert f"--{name}={getattr(config, name)} " in line
    for name in ("batch_size", "optimizer", "learning_rate", "warmup_steps", "dropout"):
        assert f"--{name}={state(tmp_path / 'm').resume.settings[name]}" in line
    assert state(tmp_path / "m").step >= 4


@pytest.mark.parametrize(
    ("settings", "plan", "problem"),
    [
        ({}, {"minutes": -1}, "no plan"),
        ({"dropout": "much"}, None, "dropout is 'much'"),
        ({"dropout": "7.0"}, None, "dropout must be from"),
    ],
)
def test_what_cannot_be_gone_on_with_is_told(painted, timed, tmp_path, settings, plan, problem):
    folder = tmp_path / "m"
    folder.mkdir()
    shutil.copy(timed / "config.json", folder)
    checkpoint = state(timed)
    checkpoint.resume.settings.update(settings)
    if plan is not None:
        bad = TimePlan(plan["minutes"], 0.0, checkpoint.resume.plan.stretches)
        checkpoint.resume = dataclasses.replace(checkpoint.resume, plan=bad)
    write_checkpoint(folder / "model.pkl.gz", checkpoint, {})
    with pytest.raises(CheckpointError, match=problem):
        train(painted, tmp_path, "m")


def test_on_a_cpu_a_new_training_says_what_its_defaults_mean():
    config = ModelConfig("transformer")
    line = hours_of_defaults(config, TrainingSettings(n_epochs=3, steps_per_epoch=50))
    assert re.fullmatch(
        r"with these sizes an epoch of 50 steps takes about [\d.]+ (seconds|minutes|hours) on this "
        r"machine's CPU, and all 3 about [\d.]+ (seconds|minutes|hours|days); --minutes=30 chooses "
        r"sizes and steps for half an hour",
        line,
    )


@pytest.mark.parametrize(
    ("sizes", "says_it"),
    [({}, True), ({"d_model": 16, "n_heads": 2}, False), ({"n_layers": 1}, False)],
)
def test_it_says_it_where_no_sizes_are_named(tmp_path, caplog, sizes, says_it):
    """Before anything is compiled: a folder whose pictures cannot be read ends it there."""
    caplog.set_level("INFO", "pixace")
    (tmp_path / "a.png").write_bytes(b"no picture")
    trainer = pixace.get_trainer("m", weights_dir=tmp_path, model_type="transformer", **sizes)
    with pytest.raises(ImageError):
        trainer.train(images=str(tmp_path))
    assert ("--minutes=30" in caplog.text) == says_it
