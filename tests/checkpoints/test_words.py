"""The words that a model was taught, and what of a stranger's file is believed."""

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.record import read_words
from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.words import MOST_CLASSES, MOST_WORDS, WordsRecord

RECORD = WordsRecord.of(["frog", "cat"], ["a red frog", "a red red cat", "a cat 👨‍👩"])


def test_words_are_counted_by_caption_and_the_commonest_come_first():
    assert RECORD.classes == ("cat", "frog")
    assert RECORD.words == (("a", 3), ("cat", 2), ("red", 2), ("frog", 1), ("👨‍👩", 1))


def test_a_checkpoint_keeps_them(tmp_path):
    path = tmp_path / "model.pkl.gz"
    for words in (RECORD, WordsRecord()):
        state = Checkpoint(3, [np.zeros(3, np.float32)], resume=ResumeState(words=words))
        write_checkpoint(path, state, {})
        assert read_words(path) == words


def test_a_model_without_words_stores_nothing_of_them():
    assert "words" not in ResumeState(seed=0).to_stored()


def test_long_lists_are_cut(tmp_path):
    many = [f"word{number}" for number in range(MOST_WORDS + 1)]
    record = WordsRecord.of(many, ["often", "often", *many])
    assert len(record.classes) == MOST_CLASSES
    assert len(record.words) == MOST_WORDS
    assert record.words[0] == ("often", 2)
    path = tmp_path / "model.pkl.gz"
    state = Checkpoint(3, [np.zeros(3, np.float32)], resume=ResumeState(words=record))
    write_checkpoint(path, state, {})
    assert read_words(path) == record, "the safe reader's limits are wide enough"


def test_what_two_folders_taught_is_joined_and_no_count_grows():
    other = WordsRecord.of(["dog"], ["a dog", "a dog", "the dog", "red", "red", "red"])
    joined = RECORD.joined(other)
    assert joined.classes == ("cat", "dog", "frog")
    assert joined.words[:3] == (("a", 3), ("dog", 3), ("red", 3))
    assert joined.joined(other) == joined.joined(RECORD) == joined


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        {"classes": "cat", "words": "cat", "counts": [1]},
        {"classes": [1, None, "", "\ud800", "x" * 2000], "words": ["a"], "counts": []},
        {"words": [1, "", "\udfff", "a", "b", "c", "d"], "counts": [1, 1, 1, 0, True, -1, "2"]},
    ],
)
def test_another_form_counts_as_not_told(stored):
    assert WordsRecord.from_stored(stored) == WordsRecord()


def test_no_more_is_looked_at_than_is_kept():
    """A stranger's file may name one long text a million times."""

    class Counted(list):
        n_read = 0

        def __getitem__(self, index):
            found = super().__getitem__(index)
            Counted.n_read += len(found) if isinstance(index, slice) else 1
            return found

        def __iter__(self):
            raise AssertionError("all of it is read")

    many = Counted(["é" * 1000] * (10 * MOST_WORDS))
    read = WordsRecord.from_stored({"classes": many, "words": many, "counts": [2**62] * len(many)})
    assert (len(read.classes), read.words) == (MOST_CLASSES, ())
    assert Counted.n_read == MOST_CLASSES + MOST_WORDS
