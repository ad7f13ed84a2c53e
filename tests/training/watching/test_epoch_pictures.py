"""What a trained model draws after an epoch."""

import itertools

import numpy as np
import pytest
from PIL import Image

from pixace.checkpoints.folder import picture_path
from pixace.dataset.reading import load_images
from pixace.insight.likelihood import Likelihood
from pixace.models.stored import open_model
from pixace.pictures.collage import collage
from pixace.tokens import tokens_to_image
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.summaries import Summaries

KINDS = ("samples", "completions")
GO_ON = itertools.repeat(False).__next__


class Album:
    """One model's pictures, in whichever folder a test wants them; its sampler is compiled once."""

    def __init__(self, painted, weights_dir):
        stored = open_model(weights_dir / "transformer" / "model.pkl.gz", {})
        self.config = stored.config
        self.weights = stored.build("eval", 1).weights
        self.originals = load_images(painted / "val", stored.config).tokens
        self.shown = []
        self.pictures = EpochPictures(stored.config, self.originals, 3, None, self.shown.append)

    def at(self, folder) -> EpochPictures:
        self.shown.clear()
        self.pictures._summaries = Summaries(folder)
        return self.pictures

    def draw(self, folder, step=6, stop=GO_ON) -> dict[str, bytes]:
        self.at(folder).on_epoch(step, self.weights, stop)
        return files(folder)


@pytest.fixture(scope="module")
def album(painted, weights_dir) -> Album:
    return Album(painted, weights_dir)


@pytest.fixture(scope="module")
def drawn(album, tmp_path_factory):
    """A folder with the pictures of step 6, which are not to be changed, and their preview."""
    folder = tmp_path_factory.mktemp("drawn")
    album.draw(folder)
    return folder, album.shown[:]


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "pictures").glob("*.png")}


def test_two_sheets_are_drawn(album, drawn):
    folder, (preview,) = drawn
    assert set(files(folder)) == {"samples-00006.png", "completions-00006.png"}
    assert album.at(folder).is_done(6)
    assert not album.at(folder).is_done(3)
    with Image.open(picture_path(folder, "samples", 6)) as samples:
        assert samples.size == (4 * 128, 2 * 128)
    assert preview.size == (4 * 8, 2 * 8), "in natural size, with a border"


def test_completions_are_of_validation_pictures(album, drawn):
    """First these, then the halves that were given, which all completions share."""
    folder, _ = drawn
    with Image.open(picture_path(folder, "completions", 6)) as sheet:
        assert sheet.size == (4 * 128, 4 * 128)
        pixels = np.asarray(sheet.convert("RGB"))
    tiles = pixels.reshape(4, 128, 4, 128, 3).swapaxes(1, 2)
    for column, tokens in enumerate(album.originals[:4]):
        original = collage([[tokens_to_image(tokens, album.config.bitdepth)]], 128)
        np.testing.assert_array_equal(tiles[0, column], np.asarray(original.convert("RGB")))
        for row in (2, 3):  # pixels are smoothed into each other: not up to the very half
            np.testing.assert_array_equal(tiles[row, column, :40], tiles[0, column, :40])
    assert (tiles[2] != tiles[3]).any(), "two tries"


def test_the_noise_is_the_same_every_time(album, drawn, tmp_path):
    again = album.draw(tmp_path, step=9)
    folder, _ = drawn
    for kind in KINDS:
        assert again[f"{kind}-00009.png"] == files(folder)[f"{kind}-00006.png"]


def test_what_is_there_is_not_drawn_again(album, tmp_path):
    path = picture_path(tmp_path, "samples", 6)
    path.parent.mkdir()
    path.write_bytes(b"there already")
    assert album.draw(tmp_path)["samples-00006.png"] == b"there already"
    assert album.shown == [], "nor shown"
    assert album.pictures.is_done(6)


@pytest.mark.parametrize(("n_pixels", "names"), [(0, set()), (40, {"samples-00006.png"})])
def test_a_signal_gives_up_what_is_under_way(album, tmp_path, n_pixels, names):
    answers = itertools.chain(itertools.repeat(False, n_pixels), itertools.repeat(True))
    assert set(album.draw(tmp_path, stop=answers.__next__)) == names
    assert not album.pictures.is_done(6)
    assert set(album.draw(tmp_path)) == {"samples-00006.png", "completions-00006.png"}


def test_pictures_of_a_step_that_is_trained_anew_go(album, tmp_path):
    for kind, step in itertools.product((*KINDS, "captioned"), (3, 6)):
        path = picture_path(tmp_path, kind, step)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    album.at(tmp_path).on_validation(6, Likelihood(2.5, 5))
    assert set(files(tmp_path)) == {f"{kind}-00003.png" for kind in (*KINDS, "captioned")}
    album.at(tmp_path).on_validation(6, Likelihood(2.5, 5))
