"""`pixace score` from end to end, and the ranking behind it."""

import csv
import io
import json
import math
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from pixace.errors import ImageError, UsageError
from pixace.insight.evaluator import get_evaluator
from tests.tools.places import ROOT


@pytest.fixture(scope="module")
def folder(painted, tmp_path_factory):
    """Five pictures like those of the training, one of noise, two files that are no pictures."""
    folder = tmp_path_factory.mktemp("scored") / "mixed"
    shutil.copytree(painted / "val", folder)
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(noise).save(folder / '=noise, or "so".png')
    whole = (folder / "disc-000.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def evaluator(weights_dir):
    return get_evaluator("transformer", weights_dir=weights_dir)


def test_the_figures_are_those_of_evaluate(folder, evaluator, tmp_path):
    done = []
    ranking = evaluator.score(folder, batch_size=4, n_surprises=2, progress=done.append)
    assert sum(done) == len(ranking.paths) == 6
    assert ranking.paths[0].name == '=noise, or "so".png'
    assert [path.name for path, _ in ranking.unreadable] == ["broken.png", "text.png"]
    assert "not an image" in ranking.unreadable[1].problem
    assert str(folder) not in ranking.unreadable[1].problem
    assert (np.diff(ranking.nats_per_pixel) <= 0).all()
    for number in (0, 3, 5):
        alone = tmp_path / str(number)
        alone.mkdir()
        shutil.copy(ranking.paths[number], alone)
        expected = evaluator.evaluate(alone).nats_per_pixel
        assert ranking.nats_per_pixel[number] == pytest.approx(expected, abs=1e-5)
    assert [row.name for row in ranking.surprises] == [path.name for path in ranking.paths[:2]]
    for row, bits in zip(ranking.surprises, ranking.bits_per_pixel, strict=False):
        assert row.nats.shape == row.tokens.shape == (36,)
        assert row.bits_per_pixel == pytest.approx(bits)


def test_batches_change_nothing(folder, evaluator):
    one, all_at_once = (evaluator.score(folder, size) for size in (1, 100))
    np.testing.assert_allclose(one.nats_per_pixel, all_at_once.nats_per_pixel, atol=1e-5)
    assert [*one.paths] == [*all_at_once.paths]


def test_equal_pictures_are_in_the_order_of_their_names(painted, evaluator, tmp_path):
    for name in "dbca":
        shutil.copy(painted / "val" / "disc-000.png", tmp_path / f"{name}.png")
    ranking = evaluator.score(tmp_path, 3, n_surprises=3)
    assert [path.stem for path in ranking.paths] == [*"abcd"]
    assert [row.name for row in ranking.surprises] == ["a.png", "b.png", "c.png"]


def test_a_folder_of_which_nothing_can_be_read(evaluator, tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    ranking = evaluator.score(tmp_path, n_surprises=3)
    assert len(ranking.paths) == len(ranking.nats_per_pixel) == len(ranking.surprises) == 0
    assert [path.name for path, _ in ranking.unreadable] == ["text.png"]
    with pytest.raises(ImageError, match="no such folder"):
        evaluator.score(tmp_path / "absent")
    with pytest.raises(UsageError, match="batch_size"):
        evaluator.score(tmp_path, 0)


def test_the_command_as_a_user_runs_it(folder, weights_dir):
    words = ["--model_name=transformer", f"--weights_dir={weights_dir}", f"--images={folder.name}"]
    done = subprocess.run(
        [sys.executable, "-m", "pixace", "score", *words, "--surprise=out.png"],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "rank  bits/pixel  image",
        "   -  unreadable  mixed/broken.png",
        "   -  unreadable  mixed/text.png",
    ]
    assert lines[3].startswith("   1  ") and lines[3].endswith('  mixed/=noise, or "so".png')
    assert len(lines) == 9
    assert "warning: mixed/text.png: not an image of a known kind" in done.stderr
    assert "the 6 most surprising of 6 images are drawn in out.png" in done.stderr
    with Image.open(folder.parent / "out.png") as sheet:
        assert sheet.height > 6 * 100


def test_json_and_csv(folder, weights_dir, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    words = ["score", "--model_name=transformer", f"--weights_dir={weights_dir}", "--images=."]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n_images"] == 6
    assert [row["rank"] for row in printed["images"]] == [1, 2, 3, 4, 5, 6]
    first = printed["images"][0]
    assert first["path"] == '=noise, or "so".png'
    assert first["bits_per_pixel"] == pytest.approx(first["nats_per_pixel"] / math.log(2))
    assert [row["path"] for row in printed["unreadable"]] == ["broken.png", "text.png"]

    assert main([*words, "--csv"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [row["rank"] for row in rows] == ["", "", "1", "2", "3", "4", "5", "6"]
    assert [row["path"] for row in rows[:3]] == [
        "broken.png",
        "text.png",
        './=noise, or "so".png',  # the same file, and no formula
    ]
    assert "not an image" in rows[1]["problem"]
    assert float(rows[2]["bits_per_pixel"]) == pytest.approx(first["bits_per_pixel"], abs=1e-5)


def test_a_sheet_that_cannot_be_written_does_not_cost_the_ranking(folder, weights_dir, tmp_path):
    words = ["--model_name=transformer", f"--weights_dir={weights_dir}", f"--images={folder}"]
    done = subprocess.run(
        # No file may be larger than 512 bytes.
        ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]
        + [sys.executable, "-m", "pixace", "score", *words, "--csv", "--surprise=out.png"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert len([*csv.DictReader(io.StringIO(done.stdout))]) == 8
    assert done.stderr.endswith("pixace: out.png: cannot write: File too large\n")


def test_a_sheet_of_nothing_is_told(weights_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("not a picture")
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}"]
    assert main(["score", *model, "--images=.", "--surprise=out.png"]) == 0
    told = capsys.readouterr().err
    assert "warning: no image can be read, so that out.png is not drawn" in told
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "score needs --images=FOLDER"),
        (["--images=.", "--json", "--csv"], "choose one of --json and --csv"),
        (["--images=.", "--surprise=out.txt"], "surprise must end in one of"),
    ],
)
def test_wrong_usage(folder, weights_dir, capsys, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}"]
    assert main(["score", *model, *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err and len(printed.err.splitlines()) == 1
