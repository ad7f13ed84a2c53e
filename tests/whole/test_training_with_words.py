"""Trainings on images with captions: taught words, stopped and resumed; and those without."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pixace
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.record import read_words
from pixace.dataset.batches import training_batches
from pixace.dataset.caption_finding import find_captions
from pixace.dataset.reading import load_images
from pixace.insight.likelihood import Scorer
from pixace.models.stored import open_model
from pixace.pictures.labels import labelled
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import StopRequest
from pixace.tokens.order import order_of
from pixace.training.peers import Peers
from pixace.training.start import StartingPoint
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.summaries import Summaries
from pixace.training.worker import Worker, read_images

TINY = {"model_type": "pointer", "image_size": 4, "bitdepth": (2, 1, 2), "d_model": 16}
TINY |= {"d_ff": 16, "n_layers": 1, "n_heads": 2}
LENGTH = 4
STEPS = 100


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> Path:
    """Plain pictures of three kinds, each of its own colour, in class folders."""
    folder = tmp_path_factory.mktemp("kinds")
    for side, count in (("train", 6), ("val", 2)):
        for kind, colour in (("berries", "red"), ("leaf", "green"), ("sea", "blue")):
            (folder / side / kind).mkdir(parents=True)
            for number in range(count):
                picture = Image.new("RGB", (4, 4), colour)
                picture.putpixel((3, number % 4), (255, 255, 255))
                picture.save(folder / side / kind / f"{number}.png")
    return folder


def settings(kinds: Path, **changes) -> dict:
    return {
        "images": str(kinds / "train"),
        "val_images": str(kinds / "val"),
        "batch_size": 6,
        "steps_per_epoch": STEPS,
        "n_epochs": 2,
        "learning_rate": 0.02,
        "warmup_steps": 5,
        "mirror": True,
        "recompute": False,
        **changes,
    }


@pytest.fixture(scope="module")
def taught(kinds, tmp_path_factory) -> Path:
    """The folder of a model that was taught the three words, as far as four bytes go."""
    weights_dir = tmp_path_factory.mktemp("weights")
    trainer = pixace.get_trainer("taught", weights_dir=weights_dir, caption_length=LENGTH, **TINY)
    trainer.train(**settings(kinds))
    return trainer.folder


@pytest.fixture(scope="module")
def resumed(taught, kinds) -> Worker:
    """What goes on from the end of the first epoch."""
    path, peers = taught / f"model-{STEPS:05}.pkl.gz", Peers(StopRequest())
    start = StartingPoint(path, read_checkpoint(path))
    about = TrainingSettings(**settings(kinds))
    worker = Worker(load_config(taught), about, start.seed(), start.position(), peers)
    worker.learner.restore(start, peers)
    return worker


def test_a_folder_with_captions_teaches_words(taught):
    assert load_config(taught).caption_length == LENGTH
    record = read_words(taught / "model.pkl.gz")
    assert record.classes == ("berr", "leaf", "sea")
    assert record.words == (("berr", 6), ("leaf", 6), ("sea", 6))


def test_the_right_words_help_and_wrong_ones_mislead(taught, kinds):
    stored = open_model(taught / "model.pkl.gz", {})
    model = stored.build("eval", 6)
    found = find_captions(kinds / "val", length=LENGTH)
    images = load_images(kinds / "val", stored.config, captions=found)
    right = images.captions.spread_tokens(6, LENGTH)
    scorer = Scorer(model)
    nats = [
        scorer.likelihood(model.weights, images.tokens, 6, captions=captions).nats_per_pixel
        for captions in (right, None, np.roll(right, 2, axis=0))
    ]
    assert nats[0] < nats[1] < nats[2]
    validated = read_checkpoint(taught / "model.pkl.gz").history.validations()[-1]
    assert validated == (2 * STEPS, pytest.approx(nats[0], rel=1e-3)), "with the right ones"


def redrawn(taught: Path, kinds: Path, folder: Path, captions: str) -> list[Image.Image]:
    """What is previewed where one goes on and the last epoch has not been drawn yet."""
    stored = open_model(taught / "model.pkl.gz", {})
    found = find_captions(kinds / "val", captions, LENGTH)
    images = load_images(kinds / "val", stored.config, captions=found)
    seed = read_checkpoint(taught / "model.pkl.gz").resume.seed
    previews = []
    pictures = EpochPictures(
        stored.config,
        images.tokens,
        seed,
        Summaries(folder),
        preview=previews.append,
        captions=images.captions,
    )
    assert not pictures.is_done(2 * STEPS)
    pictures.on_epoch(2 * STEPS, stored.build("eval", 1).weights, itertools.repeat(False).__next__)
    assert pictures.is_done(2 * STEPS)
    return previews


def test_the_pictures_of_an_epoch_show_what_held_out_captions_say(taught, kinds):
    with Image.open(taught / "pictures" / f"captioned-{2 * STEPS:05}.png") as sheet:
        assert sheet.width == 4 * 128
        rows = np.asarray(sheet.convert("RGB")).reshape(2, -1, 4, 128, 3).swapaxes(1, 2)
    tiles, words = rows[:, :, :128].reshape(8, 128, 128, 3), rows[:, :, 128:]
    texts = find_captions(kinds / "val", length=LENGTH).captions.different(8)
    texts = [texts[number % len(texts)] for number in range(8)]
    labels = labelled(Image.new("RGB", (4 * 128, 2 * 128)), [texts[:4], texts[4:]])
    labels = np.asarray(labels).reshape(2, -1, 4, 128, 3).swapaxes(1, 2)[:, :, 128:]
    np.testing.assert_array_equal(words, labels)
    strongest = tiles.mean(axis=(1, 2)).argmax(axis=-1)
    assert strongest.tolist() == [0, 1, 2, 0, 1, 2, 0, 1], "red berries, green leaf, blue sea"
    events = EventAccumulator(str(taught / "val"), size_guidance={"tensors": 0}).Reload()
    assert [event.step for event in events.Tensors("captioned")] == [STEPS, 2 * STEPS]


def test_who_comes_back_draws_them_as_they_would_have_been(taught, kinds, tmp_path):
    """By weights that were there from the start, not put into a sampler that had others before."""
    new, captioned = redrawn(taught, kinds, tmp_path, "auto")
    texts = find_captions(kinds / "val", length=LENGTH).captions.different(8)
    assert not new.info["said"] and new.size == captioned.size
    assert [*map(len, captioned.info["said"])] == [4, 4]
    assert {*itertools.chain(*captioned.info["said"])} == {*texts}
    names = {f"{kind}-{2 * STEPS:05}.png" for kind in ("samples", "completions", "captioned")}
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == names
    for name in names:
        expected = (taught / "pictures" / name).read_bytes()
        assert (tmp_path / "pictures" / name).read_bytes() == expected


def test_without_held_out_captions_there_are_no_such_pictures(taught, kinds, tmp_path):
    assert len(redrawn(taught, kinds, tmp_path, "none")) == 1
    drawn = {path.name.partition("-")[0] for path in (tmp_path / "pictures").iterdir()}
    assert drawn == {"samples", "completions"}


def test_it_goes_on_bit_for_bit(taught, resumed):
    for _ in range(STEPS):
        resumed.learner.advance()
    state, expected = resumed.learner.capture(), read_checkpoint(taught / "model.pkl.gz")
    for name in ("weights", "slots"):
        for left, right in zip(getattr(state, name), getattr(expected, name), strict=True):
            np.testing.assert_array_equal(left, right)
    assert resumed.position == expected.resume.position


def test_words_change_nothing_of_which_pictures_are_shown(kinds, resumed):
    start, order = resumed.position, order_of(resumed.config.pictures)
    told = resumed._batches()
    tokens = load_images(kinds / "train", ModelConfig(**TINY)).tokens
    plain = training_batches(tokens, 6, resumed.seed, start=start, mirror=order)
    for _ in range(5):
        with_words, without = next(told), next(plain)
        assert with_words.captions.shape == (6, LENGTH) and with_words.captions.any()
        assert without.captions is None
        np.testing.assert_array_equal(with_words.tokens, without.tokens)


def test_a_model_that_knows_words_may_go_on_without_any(kinds, resumed):
    about = TrainingSettings(**settings(kinds, captions="none"))
    images = read_images(resumed.config, about, Peers(StopRequest()))
    assert [*images.train.captions] == [()] * 18
    assert [*images.val.captions] == [()] * 6
