"""Whether a training has words, and what its model learns of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.errors import ImageError
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.start import StartingPoint
from pixace.training.words import val_captions, with_words, words_record

PLAIN = ModelConfig("pointer", image_size=8)
WORDY = ModelConfig("pointer", image_size=8, caption_length=20)


def start(words: WordsRecord = NO_WORDS) -> StartingPoint:
    state = Checkpoint(3, [np.zeros(3, np.float32)], resume=ResumeState(words=words))
    return StartingPoint(Path("m/model.pkl.gz"), state)


@pytest.fixture
def kinds(tmp_path) -> Path:
    """A folder with two classes of pictures."""
    for kind in ("cat", "dog"):
        (tmp_path / "kinds" / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(tmp_path / "kinds" / kind / "1.png")
    return tmp_path / "kinds"


@pytest.fixture
def plain(tmp_path) -> Path:
    """A folder with a picture without a caption."""
    (tmp_path / "plain").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "plain" / "1.png")
    return tmp_path / "plain"


def settings(folder: Path, **values) -> TrainingSettings:
    return TrainingSettings(images=str(folder), **values)


def test_a_new_training_has_words_where_its_images_have(kinds, plain, caplog):
    caplog.set_level("INFO", "pixace")
    config, captions = with_words(PLAIN, settings(kinds), None)
    assert config.caption_length == 64
    assert [*captions.captions] == [("cat",), ("dog",)]
    assert with_words(WORDY, settings(kinds), None)[0] == WORDY, "a named length stays"
    assert with_words(PLAIN, settings(plain), None) == (PLAIN, None)
    assert with_words(PLAIN, settings(kinds, captions="none"), None) == (PLAIN, None)
    assert [record.getMessage() for record in caplog.records] == [
        *[f"{kinds}: captions: 2 of 2 images, from class folders; 2 classes"] * 2,
        f"{plain}: captions: 0 of 1 images",
    ]


def test_a_training_goes_on_without_words_as_it_began(kinds, caplog):
    caplog.set_level("INFO", "pixace")
    assert with_words(PLAIN, settings(kinds), start()) == (PLAIN, None)
    (told,) = caplog.records
    assert told.getMessage().endswith("not used, as this training began without")


def test_a_training_goes_on_with_words_where_there_are_none_any_more(plain, kinds, caplog):
    caplog.set_level("INFO", "pixace")
    for folder, kind in ((plain, "auto"), (plain, "txt"), (kinds, "none")):
        config, captions = with_words(WORDY, settings(folder, captions=kind), start())
        assert config == WORDY
        assert not any(captions.captions)
        assert "captions: 0 of" in caplog.records[-1].getMessage()


def test_captions_that_were_asked_for_must_be_there(kinds, plain):
    with pytest.raises(ImageError, match="captions=txt, but none of its images has such"):
        with_words(PLAIN, settings(kinds, captions="txt"), None)
    with pytest.raises(ImageError, match="captions=names"):
        with_words(PLAIN, settings(plain, captions="names"), None)


def test_classes_that_are_new_in_validation_are_told(kinds, tmp_path, caplog):
    _, train = with_words(WORDY, settings(kinds), None)
    val = tmp_path / "val"
    for kind in ("cat", "frog"):
        (val / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(val / kind / "1.png")
        found = val_captions(val, WORDY, settings(kinds), train)
        found.beside(train).tell()
    assert found.classes == ("cat", "frog"), "and cat alone is one, as it is known"
    told = caplog.records[-1].getMessage()
    assert told == f"{val}: captions: classes that the images to train on have not: frog"


def test_what_a_model_has_learned_is_kept_and_grows(kinds):
    _, captions = with_words(WORDY, settings(kinds), None)
    record = words_record(captions, None)
    assert record == WordsRecord(("cat", "dog"), (("cat", 1), ("dog", 1)))
    before = WordsRecord.of(["frog"], ["frog"])
    assert words_record(captions, start(before)).classes == ("cat", "dog", "frog")
    assert words_record(captions, start(record)) == record
    assert words_record(None, start(before)) == before
    assert words_record(None, None) == NO_WORDS
