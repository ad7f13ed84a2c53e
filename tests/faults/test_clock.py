"""A clock that jumps back and forth by years, as it does where nobody has set it."""

import ast
import itertools
import os
import time
from pathlib import Path

import pytest

import pixace
from pixace.checkpoints.folder import epoch_steps
from tests.conftest import assert_same_state, train_tiny

pytestmark = pytest.mark.fault

YEAR = 365 * 24 * 3600
JUMPS = (0, 3 * YEAR, -30 * YEAR, 1e-3, -86400, 86400, 60 * YEAR, -1)


@pytest.mark.slow
def test_a_training_does_not_look_at_it(painted, weights_dir, tmp_path, monkeypatch, tally):
    """Steps, speeds and the choice of what to keep are those of a steady clock."""
    real, jumps = time.time, itertools.cycle(JUMPS)
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * (real() + next(jumps))))
    seen = []
    settings = {"cache_dir": str(tmp_path / "cache"), "keep_checkpoints": 2}
    for n_epochs in (1, 2):
        folder = train_tiny(painted, tmp_path, "m", "transformer", n_epochs=n_epochs, **settings)
        # As if each file had been written at another time than it was.
        files = [*folder.glob("*.gz"), *(tmp_path / "cache").iterdir()]
        for path, jump in zip(files, jumps, strict=False):
            os.utime(path, (max(0, real() + jump),) * 2)
        seen.append(epoch_steps(folder))
    assert seen == [[3], [3, 6]]
    assert_same_state(folder, weights_dir / "transformer")
    tally.add("clock jumping by years", 2)


def test_durations_are_measured_by_a_clock_that_does_not_jump():
    """`time.time` and `datetime.now` are nowhere; a name's time stamp is all that is left."""
    calls = {}
    for path in Path(pixace.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in (
                *("time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "strftime"),
            ):
                calls.setdefault(node.attr, []).append(path.stem)
    assert calls == {"strftime": ["start"]}
