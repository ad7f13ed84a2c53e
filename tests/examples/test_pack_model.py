"""The small copy of a model: rounded, without its optimiser, and with all that it knows."""

import subprocess
import sys
from pathlib import Path

from pixace.checkpoints.file import read_checkpoint
from pixace.system.files import file_sha256
from tests.tools.places import ROOT
from tests.tools.worded import WORDS, write_worded


def test_a_packed_model_keeps_settings_and_words(tmp_path: Path) -> None:
    write_worded(tmp_path, "transformer", "model")
    done = subprocess.run(
        [sys.executable, "examples/pack_model.py", "--checkpoint=latest"]
        + [f"--model={tmp_path}/model", f"--out={tmp_path}/small"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    path = tmp_path / "small" / "model.pkl.gz"
    assert f"SHA-256 {file_sha256(path)}" in done.stdout
    small, whole = read_checkpoint(path), read_checkpoint(tmp_path / "model" / "model.pkl.gz")
    assert small.resume.words == WORDS and small.resume.config == whole.resume.config
    for rounded, exact in zip(small.weights, whole.weights, strict=True):
        assert (rounded == exact.astype("float16")).all()
