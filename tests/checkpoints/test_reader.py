"""Checkpoints that are asked for again."""

import os

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.reader import CheckpointReader
from pixace.errors import CheckpointError


def write(path, step: int) -> None:
    write_checkpoint(path, Checkpoint(step, [np.full(3, step, np.float32)]), {})


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "model.pkl.gz", 1)
    return tmp_path / "model.pkl.gz"


def test_what_is_asked_for_again_is_there_already(path):
    reader = CheckpointReader()
    first = reader.read(path)
    assert (first.step, first.weights[0][0]) == (1, 1)
    assert reader.read(path) is first


def test_two_names_for_one_file_are_one_file(path):
    reader = CheckpointReader()
    other = path.with_name("model-00001.pkl.gz")
    os.link(path, other)
    assert reader.read(path) is reader.read(other)


def test_a_file_that_took_its_place_is_another_one(path):
    reader = CheckpointReader()
    reader.read(path)
    write(path, 2)
    assert reader.read(path).step == 2


def test_so_is_one_that_was_written_to(path):
    reader = CheckpointReader()
    reader.read(path)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    os.utime(path, (1, 1))  # whatever the clock does
    with pytest.raises(CheckpointError, match=r"model\.pkl\.gz"):
        reader.read(path)


def test_what_is_wrong_with_a_file_is_told_again(path):
    path.write_bytes(b"damaged")
    reader = CheckpointReader()
    said = []
    for _ in range(2):
        with pytest.raises(CheckpointError) as caught:
            reader.read(path)
        said.append(str(caught.value))
    assert said[0] == said[1]
    write(path, 3)
    assert reader.read(path).step == 3


def test_a_file_that_is_missing_may_come(path):
    reader = CheckpointReader()
    other = path.with_name("other.pkl.gz")
    with pytest.raises(CheckpointError, match="No such file"):
        reader.read(other)
    path.rename(other)
    assert reader.read(other).step == 1
    with pytest.raises(CheckpointError, match="No such file"):
        reader.read(path)


def test_what_is_forgotten_is_read_anew(path):
    other = path.with_name("other.pkl.gz")
    write(other, 2)
    reader = CheckpointReader()
    one, two = reader.read(path), reader.read(other)
    reader.forget(path)
    assert reader.read(path) is not one
    assert reader.read(other) is two
    reader.forget()
    assert reader.read(other) is not two
