"""Folders of good images and bad ones: each bad one named once, the good ones in their order."""

import logging
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from pixace.dataset.examine import examine
from pixace.dataset.reading import load_images
from pixace.insight.evaluator import get_evaluator
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.model import ModelConfig
from pixace.wording import shown
from tests.conftest import flags_of
from tests.tools.hostile_images import hostile_images, scatter
from tests.tools.tiny import TINY

pytestmark = pytest.mark.fault

FAULT = "damaged images in the folder"
N_GOOD = 200


class Album(NamedTuple):
    """A folder of images.

    Attributes:
      folder: the folder.
      good: the files that hold a picture, in the order of their paths.
      bad: those that do not.
    """

    folder: Path
    good: list[Path]
    bad: list[Path]


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Album:
    """All hostile files among good ones, of which every letter of the alphabet has some."""
    folder = tmp_path_factory.mktemp("album")
    hostile = hostile_images()
    scatter(folder, hostile)
    paths = [folder / os.fsdecode(file.name) for file in hostile]
    good = [path for path, file in zip(paths, hostile, strict=True) if file.is_readable]
    for number in range(N_GOOD):
        good.append(folder / f"{chr(ord('a') + number % 26)}-good-{number:03d}.png")
        Image.new("RGB", (12, 12), (number, 255 - number, 77)).save(good[-1])
    bad = [path for path, file in zip(paths, hostile, strict=True) if not file.is_readable]
    return Album(folder, sorted(good), sorted(bad))


@pytest.fixture(scope="module")
def part(album, tmp_path_factory, request) -> Album:
    """Every fifth of them, by links; all of them for the long suite."""
    if request.config.getoption("--faults"):
        return album
    folder = tmp_path_factory.mktemp("part")
    good, bad = [], []
    for there, here in ((album.good, good), (album.bad, bad)):
        for path in there[::5]:
            here.append(folder / path.name)
            here[-1].symlink_to(path)
    return Album(folder, good, bad)


def test_the_world_is_hostile_enough(album):
    assert len(album.bad) >= 200
    assert len(find_images(album.folder)) == len(album.good) + len(album.bad)


def test_exactly_the_bad_ones_are_left_out(album, caplog, tally):
    config = ModelConfig(**TINY)
    images = load_images(album.folder, config)
    assert list(images.paths) == album.good
    told = [line.partition(": ")[0] for line in images.skipped]
    assert told == [shown(path) for path in album.bad]
    assert all(line.isprintable() and line.partition(": ")[2] for line in images.skipped)
    logged = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert logged == [f"skipped {line}" for line in images.skipped]
    for number, row in enumerate(images.tokens[:: len(images.tokens) // 20]):
        path = album.good[number * (len(images.tokens) // 20)]
        assert (row == load_images_of_one(path, config)).all(), "each row is of its own file"
    tally.add(FAULT, len(album.bad))


def load_images_of_one(path: Path, config: ModelConfig) -> np.ndarray:
    """Returns the tokens of one image."""
    from pixace.tokens import image_to_tokens

    return image_to_tokens(open_image(path), config.image_size, config.bitdepth)


def test_check_names_the_bad_ones(part, tally):
    examined = examine(find_images(part.folder))
    assert list(examined.paths) == part.good
    assert [path for path, _ in examined.unreadable] == part.bad
    assert all(problem and problem.isprintable() for _, problem in examined.unreadable)
    tally.add(FAULT, len(part.bad))


def test_score_names_the_bad_ones(part, weights_dir, tally):
    ranking = get_evaluator("transformer", weights_dir=weights_dir).score(part.folder)
    assert sorted(ranking.paths) == part.good
    assert [path for path, _ in ranking.unreadable] == part.bad
    tally.add(FAULT, len(part.bad))


@pytest.mark.parametrize("command", ["check", "score", "quantize"])
def test_the_commands_print_lines_that_a_terminal_can_show(
    part, weights_dir, tmp_path, capfd, command
):
    flags = {
        "check": [],
        "score": ["--model_name=transformer", f"--weights_dir={weights_dir}"],
        "quantize": [f"--out={tmp_path / 'table.png'}", "--n_images=100"],
    }
    assert main([command, f"--images={part.folder}", *flags[command]]) == 0
    for line in "".join(capfd.readouterr()).splitlines():
        assert line.isprintable(), line


@pytest.mark.slow
def test_training_goes_on(album, painted, tmp_path, tally):
    """The real command line: each bad file is named once, over several epochs."""
    command = flags_of(painted, tmp_path, "m", images=album.folder, batch_size=60)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with process.stdout as output:
        lines = output.read().decode().split("\n")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, lines
    skipped = [line.partition("skipped /")[2] for line in lines if "skipped /" in line]
    named = [f"/{line.partition(': ')[0]}" for line in skipped]
    assert named == [shown(path) for path in album.bad]
    assert all(line.replace("\r", "").isprintable() for line in lines)
    assert (tmp_path / "m" / "model-00006.pkl.gz").exists()
    # KiB. A training of good images alone takes 1,000,000; two of the largest pictures may be
    # decoded at a time (`images._allowance`), which takes 2,500,000 where there are many cores.
    assert usage.ru_maxrss < 4_000_000
    tally.add("damaged images in a training, on the command line", len(album.bad))


@pytest.mark.usefixtures("_messages_as_before")
@pytest.mark.parametrize("command", ["train", "quantize", "evaluate"])  # others report on them
def test_a_folder_of_bad_ones_only_is_one_error(command, weights_dir, painted, tmp_path, capfd):
    folder = tmp_path / "album"
    folder.mkdir()
    scatter(folder, hostile_images_of(b"cut-png", b"other-fifo"))
    flags = [f"--images={folder}"]
    if command == "evaluate":
        flags += ["--model_name=transformer", f"--weights_dir={weights_dir}"]
    if command == "quantize":
        flags += [f"--out={tmp_path / 'table.png'}"]
    if command == "train":
        flags = flags_of(painted, tmp_path, "m", images=folder)[4:]
    assert main([command, *flags]) == 1
    lines = capfd.readouterr().err.splitlines()
    (error,) = (line for line in lines if line.startswith("pixace: "))
    assert f"{folder}: none of" in error
    assert "can be read" in error


def hostile_images_of(*starts: bytes) -> list:
    """Returns the hostile files whose names start so."""
    return [file for file in hostile_images() if file.name.startswith(starts)]
