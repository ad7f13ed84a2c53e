"""What a training leaves in its folder; `test_training` looks into TensorBoard's files."""

import os

import pytest
from PIL import Image

from pixace.summaries import Summaries


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
