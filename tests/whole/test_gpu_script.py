"""The script for a machine with a GPU, which is seldom at hand: tried here on the CPU, small."""

import json
import os
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.conftest import load_example
from tests.tools.places import ROOT

BENCHMARKS = ROOT / "benchmarks"
MACHINE = {"text": "a machine", "device": "card", "is_small": True, "memory": None, "torch": None}


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return load_example(BENCHMARKS / "gpu.py")


@pytest.fixture
def results(gpu, tmp_path):
    opened = gpu.Results(tmp_path)
    opened.begin(MACHINE)
    return opened


def cells_of(text, model):
    """Returns the cells of the first row of tables that begins with a model, by column."""
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    header = next(line for line in lines if line[0] == "model")
    return dict(zip(header, next(line for line in lines if line[0] == model), strict=True))


@pytest.mark.slow
def test_all_parts_are_measured_and_written(painted, tmp_path):
    command = ["sh", BENCHMARKS / "gpu.sh", f"--folder={tmp_path}", "--small"]
    command += ["--models", "pointer", "--batch_sizes", "2", "--drawn", "1", "--limit_gb=0.004"]
    command += [f"--images={painted / 'train'}", f"--val_images={painted / 'val'}"]
    command += ["--learning_minutes=0.02", "--minutes=60"]
    environment = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    stored = json.loads((tmp_path / "results.json").read_text())
    assert [note for note in stored["notes"] if "PyTorch" not in note] == [], done.stderr
    found = [(row["part"], row.get("precision")) for row in stored["rows"]]
    both = [("training", name) for name in ("bfloat16", "float32")]
    assert sorted(found[:2]) == both, "the one that needs less memory is the first"
    assert found[2:] == [
        *(("limit", name) for _, name in both),
        *(("learning", "bfloat16"), ("drawing", None), ("drawing", None)),
    ]
    assert all(row["seconds"] > 0 for row in stored["rows"])
    assert all(row["planned"] <= 4e6 for row in stored["rows"][2:4])
    learned, drawn, without_drafts = stored["rows"][4:]
    assert (learned["n_images"], learned["n_val_images"]) == (20, 5)
    assert 0 < learned["bits"] < 8
    assert drawn["weights"] == without_drafts["weights"] == "learned"
    assert (drawn["who"], without_drafts["who"]) == ("ours", "no drafts")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 256
    text = (tmp_path / "results.md").read_text()
    assert text in done.stdout
    for part in ("Training", "Limit", "Learning", "Drawing"):
        assert f"\n## {part}\n" in text


def test_what_is_missing_is_told_before_anything_is_measured(tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "six.py").touch()
    command = [sys.executable, "-S", BENCHMARKS / "gpu.py", f"--packages={packages}"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    missing, of_jax, advice = done.stderr.splitlines()
    assert missing.endswith(
        "jax, jaxlib, numpy, scipy, pillow, absl-py, psutil, trax==1.4.1, gin-config==0.5.0"
    )
    assert "pip install" in of_jax
    assert "--packages=packages" in advice
    assert "jax" not in advice
    assert [path.name for path in tmp_path.iterdir()] == ["packages"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--images=.", "--val_images=.", "--minutes=6"], "--minutes must be at least 6.5"),
        (["--images=."], "--images and --val_images belong together"),
        (["--packages=nowhere"], "nowhere: no such folder"),
        (["--torch_python=no-python"], "no-python: no such program"),
    ],
)
def test_what_cannot_be_is_refused(words, complaint, gpu, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    with pytest.raises(SystemExit):
        gpu.parsed()
    assert complaint in capsys.readouterr().err


def test_parts_share_the_time_that_learning_leaves(gpu):
    now = time.monotonic()
    ends = gpu.deadlines(["training", "limit", "learning", "drawing"], now + 540, 340)
    lengths = [round(end - now) for end in ends.values()]
    assert lengths == [100, 140, 480, 540]


def test_a_job_is_killed_when_its_time_is_over(gpu, results):
    job = gpu.Job("training", "pointer", {"work": "training"})
    gpu.run([job], results, [], time.monotonic() + gpu._LEAST - 1)
    with pytest.raises(ChildProcessError, match="training: pointer: its time was over"):
        list(gpu.rows_of(job, [], time.monotonic() + 0.1))
    stored = json.loads(results.path.with_suffix(".json").read_text())
    assert stored["notes"] == ["training: pointer: left out, there was no time"]
    assert stored["done"] == []


def test_each_row_is_on_disk_at_once_and_beside_its_peer(gpu, results, tmp_path):
    row = {"part": "training", "precision": "float32", "batch": 2, "peak": None}
    ours = {**row, "who": "ours", "model": "pointer", "has_peer": True, "planned": 3_000_000_000}
    results.add({**ours, "seconds": 9.0})
    results.add({**row, "who": "PyTorch", "model": "GPT", "seconds": 3.0})
    results.add({**row, "who": "PyTorch, compiled", "model": "GPT", "error": "cannot"})
    results.add({**ours, "seconds": 2.0})  # anew
    results.finish("asked")

    again = gpu.Results(tmp_path)
    again.begin(MACHINE)
    assert len(again.rows) == 3
    assert again.done == ["asked"]
    cells = cells_of(results.path.read_text(), "pointer")
    assert cells["s per step"] == "2.0000"
    assert cells["images/s"] == "1"
    assert cells["planned, GB"] == "3.00"
    assert (cells["PyTorch, s"], cells["PyTorch / ours"]) == ("3.0000", "1.50")
    assert (cells["compiled, s"], cells["compiled / ours"]) == ("cannot", "")
    with pytest.raises(SystemExit, match="of another machine"):
        gpu.Results(tmp_path).begin({**MACHINE, "device": "another card"})
