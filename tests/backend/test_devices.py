"""Where JAX finds no device, one line says which variable keeps it from that."""

import os
import subprocess
import sys

import pytest

from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

# Every command that computes, in one process: that JAX cannot start is found out again by each.
COMMANDS = """
import sys
from pixace.cli import main
images, folder = sys.argv[1:]
model, sizes = "--model_name=emoji", ["--image_size=4", "--images=" + images]
for words in (
    ["predict", model, "--out=" + folder + "/a.png"],
    ["evaluate", model, "--images=" + images],
    ["score", model, "--images=" + images],
    ["plot", model, "--receptive_field"],
    ["plan", *sizes],
    ["train", "--model_name=m", "--weights_dir=" + folder, *sizes],
):
    assert main(words) == 1, words
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAX_PLATFORMS", "nosuch"),
        pytest.param("JAX_PLATFORM_NAME", "nosuch", marks=pytest.mark.slow),
        ("JAX_ENABLE_X64", "perhaps"),  # found wrong while JAX is imported
    ],
)
def test_one_line_names_the_variable(painted, tmp_path, name, value):
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, painted / "train", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), name: value},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert line.startswith("pixace: JAX ")
        assert name in line and value in line
    assert not [*tmp_path.iterdir()]
