"""What a checkpoint tells of its training."""

import dataclasses
import gzip
import math
import pickle

import numpy as np
import pytest

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.record import read_record


def test_a_training_leaves_its_record(painted, weights_dir):
    path = weights_dir / "transformer" / "model.pkl.gz"
    record = read_record(path)
    stored = read_checkpoint(path)
    assert record.step == 6
    assert record.n_weights == sum(array.size for array in stored.weights)
    assert record.config.image_size == 6
    assert record.settings["images"] == str(painted / "train")
    assert record.settings["batch_size"] == "4"
    assert record.settings["images found"] == "20"
    history = stored.history
    for bits, nats, steps in (
        (record.train, history.trainings(), [3, 6]),
        (record.within, history.within_epochs(), [1, 2, 3, 4, 5, 6]),
        (record.val, history.validations(), [3, 6]),
    ):
        assert bits == [(step, value / math.log(2)) for step, value in nats]
        assert [step for step, _ in nats] == steps
    assert record.training == record.within
    older = dataclasses.replace(record, within=record.within[4:])
    assert [step for step, _ in older.training] == [3, 5, 6], "went on from an older file"
    assert dataclasses.replace(record, within=[]).training == record.train
    assert record.held_out is True
    assert record.validation == "validation"
    assert record.images_per_second > 0


@pytest.mark.parametrize(
    "remembered",
    [
        {},
        {"settings": [1], "held_out": "yes", "curves": 3},
        {"settings": {"images": 3, 4: "five"}, "curves": {"images_per_second": math.nan}},
        {"curves": {"images_per_second": [1.0]}},
    ],
)
def test_what_is_told_in_another_form_is_not_told(tmp_path, remembered):
    contents = {
        "step": 2,
        "flat_weights": [np.zeros(3, np.float32)],
        "history": {"_values": {"val": {"nats_per_pixel": [(1, math.nan), (2, math.log(2))]}}},
        "pixace": remembered,
    }
    path = tmp_path / "model.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(contents)))
    record = read_record(path)
    assert (record.n_weights, record.config, record.settings) == (3, None, {})
    assert (record.train, record.val) == ([], [(2, 1.0)])
    assert record.held_out is None
    assert record.images_per_second is None
