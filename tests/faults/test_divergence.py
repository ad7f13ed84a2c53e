"""A training whose numbers overflow stops, says what to change, and keeps the last good state."""

import re
import shutil

import numpy as np
import pytest

from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.checkpoints.folder import LATEST_NAME
from pixace.cli import main
from tests.conftest import flags_of

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("_messages_as_before")]


def large_weights(stored):
    stored.weights = [array * np.float32(1e30) for array in stored.weights]


def large_slots(stored):
    """The loss of the next step is still a number: its update is what overflows."""
    stored.slots[0] = np.full_like(stored.slots[0], 3e38)
    stored.slots[1] = np.zeros_like(stored.slots[1])


# Where it is seen first -> what is too large, and how many steps an epoch has: at step 4 an epoch
# ends, so that the validation is the first to meet the weights after it.
OVERFLOWS = {
    "training": (large_weights, 3),
    "training, a step later": (large_slots, 5),
    "validation": (large_slots, 4),
}


@pytest.mark.parametrize("seen_in", OVERFLOWS)
def test_the_last_good_state_stays(painted, weights_dir, tmp_path, capfd, tally, seen_in):
    """And training goes on from the epoch before once the overflowing state is taken away."""
    enlarge, length = OVERFLOWS[seen_in]
    folder = tmp_path / "m"
    shutil.copytree(weights_dir / "transformer", folder)
    (folder / "model-00006.pkl.gz").unlink()
    stored = read_checkpoint(folder / "model-00003.pkl.gz")
    enlarge(stored)
    write_checkpoint(folder / LATEST_NAME, stored, {})
    before = {path: path.read_bytes() for path in folder.glob("*.gz")}
    words = flags_of(painted, tmp_path, "m", steps_per_epoch=length, n_epochs=5)[3:]
    capfd.readouterr()
    code = main(words)
    lines = capfd.readouterr().err.splitlines()
    assert code == 1
    assert [line for line in lines if line.startswith("pixace: ")] == lines[-1:]
    assert re.search(r"became (nan|inf|-inf) at step [345];.*--learning_rate", lines[-1])
    assert before == {path: path.read_bytes() for path in folder.glob("*.gz")}
    assert not list(folder.rglob("*.tmp"))
    if tally.thorough:
        (folder / LATEST_NAME).unlink()
        assert main([*words, "--n_epochs=2"]) == 0
        assert read_checkpoint(folder / LATEST_NAME).step == 2 * length
    tally.add("a loss that becomes infinite or no number", 1, lost="the epoch under way")
