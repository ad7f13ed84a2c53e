"""What the documents show is run, so that it stays true."""

import re
import subprocess
import sys

import numpy as np
import pytest

from pixace.checkpoints.file import read_checkpoint
from tests.tools.places import ROOT


def snippets(name: str, language: str) -> list[str]:
    """Returns the code blocks of a document in one language."""
    text = (ROOT / "docs" / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_trax_opens_a_checkpoint_as_the_document_shows(weights_dir, tmp_path):
    (tmp_path / "model-weights").mkdir()
    (tmp_path / "model-weights" / "faces").symlink_to(weights_dir / "transformer")
    (code,) = snippets("checkpoints.md", "python")
    show = "\nimport numpy\nnumpy.savez('weights', *trax.fastmath.tree_leaves(model.weights))\n"
    done = subprocess.run(
        [sys.executable, "-c", code + show],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz").weights
    with np.load(tmp_path / "weights.npz") as arrays:
        for array, ours in zip(arrays.values(), expected, strict=True):
            np.testing.assert_array_equal(array, ours)


def test_documents_link_to_what_there_is():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"
