"""Which state draws where nobody has named one."""

import dataclasses
import shutil

import pytest

from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.checkpoints.folder import epoch_path, epoch_steps
from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.drawing.opening import open_to_draw
from pixace.drawing.predictor import get_predictor


@pytest.fixture
def newest(weights_dir, tmp_path):
    """The newest state of a training by minutes that has two quarters yet, the first the best."""
    folder = tmp_path / "m"
    shutil.copytree(weights_dir / "transformer", folder)
    checkpoint = read_checkpoint(folder / "model.pkl.gz")
    best, last = epoch_steps(folder)
    plan = TimePlan(1.0, 30.0, (Stretch(0, 1, (best, last, last + 1)),))
    checkpoint.resume = dataclasses.replace(checkpoint.resume, plan=plan)
    checkpoint.history.add_validation(best, 1.0)
    checkpoint.history.add_validation(last, 1.5)
    write_checkpoint(folder / "model.pkl.gz", checkpoint, {})
    return folder / "model.pkl.gz"


def test_where_validation_turns_up_the_best_state_draws(newest, caplog):
    caplog.set_level("INFO", "pixace")
    best = epoch_path(newest.parent, epoch_steps(newest.parent)[0])
    drawing = get_predictor("m", weights_dir=newest.parents[1]).draw(seed=1)
    assert drawing.recipe.checkpoint == best.name
    (line,) = caplog.messages
    assert f"drawing with the best state, {best}; --checkpoint=latest takes the newest" in line


def test_a_state_that_is_named_draws(newest, caplog):
    caplog.set_level("INFO", "pixace")
    assert open_to_draw(newest, {}, is_named=True).path == newest
    assert not caplog.messages


@pytest.mark.parametrize("change", ["by epochs", "a little", "gone"])
def test_otherwise_the_newest_state_draws(newest, caplog, change):
    caplog.set_level("INFO", "pixace")
    checkpoint = read_checkpoint(newest)
    if change == "by epochs":
        checkpoint.resume = dataclasses.replace(checkpoint.resume, plan=None)
    elif change == "a little":
        checkpoint.history.add_validation(checkpoint.step, 1.005)
    else:
        for step in epoch_steps(newest.parent):
            epoch_path(newest.parent, step).unlink()
    write_checkpoint(newest, checkpoint, {})
    assert open_to_draw(newest, {}, is_named=False).path == newest
    assert not caplog.messages
