"""Full and read-only disks: a clear error, the old state whole, and then on it goes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, epoch_path, epoch_steps, read_newest
from pixace.checkpoints.keeping import save_epoch, save_latest
from pixace.checkpoints.lock import training_lock
from pixace.cli import main
from pixace.errors import CheckpointError
from tests.conftest import paint
from tests.tools.crashing import TRAX_FIELDS, assert_whole, stamped, train_words
from tests.tools.small_disk import PAGE, NoSmallDisk, SmallDisk, small_disk

pytestmark = pytest.mark.fault

SHAPES = ((80, 100), (40,))  # about a hundred kilobytes with the optimiser's


@pytest.fixture
def disk(tmp_path):
    mount_point = tmp_path / "disk"
    mount_point.mkdir()
    try:
        with small_disk(mount_point, 4096) as mounted:
            yield mounted
    except (NoSmallDisk, FileNotFoundError) as reason:
        pytest.skip(str(reason))


def pages_of(path: Path) -> int:
    return -(-path.stat().st_size // PAGE)


def save(folder: Path, step: int) -> None:
    save_epoch(folder, stamped(step, SHAPES), TRAX_FIELDS, keep=2)


def assert_all_whole(folder: Path, newest: int, epochs: list[int]) -> None:
    """Checks that nothing but these whole checkpoints is in a folder."""
    names = {LATEST_NAME, *(epoch_path(folder, step).name for step in epochs)}
    assert set(os.listdir(folder)) - {".lock"} == names
    for name in names:
        assert_whole(read_checkpoint(folder / name))
    assert [read_checkpoint(epoch_path(folder, step)).step for step in epochs] == epochs
    found = read_newest(folder)
    assert found is not None
    assert found[1].step == newest


def test_a_save_fails_at_every_page_of_a_disk(disk, tally):
    """From no room at all to just enough: refused in one line, or saved whole."""
    folder = disk.path / "model"
    for step in (100, 200):
        save(folder, step)
    n_needed = pages_of(folder / LATEST_NAME)
    assert n_needed > 20
    for n_pages in range(n_needed):
        disk.fill(leave=n_pages)
        with pytest.raises(CheckpointError, match="cannot save: No space left on device") as caught:
            save(folder, 300)
        assert str(folder / LATEST_NAME) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "older checkpoints are untouched, free some space" in str(caught.value)
        assert_all_whole(folder, 200, [100, 200])
    disk.fill(leave=n_needed)
    save(folder, 300)
    assert read_checkpoint(folder / LATEST_NAME).step == 300
    tally.add("a disk that is full at each page of a save", n_needed, lost="the save under way")


def out_of_files(disk: SmallDisk, but: int = 0) -> None:
    """Lets a disk take no more names, or only so many."""
    usage = os.statvfs(disk.path)
    disk.remount(f"nr_inodes={usage.f_files - usage.f_ffree + but}")


def test_a_disk_that_takes_no_more_files(disk):
    """Which can happen long before it is full of bytes."""
    folder = disk.path / "model"
    for step in (100, 200):
        save(folder, step)
    out_of_files(disk)
    with pytest.raises(CheckpointError, match="cannot save: No space left on device"):
        save(folder, 300)
    assert_all_whole(folder, 200, [100, 200])
    disk.remount("nr_inodes=1000")
    save(folder, 300)
    assert_all_whole(folder, 300, [100, 200, 300])  # 100 is the best


def test_no_room_for_the_epoch_s_own_name(disk):
    """The state is saved by then, and the message says so."""
    folder = disk.path / "model"
    folder.mkdir()
    out_of_files(disk, but=1)
    with pytest.raises(CheckpointError) as caught:
        save(folder, 100)
    assert str(caught.value) == (
        f"{epoch_path(folder, 100)}: cannot save: No space left on device; {folder / LATEST_NAME} "
        "holds this state, free some space and run the command again"
    )
    assert_all_whole(folder, 100, [])
    disk.remount("nr_inodes=1000")
    save(folder, 100)
    assert_all_whole(folder, 100, [100])


def test_no_room_for_a_copy_where_there_are_no_hard_links(disk, monkeypatch):
    folder = disk.path / "model"
    save(folder, 100)

    def refuse(*_):
        raise PermissionError(1, os.strerror(1))

    monkeypatch.setattr(os, "link", refuse)
    disk.fill(leave=pages_of(folder / LATEST_NAME) + 3)
    with pytest.raises(CheckpointError, match="00200.* cannot save: No space left .* holds this"):
        save(folder, 200)
    assert_all_whole(folder, 200, [100])
    disk.free()
    save(folder, 200)
    assert_all_whole(folder, 200, [100, 200])


def test_a_disk_that_turned_read_only(disk):
    folder = disk.path / "model"
    with training_lock(folder):
        save(folder, 100)
    disk.remount("ro")
    with pytest.raises(CheckpointError, match="cannot save: Read-only file system") as caught:
        save_latest(folder, stamped(200), TRAX_FIELDS)
    assert str(folder / LATEST_NAME) in str(caught.value)
    with (
        pytest.raises(CheckpointError, match="cannot write here: Read-only"),
        training_lock(folder),
    ):
        pass
    assert_all_whole(folder, 100, [100])
    disk.remount("rw")
    with training_lock(folder):
        save(folder, 200)
    assert_all_whole(folder, 200, [100, 200])


# ------------------------------------------------------------------------------ the real command


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with `images`, and `m`, trained for one epoch on them."""
    folder = tmp_path_factory.mktemp("trained")
    paint(folder / "images", 12, seed=3)
    assert main(train_words(folder, folder / "images", n_epochs=1)) == 0
    return folder


def assert_told_and_whole(returncode: int, stderr: str, folder: Path) -> None:
    """Checks that a training ended with one line, and that no state is damaged."""
    assert returncode == 1, stderr
    assert "Traceback" not in stderr
    told = [line for line in stderr.splitlines() if "No space left on device" in line]
    assert [line.startswith(f"pixace: {folder}") for line in told] == [True], stderr
    assert stderr.endswith(told[0] + "\n")
    newest = read_newest(folder)
    assert newest is not None
    assert newest[0] == folder / LATEST_NAME
    assert newest[1].step in (4, 8)
    assert read_checkpoint(epoch_path(folder, 4)).step == 4
    assert not list(folder.rglob(".*.tmp"))


@pytest.mark.long
def test_a_training_where_there_is_no_room(trained, disk, capfd):
    """No room for config.json, then for the curves, the state, the pictures; then for all."""
    folder = disk.path / "m"
    shutil.copytree(trained / "m", folder)
    words = train_words(disk.path, trained / "images", n_epochs=2)
    for n_pages, step in [(0, 4), (1, 4), (8, 4), (30, 8)]:
        disk.fill(leave=n_pages)
        capfd.readouterr()
        returncode = main(words)
        assert_told_and_whole(returncode, capfd.readouterr().err, folder)
        assert read_checkpoint(folder / LATEST_NAME).step == step
    disk.free()
    assert main(words) == 0
    assert epoch_steps(folder) == [4, 8]


@pytest.mark.long
def test_a_training_with_ever_more_room(trained, disk):
    """In processes of their own: TensorFlow tidies up once more when the interpreter ends."""
    folder = disk.path / "m"
    words = train_words(disk.path, trained / "images", n_epochs=2)
    for n_pages in range(0, 80, 5):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(trained / "m", folder)
        disk.fill(leave=n_pages)
        done = subprocess.run(
            [sys.executable, "-m", "pixace", *words], capture_output=True, text=True
        )
        assert_told_and_whole(done.returncode, done.stderr, folder)
        disk.free()


@pytest.mark.slow
def test_a_training_on_a_read_only_disk_is_refused(trained, disk, capfd):
    shutil.copytree(trained / "m", disk.path / "m")
    words = train_words(disk.path, trained / "images", n_epochs=2)
    disk.remount("ro")
    capfd.readouterr()
    assert main(words) == 1
    stderr = capfd.readouterr().err
    assert stderr == f"pixace: {disk.path / 'm'}: cannot write here: Read-only file system\n"


def test_a_second_training_in_the_same_folder_is_refused(weights_dir, painted, tmp_path, capfd):
    shutil.copytree(weights_dir / "transformer", tmp_path / "m")
    capfd.readouterr()
    with training_lock(tmp_path / "m"):
        assert main(train_words(tmp_path, painted / "train", n_epochs=3)) == 1
    stderr = capfd.readouterr().err
    assert stderr.startswith(f"pixace: {tmp_path / 'm'}: another training is running")
    assert stderr.count("\n") == 1
