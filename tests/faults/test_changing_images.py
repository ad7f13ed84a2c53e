"""Images that are deleted, damaged, replaced or moved while a training reads or uses them."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import pixace.dataset.reading
import pixace.training.worker
from pixace.cli import main
from tests.conftest import assert_same_state, flags_of, train_tiny

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("_messages_as_before")]


def delete(folder: Path) -> None:
    for path in list(folder.iterdir())[::2]:
        path.unlink()


def delete_all(folder: Path) -> None:
    shutil.rmtree(folder)


def truncate(folder: Path) -> None:
    for path in folder.iterdir():
        with open(path, "r+b") as file:
            file.truncate(20)


def replace(folder: Path) -> None:
    for path in folder.iterdir():
        Image.new("RGB", (12, 12), "red").save(path)


def rename_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


CHANGES = (rename_folder, truncate, delete, delete_all, replace)


@pytest.mark.parametrize("cached", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_while_training(painted, weights_dir, tmp_path, monkeypatch, tally, cached):
    """The steps are those of images that nobody touched: all has been read before the first."""
    original = pixace.training.worker.training_batches
    changes = CHANGES[: tally.cases(1, len(CHANGES))]
    for change in changes:
        images, top = tmp_path / change.__name__ / "images", tmp_path / change.__name__
        shutil.copytree(painted / "train", images)

        def batches(tokens, *args, images=images, change=change, **kwargs):
            for number, batch in enumerate(original(tokens, *args, **kwargs)):
                if number == 1:
                    change(images)
                yield batch

        monkeypatch.setattr(pixace.training.worker, "training_batches", batches)
        cache = {"cache_dir": str(top / "cache")} if cached else {}
        folder = train_tiny(painted, top, "m", "transformer", images=str(images), **cache)
        assert_same_state(folder, weights_dir / "transformer")
        assert not images.exists() or change is not rename_folder
    tally.add("images deleted, damaged, replaced or moved during a training", len(changes))


@pytest.mark.long
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_while_reading(painted, tmp_path, monkeypatch, capfd, tally, change, cached):
    """Between the list of the files and their bytes: those that are left train, or one line."""
    images = tmp_path / "images"
    shutil.copytree(painted / "train", images)
    original = pixace.dataset.reading.find_images

    def find(folder):
        found = original(folder)
        if Path(folder) == images and images.exists():
            change(images)
        return found

    monkeypatch.setattr(pixace.dataset.reading, "find_images", find)
    words = flags_of(painted, tmp_path, "m", images=images, n_epochs=1, steps_per_epoch=1)[3:]
    if cached:
        words.append(f"--cache_dir={tmp_path / 'cache'}")
    code = main(words)
    lines = capfd.readouterr().err.splitlines()
    skipped = [line for line in lines if line.startswith("warning: skipped ")]
    if change in (delete, replace):
        assert code == 0
        assert len(skipped) == (10 if change is delete else 0)
    else:
        assert code == 1
        assert lines[-1].startswith(f"pixace: {images}: none of its 20 image files can be read")
        assert [line for line in lines if line.startswith("pixace: ")] == lines[-1:]
    tally.add("images deleted, damaged, replaced or moved while they are read", 1)


@pytest.mark.parametrize("which", ["train", "val"])
def test_a_token_cache_that_is_cut_short_while_training(
    painted, tmp_path, monkeypatch, capfd, tally, which
):
    """One line, and the same command goes on from the last epoch."""
    original = pixace.training.worker.training_batches
    cache = tmp_path / "cache"
    words = flags_of(painted, tmp_path, "m", n_epochs=3, steps_per_epoch=2, cache_dir=cache)[3:]

    def batches(tokens, *args, **kwargs):
        for number, batch in enumerate(original(tokens, *args, **kwargs)):
            if number == 2:
                (path,) = cache.glob(f"{which}-*.tokens")
                os.truncate(path, 100)
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(pixace.training.worker, "training_batches", batches)
        assert main(words) == 1
    (told,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("pixace: "))
    assert "something has cut it short" in told
    assert (tmp_path / "m" / "model-00002.pkl.gz").exists()
    assert main(words) == 0
    assert (tmp_path / "m" / "model-00006.pkl.gz").exists()
    tally.add("a token cache cut short during a training", 1, lost="the epoch under way")
