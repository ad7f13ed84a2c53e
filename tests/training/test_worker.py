"""One process's part in a training: images, steps, validations."""

import logging
import signal

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.reading import load_images
from pixace.errors import ImageError
from pixace.insight.likelihood import Likelihood
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import StopRequest
from pixace.tokens.reading import encoded
from pixace.training.peers import Peers
from pixace.training.worker import Worker
from tests.tools.tiny import TINY

CONFIG = ModelConfig("transformer", **TINY)
SETTINGS = {"batch_size": 4, "steps_per_eval": 1, "recompute": False, "learning_rate": 0.01}


def worker_on(folder, val_folder, position=0, peers=None, **changes) -> Worker:
    settings = TrainingSettings(images=str(folder), val_images=val_folder, **SETTINGS, **changes)
    return Worker(CONFIG, settings, 5, position, peers or Peers(StopRequest()))


@pytest.fixture(scope="module")
def worker(painted) -> Worker:
    """After two steps."""
    worker = worker_on(painted / "train", str(painted / "val"))
    for _ in range(2):
        worker.learner.advance()
    return worker


def test_it_knows_its_images_and_where_it_is_among_them(worker):
    assert worker.n_images == [20, 5, 0]
    assert (worker.learner.step, worker.position, worker.seed) == (2, 8, 5)
    described = worker.described()
    assert (described["batch_size"], described["seed"]) == (4, 5)
    assert described["images found"] == 20


def test_a_validation_is_of_so_many_pictures_from_all_over_the_set(worker, painted):
    """Four of five, as a validation is one batch."""
    tokens = load_images(painted / "val", CONFIG).tokens[[0, 1, 2, 3]]
    likelihood = worker.validate()
    assert likelihood.n_images == 4
    expected = worker._scorer.image_nats(worker.learner.weights, tokens, 4)
    assert likelihood.nats_per_pixel == pytest.approx(expected.mean())


def test_a_signal_ends_a_validation(worker, monkeypatch):
    monkeypatch.setattr(worker._peers.stop_request, "signal", signal.SIGTERM)
    assert worker.validate() is None


def test_a_mean_is_that_of_all_processes(worker, monkeypatch):
    asked = []
    monkeypatch.setattr(worker._peers, "mean", lambda own: asked.append(own) or Likelihood(7.0, 99))
    assert worker.validate() == Likelihood(7.0, 99)
    assert asked[0].n_images == 4


def test_a_second_process_has_the_other_half(painted):
    """Of images, of each batch and of a validation."""
    peers = Peers(StopRequest())
    peers.size, peers.index = 2, 1
    worker = worker_on(painted / "train", str(painted / "val"), 40, peers)
    assert [path.name for path in worker.images.paths] == [
        f"disc-{number:03d}.png" for number in range(1, 20, 2)
    ]
    batch = next(worker._batches())
    assert batch.tokens.shape == (2, 36)
    assert worker.position == 44, "of all processes together"
    own = {row.tobytes() for row in worker.images.tokens.astype(np.int32)}
    assert {row.tobytes() for row in batch.tokens} <= own
    assert len(worker._validated()[0]) == 2


def test_without_validation_images_it_takes_those_it_trains_on(
    painted, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    worker = worker_on(painted / "train", None)
    assert worker.val_images is worker.images
    assert worker.n_images == [20, 20, 0]
    assert "no validation images" in caplog.text


def test_folders_that_cannot_be_read(painted, tmp_path):
    with pytest.raises(ImageError, match="no images"):
        worker_on(tmp_path, None)
    with pytest.raises(ImageError, match="no images"):
        worker_on(painted / "train", str(tmp_path))


def test_it_trains_on_the_cells_of_sheets(tmp_path, caplog):
    """Of which each is taken back exactly, where that is asked for."""
    art = np.random.default_rng(0).integers(0, 256, (6, 18, 3), np.uint8)
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    sheet = Image.fromarray(art.repeat(2, 0).repeat(2, 1))
    sheet.save(tmp_path / "train" / "tiles.png")
    sheet.crop((0, 0, 24, 12)).save(tmp_path / "val" / "tiles.png")
    (tmp_path / "train" / "notes.txt").touch()
    with caplog.at_level(logging.INFO):
        worker = worker_on(tmp_path / "train", str(tmp_path / "val"), grid="12x12", unscale=True)
    assert worker.n_images == [3, 2, 0]
    expected = encoded(art.reshape(6, 3, 6, 3).swapaxes(0, 1), CONFIG.pictures)
    np.testing.assert_array_equal(worker.images.tokens, expected)
    assert worker.described()["grid"] == "12x12"
    lines = [line for line in caplog.messages if line.startswith(f"{tmp_path}/train: ")]
    assert [line.partition(": ")[2] for line in lines] == [
        "1 of 1 image files cut into pictures, 3 in all; 0 empty cells left out",
        "not read as images: 1 .txt",
    ]
