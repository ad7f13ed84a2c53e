"""Measuring with a model that is named: the figures of the evaluator, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.insight.evaluator import get_evaluator
from pixace.insight.measuring import evaluate_images, score_images
from tests.tools.places import ROOT


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _no_weights():
    """A model with settings, whose file of weights would be refused as soon as it is read."""
    faces = Path("model-weights/faces")
    faces.mkdir(parents=True)
    (faces / "config.json").write_text('{"image_size": 8, "model_type": "transformer"}')
    (faces / "model.pkl.gz").write_bytes(b"no weights")


def test_the_figures_are_those_of_the_evaluator(painted, weights_dir):
    evaluator = get_evaluator("transformer", weights_dir=weights_dir)
    likelihood = evaluate_images(painted / "val", "transformer", weights_dir=weights_dir)
    assert likelihood == evaluator.evaluate(painted / "val")
    seen, shown = [], []
    ranking = score_images(
        painted / "val",
        "transformer",
        weights_dir=weights_dir,
        batch_size=2,
        surprise="out.png",
        show=shown.append,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert shown == [ranking]
    assert seen[:3] == [(2, 5), (4, 5), (5, 5)]
    expected = evaluator.score(painted / "val", 2)
    assert [*ranking.paths] == [*expected.paths]
    np.testing.assert_array_equal(ranking.nats_per_pixel, expected.nats_per_pixel)
    assert len(ranking.surprises) == 5
    with Image.open("out.png") as sheet:
        assert sheet.height > 5 * 100


def test_progress_ends_with_all_files_also_those_that_cannot_be_read(weights_dir):
    Path("text.png").write_text("no picture")
    seen = []
    ranking = score_images(
        ".",
        "transformer",
        weights_dir=weights_dir,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len(ranking.unreadable) == 1 and seen == [(1, 1)]


@pytest.mark.parametrize(
    ("arguments", "error", "wording"),
    [
        ({"images": "absent"}, ImageError, "absent: no such folder of images"),
        ({"model_name": "nobody"}, CheckpointError, "nobody: no such model"),
        ({"image_size": 9}, UsageError, "image_size=9 contradicts image_size=8"),
        ({"colour": 9}, UsageError, "unknown setting 'colour'"),
        ({"batch_size": 0}, UsageError, "batch_size must be 1 or more"),
        ({"captions": "txt"}, UsageError, "captions=txt needs a model that knows words"),
    ],
)
@pytest.mark.usefixtures("_no_weights")
def test_a_mistake_is_found_before_the_weights_are_read(painted, arguments, error, wording):
    usual = {"images": painted / "val", "model_name": "faces"}
    for measure in (evaluate_images, score_images):
        with pytest.raises(error, match=wording):
            measure(**{**usual, **arguments})


@pytest.mark.usefixtures("_no_weights")
def test_captions_to_choose_from_are_refused_at_once_by_a_model_without_words(painted):
    for asked in ({"text": ["a cat", "a dog"]}, {"classes": True}):
        with pytest.raises(UsageError, match=f"{next(iter(asked))} needs a model that knows"):
            score_images(painted / "val", "faces", **asked)


@pytest.mark.usefixtures("_no_weights")
def test_a_sheet_that_cannot_be_is_refused_at_once(painted):
    with pytest.raises(UsageError, match="surprise must end in one of"):
        score_images(painted / "val", "faces", surprise="out.txt")


def test_a_mistake_costs_no_import_of_trax():
    program = (
        "import sys\nfrom pixace.insight.measuring import score_images\n"
        "try: score_images('absent', 'x')\nexcept Exception as error: print(error)\n"
        "sys.exit(bool({'trax', 'jax', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "absent: no such folder of images\n")
