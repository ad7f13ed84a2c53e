"""What a state remembers of its training, and what of a stranger's file is believed."""

import math
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from pixace.checkpoints.resume import CurveState, ResumeState, RunningMean
from pixace.errors import CheckpointError
from pixace.settings.model import ModelConfig
from tests.tools.tiny import TINY

CONFIG = ModelConfig("transformer", **TINY)
WHOLE = ResumeState(
    rng=np.array([1, 2], np.uint32),
    seed=7,
    position=132,
    curves=CurveState(RunningMean(5.5, 2), RunningMean(9.25, 4), 31.5),
    config=CONFIG,
    settings={"batch_size": "4"},
    held_out=False,
    origin="best",
)
PATH = Path("m/model.pkl.gz")


def test_what_is_stored_is_read_back(tmp_path):
    path = tmp_path / "model.pkl.gz"
    write_checkpoint(path, Checkpoint(3, [np.zeros(3, np.float32)], resume=WHOLE), {})
    read = read_checkpoint(path).resume
    np.testing.assert_array_equal(read.rng, WHOLE.rng)
    for name in ("seed", "position", "curves", "config", "settings", "held_out", "origin"):
        assert getattr(read, name) == getattr(WHOLE, name)
        read.require(name, path)


def test_the_stored_form_is_that_of_older_files():
    """Plain values, by the names and in the order that they have always had."""
    stored = WHOLE.to_stored()
    assert [*stored] == [
        *("rng", "seed", "position", "curves", "config", "settings", "held_out", "origin")
    ]
    assert stored["curves"] == {"point": [5.5, 2], "epoch": [9.25, 4], "images_per_second": 31.5}
    assert stored["config"] == CONFIG.to_dict()
    assert stored["held_out"] is False


def test_what_is_not_told_is_not_stored():
    assert ResumeState().to_stored() == {}
    assert [*ResumeState(config=CONFIG, seed=0).to_stored()] == ["seed", "config"]


@pytest.mark.parametrize("stored", [None, 3, [], {}, {"version": "0.1.0", "new": 1}])
def test_files_of_others_tell_nothing(stored):
    assert ResumeState.from_stored(stored) == ResumeState()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("rng", "text"),
        ("rng", [1, 2]),
        ("settings", [1]),
        ("settings", {4: "five", "images": 3}),
        ("held_out", 1),
        ("origin", np.arange(3)),
    ],
)
def test_another_form_counts_as_not_told(name, stored):
    resume = ResumeState.from_stored({name: stored})
    assert resume == ResumeState()
    resume.require(name, PATH)


@pytest.mark.parametrize(
    ("name", "stored", "reason"),
    [
        ("seed", -1, "seed is -1, not a whole number"),
        ("seed", "7", "seed is '7', not a whole number"),
        ("position", True, "position is True, not a whole number"),
        ("position", 2**62, f"position is {2**62}, not a whole number"),
        ("position", None, "position is None, not a whole number"),
        ("config", [1], "its settings are no settings"),
        ("config", {"d_model": 15}, "cannot use its settings: d_model must be even"),
        ("config", {"colour": 1}, "cannot use its settings: unknown setting 'colour'"),
        ("config", {3: 1}, "cannot use its settings: "),
    ],
)
def test_what_cannot_be_used_is_told_to_those_who_need_it(name, stored, reason):
    resume = ResumeState.from_stored({name: stored, "held_out": True})
    with pytest.raises(CheckpointError) as caught:
        resume.require(name, PATH)
    assert str(caught.value).startswith(f"{PATH}: {reason}")
    assert getattr(resume, name) is None
    assert resume.held_out, "the rest can be used"
    resume.require("position" if name == "seed" else "seed", PATH)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        {"epoch": None, "point": 3},
        {"epoch": [math.nan, 2]},
        {"epoch": [math.inf, 2]},
        {"epoch": ["1", 2]},
        {"epoch": [1.0, -2]},
        {"epoch": [1.0, 0]},
        {"epoch": [1.0]},
        {"images_per_second": math.nan},
        {"images_per_second": -1.0},
        {"images_per_second": [1.0]},
        "epoch",
        [1.0, 2],
    ],
)
def test_curves_start_anew_where_what_is_stored_is_none(stored):
    assert ResumeState.from_stored({"curves": stored}).curves == CurveState()
