"""What a training leaves in its folder; `test_trainer` looks into TensorBoard's files."""

import html
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugin_util import markdown_to_safe_html

from pixace.training.watching.summaries import Summaries


@pytest.mark.parametrize("name", ["plain", os.fsdecode(b"not \xff UTF-8")])
def test_any_folder_will_do(tmp_path, name):
    folder = tmp_path / name
    summaries = Summaries(folder)
    summaries.scalars("train", {"nats_per_pixel": 1.5}, step=12)
    summaries.picture("samples", Image.new("RGB", (4, 4), "red"), step=12)
    summaries.close()
    for run, tag in (("train", b"nats_per_pixel"), ("val", b"samples")):
        (events,) = (folder / run).iterdir()
        assert tag in events.read_bytes()
    with Image.open(folder / "pictures" / "samples-00012.png") as picture:
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.slow
def test_points_do_not_stay_in_memory(tmp_path):
    """In a process of its own, whose memory nothing else fills."""
    code = """
import sys
from pathlib import Path
from PIL import Image

from pixace.training.watching.summaries import Summaries
summaries = Summaries(Path(sys.argv[1]))
for step in range(8001):
    summaries.scalars("train", {"loss": step / 7, "rate": step / 9}, step)
    if step % 4000 == 0:
        summaries.flush()
        print(open("/proc/self/statm").read().split()[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    _, half, whole = map(int, done.stdout.split())
    assert (whole - half) * os.sysconf("SC_PAGE_SIZE") < 2_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("_my_ *images*", "_my_ *images*"),
        ("a|b <b>&amp;</b> [c](d) `e` \\|", "a|b <b>&amp;</b> [c](d) `e` \\|"),
        ("two\nlines", "two\\nlines"),
        (os.fsdecode(b"not \xff UTF-8"), "not \\xff UTF-8"),
        ((5, 4, 4), "5,4,4"),
        (None, "None"),
    ],
)
def test_a_setting_is_shown_as_it_is(tmp_path, value, text):
    """Whatever a folder is called, TensorBoard makes one cell of a table of it."""
    summaries = Summaries(tmp_path)
    summaries.settings({"batch_size": 16, "images": value}, step=0)
    summaries.close()
    (event,) = EventAccumulator(str(tmp_path / "train")).Reload().Tensors("settings")
    page = markdown_to_safe_html(event.tensor_proto.string_val[0])
    cells = [html.unescape(cell) for cell in re.findall("<td>([^<]*)</td>", page)]
    assert cells == ["batch_size", "16", "images", text]


def test_a_link_in_a_stranger_s_folder_is_not_followed(tmp_path):
    (tmp_path / "precious.png").write_bytes(b"mine")
    summaries = Summaries(tmp_path / "model")
    path = summaries.picture_path("samples", 3)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "precious.png")
    summaries.picture("samples", Image.new("RGB", (4, 4), "red"), 3)
    summaries.close()
    assert (tmp_path / "precious.png").read_bytes() == b"mine"
    assert not path.is_symlink() and Image.open(path).size == (4, 4)
