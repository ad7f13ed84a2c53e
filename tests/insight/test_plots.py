"""The curves as a picture."""

import dataclasses
import gzip
import html
import io
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.record import TrainingRecord
from pixace.checkpoints.words import WordsRecord
from pixace.cli import main
from pixace.errors import PixaceError
from pixace.insight.plots import plot_curves, plot_receptive_field
from pixace.pictures.metadata import is_marked
from pixace.tokens.order import PixelOrder
from pixace.wording import spell
from tests.tools.crashing import TRAX_FIELDS
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

RECORD = TrainingRecord(
    step=20,
    n_weights=1,
    config=None,
    settings={},
    train=[(10, 4.0), (20, 2.0)],
    within=[],
    val=[(10, 3.0), (20, 2.5)],
    held_out=True,
    images_per_second=None,
    words=WordsRecord(),
)


def comments(svg: bytes) -> list[str]:
    """Returns the texts of a plot: matplotlib draws letters as shapes, and says them beside."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, parser)
    return [html.unescape(node.text.strip()) for node in root.iter(ElementTree.Comment)]


def test_curves_lie_over_each_other():
    texts = comments(plot_curves({"faces": RECORD}, "svg"))
    assert {"faces", "step", "bits per pixel", "validation"} < set(texts)
    assert "training (epoch's mean)" in texts


def test_a_higher_loss_is_drawn_higher():
    """The picture itself: the dashed line of the training falls below that of the validation."""
    with Image.open(io.BytesIO(plot_curves({"faces": RECORD}))) as picture:
        assert is_marked(picture), "so that it is not taken for an image to learn from"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    blue = pixels[..., 2] - pixels[..., 0] > 100
    height, width = blue.shape
    left = np.flatnonzero(blue[:, : width // 5].any(axis=1))
    assert np.ptp(left) > height / 4, "at 4 and 3 bits"
    columns = np.flatnonzero(blue.any(axis=0))
    top_left, top_right = (
        np.flatnonzero(blue[:, column : column + 9].any(axis=1))[0]
        for column in (columns[0], int(columns[-1] * 0.7))
    )
    assert top_left < top_right


def test_models_are_compared():
    other = dataclasses.replace(RECORD, train=[], held_out=False)
    texts = comments(plot_curves({"a": RECORD, "b": other}, "svg"))
    assert "validation: a" in texts
    assert "validation (on the training images): b" in texts
    assert "training (epoch's mean): b" not in texts
    assert "a, b" not in texts, "a title of many names would leave the picture"


def test_steps_are_whole_numbers():
    short = dataclasses.replace(RECORD, train=[(2, 4.0), (4, 3.9), (6, 3.8)], val=[])
    texts = comments(plot_curves({"a": short}, "svg"))
    assert {"2", "3", "4", "5", "6"} < set(texts)
    assert "2.5" not in texts


def test_any_name_will_do():
    names = ["_hidden", "$x$ and $", "<b>&amp;", "größe 日本"]
    texts = comments(plot_curves(dict.fromkeys(names, RECORD), "svg"))
    for name in names:
        assert f"validation: {name}" in texts


def test_the_same_curves_make_the_same_file():
    assert len({plot_curves({"faces": RECORD}, "svg") for _ in range(2)}) == 1


def test_a_model_without_curves():
    bare = dataclasses.replace(RECORD, train=[], val=[])
    assert comments(plot_curves({"bare": bare, "b": RECORD}, "svg"))
    with pytest.raises(PixaceError, match="bare: no curves"):
        plot_curves({"bare": bare})


@pytest.mark.parametrize(
    ("flags", "name", "start"),
    [
        (["--model_name=transformer,reformer"], "new/a.png", b"\x89PNG"),
        (["--model_name=transformer,reformer"], "a.SVG", b"<?xml"),
        (["--model_name=reformer", "--receptive_field"], "new/a.png", b"\x89PNG"),
    ],
)
def test_the_command_writes_a_file(weights_dir, tmp_path, capsys, flags, name, start):
    out = tmp_path / name
    assert main(["plot", *flags, f"--weights_dir={weights_dir}", f"--out={out}"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_bytes().startswith(start)


def test_weights_without_settings_get_them_from_flags(weights_dir, tmp_path, capsys):
    """As those of the program of 2020 have none."""
    model = tmp_path / "bare"
    model.mkdir()
    stored = load_config(weights_dir / "transformer")
    assert stored is not None
    checkpoint = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz")
    with gzip.open(model / "model.pkl.gz", "wb") as file:
        pickle.dump({"step": 8, "flat_weights": checkpoint.weights, **TRAX_FIELDS}, file)
    words = ["plot", "--model_name=bare", f"--weights_dir={tmp_path}", "--receptive_field"]
    flags = [f"--{name}={spell(value)}" for name, value in stored.to_dict().items()]
    out = tmp_path / "seen.png"
    assert main([*words, *flags, f"--out={out}"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert main([*words, f"--out={out}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--image_size" in line


def test_a_pixel_that_is_seen_is_drawn_where_it_lies():
    lengths = np.zeros(16, np.float32)
    lengths[[0, 4]] = 1.0, 0.01  # what the colours stand for in both pictures
    pictures = []
    for seen in (0.0, 0.1):
        lengths[8] = seen
        plot = plot_receptive_field(lengths, PixelOrder(4, 4), 9, "m")
        with Image.open(io.BytesIO(plot)) as png:
            pictures.append(np.asarray(png.convert("RGB")).astype(int))
    cell = np.argwhere((pictures[0] != pictures[1]).any(axis=-1))
    mark = np.argwhere((pictures[1] == [255, 0, 0]).all(axis=-1))
    edge = np.ptp(cell, axis=0) + 1
    np.testing.assert_allclose(edge, edge[0], atol=2, err_msg="a square")
    to_the_left = mark.mean(axis=0) - [0, edge[1]]
    np.testing.assert_allclose(cell.mean(axis=0), to_the_left, atol=2)


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--model_name=transformer", "--out=a.jpg"], 2, "out must end in .png or .svg"),
        (["--model_name=nobody"], 1, "nobody: no such model"),
        (["--receptive_field", "--model_name=nobody"], 1, "nobody: no such model"),
        (["--receptive_field", "--model_name=a,b"], 2, "takes one --model_name"),
        (["--model_name=transformer", "--n_layers=2"], 2, "n_layers is for --receptive_field"),
        (["--model_name=transformer", "--out=/dev/null/x.png"], 1, "/dev/null"),
    ],
)
def test_wrong_usage_is_one_line(weights_dir, capsys, flags, status, message):
    assert main(["plot", f"--weights_dir={weights_dir}", *flags]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


PLOT = """
import sys
from pixace.insight.plots import plot_curves
from tests.insight.test_plots import RECORD
sys.stdout.buffer.write(plot_curves({"faces": RECORD}, "svg"))
assert "matplotlib.pyplot" not in sys.modules
"""


def test_neither_a_notebooks_backend_nor_the_users_style_changes_a_plot(tmp_path):
    """Nothing is shown, so that no backend is needed; and a style may need LaTeX."""
    style = tmp_path / "matplotlibrc"
    style.write_text("text.usetex: True\nfont.size: 30\nfigure.facecolor: red\n")
    environment = {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(style), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PLOT],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == plot_curves({"faces": RECORD}, "svg")
