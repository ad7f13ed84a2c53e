"""Disks that break: what was saved before stays whole, what cannot be read is named."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, epoch_path, read_newest
from pixace.checkpoints.keeping import save_epoch
from pixace.cli import main
from pixace.dataset.reading import load_images
from pixace.errors import CheckpointError
from pixace.settings.model import ModelConfig
from tests.conftest import paint
from tests.tools.crashing import TRAX_FIELDS, assert_whole, stamped, train_words
from tests.tools.failing_disk import N_BYTES, NoFailingDisk, failing_disk

pytestmark = pytest.mark.fault

FAULT = "a disk that answers every write with an error"


@pytest.fixture
def disk(tmp_path):
    mount_point = tmp_path / "disk"
    mount_point.mkdir()
    try:
        with failing_disk(mount_point) as mounted:
            yield mounted
    except NoFailingDisk as reason:
        pytest.skip(str(reason))


def test_what_was_saved_before_stays_whole(disk, tally):
    folder = disk.path / "model"
    for step in (100, 200):
        save_epoch(folder, stamped(step), TRAX_FIELDS, keep=2)
    before = set(os.listdir(folder))
    disk.refuse_writes()
    for step in (300, 400):
        with pytest.raises(CheckpointError) as caught:
            save_epoch(folder, stamped(step), TRAX_FIELDS, keep=2)
        assert str(caught.value) == (
            f"{folder / LATEST_NAME}: cannot save: Input/output error; older checkpoints are "
            "untouched, see to that folder and its disk and run the command again"
        )
        assert set(os.listdir(folder)) == before
        for name in (LATEST_NAME, epoch_path(folder, 100).name, epoch_path(folder, 200).name):
            assert_whole(read_checkpoint(folder / name))
    newest = read_newest(folder)
    assert newest is not None
    assert newest[1].step == 200
    tally.add(FAULT, 2, lost="the save under way")


@pytest.mark.slow
def test_a_training_ends_with_one_line(disk, tmp_path, tally):
    paint(tmp_path / "images", 12, seed=3)
    assert main(train_words(disk.path, tmp_path / "images", n_epochs=1)) == 0
    disk.refuse_writes()
    words = train_words(disk.path, tmp_path / "images", n_epochs=2)
    done = subprocess.run([sys.executable, "-m", "pixace", *words], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Input/output error" in done.stderr.splitlines()[-1]
    assert "free some space" not in done.stderr
    newest = read_newest(disk.path / "m")
    assert newest is not None
    assert newest[1].step == 4
    tally.add(FAULT, 1, lost="the save under way")


def test_images_that_cannot_be_read_are_named_and_left_out(disk, tally):
    config = ModelConfig(image_size=6, bitdepth=(2, 1, 2))
    rng = np.random.default_rng(0)
    for number in range(60):
        pixels = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(disk.path / f"{number:02d}.png")
    whole = load_images(disk.path, config)
    disk.lose_all_after(N_BYTES // 2)
    left = load_images(disk.path, config)
    assert 0 < len(left.paths) < len(whole.paths) == 60
    assert len(left.skipped) == 60 - len(left.paths)
    for problem in left.skipped:
        assert str(problem).endswith(".png: Input/output error")
    kept = [list(whole.paths).index(path) for path in left.paths]
    np.testing.assert_array_equal(left.tokens, whole.tokens[kept])
    tally.add("images on a disk that cannot be read any more", len(left.skipped), lost="the image")


def test_a_checkpoint_that_cannot_be_read_gives_way_to_the_one_before(disk, caplog):
    folder = disk.path / "model"
    save_epoch(folder, stamped(100, [(100, 100)]), TRAX_FIELDS, keep=3)
    disk.fill_up_to(N_BYTES // 2)
    for step in (200, 300):
        save_epoch(folder, stamped(step, [(100, 100)]), TRAX_FIELDS, keep=3)
    disk.lose_all_after(N_BYTES // 2)
    newest = read_newest(folder)
    assert newest is not None
    assert newest[0] == epoch_path(folder, 100)
    assert_whole(newest[1])
    assert "Input/output error" in caplog.text
