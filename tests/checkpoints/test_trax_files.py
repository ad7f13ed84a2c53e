"""Checkpoints that plain trax 1.4.1 splits into three files, written here by trax itself."""

import functools
import gzip
import logging
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pixace
from pixace.backend.door import jnp, trax
from pixace.checkpoints import safe_pickle
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import read_newest
from pixace.checkpoints.trax_files import read_split_arrays
from pixace.errors import CheckpointError
from pixace.models.stored import open_model
from tests.tools.plain_trax import Written, train_in_trax

TIME = 1_600_000_000  # of the gzip headers, unless a test says otherwise
PARTS = ("opt_slots0.npy.gz", "weights.npy.gz", "pkl.gz")  # in the order of writing


@pytest.fixture(scope="module")
def train(tmp_path_factory) -> Callable[[str], Written]:
    """Trains in plain trax; each type of model once."""
    return functools.cache(
        lambda model_type: train_in_trax(tmp_path_factory.mktemp(model_type), model_type)
    )


@pytest.fixture(params=["transformer", "reformer"])
def written(request, train) -> Written:
    return train(request.param)


@pytest.fixture
def one_written(train) -> Written:
    return train("transformer")


@pytest.fixture
def folder(one_written, tmp_path) -> Path:
    """A copy that a test may change, all times alike."""
    for part in PARTS:
        shutil.copy(one_written.folder / f"model.{part}", tmp_path)
        set_time(tmp_path / f"model.{part}", TIME)
    return tmp_path


def set_time(path: Path, seconds: int) -> None:
    """Changes the time in a gzip header."""
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", seconds)
    path.write_bytes(data)


def test_trax_writes_what_this_is_about(written):
    contents = safe_pickle.load(written.folder / "model.pkl.gz")
    assert (contents["flat_weights"], contents["slots_per_task"]) == (2, 2)
    assert {f"model.{part}" for part in PARTS} <= {path.name for path in written.folder.iterdir()}


def test_every_array_is_read_bit_by_bit(written):
    read = read_checkpoint(written.folder / "model.pkl.gz")
    assert read.step == 3
    weights, _ = trax.layers.flatten_weights_and_state(
        written.loop.model.weights, written.loop.model.state
    )
    slots = trax.fastmath.tree_flatten(written.loop._trainer_per_task[0].slots)
    for arrays, expected in ((read.weights, weights), (read.slots, slots)):
        assert len(arrays) == len(expected)
        for array, other in zip(arrays, expected, strict=True):
            assert (array.dtype, array.shape) == (np.float32, other.shape)
            assert array.tobytes() == np.asarray(other).tobytes()


def test_weights_and_optimiser_share_a_limit(folder):
    path = folder / "model.pkl.gz"
    size = len(gzip.decompress((folder / "model.weights.npy.gz").read_bytes()))
    weights, slots = read_split_arrays(path, TIME, safe_pickle.Limits(size + 100))
    assert len(weights) > 0
    assert slots is None
    with pytest.raises(CheckpointError, match="more than the limit"):
        read_split_arrays(path, TIME, safe_pickle.Limits(size - 1))


def test_the_model_gives_trax_s_logits(written):
    stored = open_model(written.folder / "model.pkl.gz", written.settings)
    assert stored.step == 3
    logits = np.asarray(stored.build("eval", batch_size=4)(written.tokens))
    np.testing.assert_allclose(logits, written.logits, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["nothing", "slots"])
def test_training_goes_on_from_it(one_written, folder, painted, caplog, lost):
    if lost == "slots":
        (folder / f"model.{PARTS[0]}").unlink()
    trainer = pixace.get_trainer(folder.name, weights_dir=folder.parent, **one_written.settings)
    with caplog.at_level(logging.INFO, "pixace"):
        trainer.train(
            images=str(painted / "train"),
            val_images=str(painted / "val"),
            batch_size=4,
            steps_per_epoch=2,
            n_epochs=2,
        )
    assert f"going on from {folder / 'model.pkl.gz'}, step 3" in caplog.text
    assert ("starts with a new optimiser" in caplog.text) == (lost == "slots")
    new, old = (read_checkpoint(place / "model.pkl.gz") for place in (folder, one_written.folder))
    assert new.step == 4
    # The files left beside it are those of step 3 still: nobody looks at them.
    assert any((one != two).any() for one, two in zip(new.weights, old.weights, strict=True))


def test_an_epoch_s_copy_of_the_pickle_alone_is_refused(folder, caplog):
    """The weights beside it, under the other name, are of another step."""
    copy = folder / "model-00100.pkl.gz"
    shutil.copy(folder / "model.pkl.gz", copy)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(copy)
    assert str(caught.value) == (
        f"{copy}: holds no weights: trax keeps them in {folder}/model-00100.weights.npy.gz, which "
        "is missing; copy all files of the checkpoint together"
    )
    (folder / "model.weights.npy.gz").unlink()
    with pytest.raises(CheckpointError, match="none of its 2 checkpoints"):
        read_newest(folder)
    assert "holds no weights" in caplog.text


def test_an_epoch_s_copy_of_all_files_is_read(folder):
    for part in PARTS:
        (folder / f"model.{part}").rename(folder / f"model-00003.{part}")
    path, checkpoint = read_newest(folder)
    assert (path.name, checkpoint.step) == ("model-00003.pkl.gz", 3)
    assert len(checkpoint.slots) == 2 * len(checkpoint.weights)


def test_the_name_must_tell_where_the_arrays_are(folder):
    (folder / "model.pkl.gz").rename(folder / "model")
    with pytest.raises(CheckpointError, match=r"only if its name ends in \.pkl\.gz"):
        read_checkpoint(folder / "model")


@pytest.mark.parametrize("later", [1, 2, 3600])
def test_weights_of_a_later_save_are_refused(folder, later):
    """A crash between the last two of trax's files, or an old pickle put back."""
    set_time(folder / "model.weights.npy.gz", TIME + later)
    with pytest.raises(CheckpointError, match="of another step") as caught:
        read_checkpoint(folder / "model.pkl.gz")
    assert str(caught.value).startswith(f"{folder}/model.weights.npy.gz: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "times",  # in the order of PARTS
    [(0, 0, 0), (0, TIME, TIME), (TIME, 0, TIME), (0, TIME, 0), (TIME - 9, TIME - 5, TIME)],
)
def test_times_that_are_in_order_or_unknown_do_not_matter(folder, times):
    for part, time in zip(PARTS, times, strict=True):
        set_time(folder / f"model.{part}", time)
    assert read_checkpoint(folder / "model.pkl.gz").slots is not None


def write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    trax.layers.np_to_file(arrays, str(path), compresslevel=2)
    set_time(path, TIME)


SPOILT = {
    "missing": (Path.unlink, "No such file"),
    "newer": (lambda path: set_time(path, TIME + 1), "for another step"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "cut off"),
    "no arrays": (lambda path: write_arrays(path, []), "not those of Adam"),
    "other arrays": (lambda path: write_arrays(path, [np.zeros(3, "f4")]), "not those of Adam"),
    "objects": (lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n."), "no gzip file"),
    "a link": (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "not a regular file"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_an_optimiser_that_cannot_be_used_is_left_out(folder, caplog, fault):
    spoil, reason = SPOILT[fault]
    spoil(folder / "model.opt_slots0.npy.gz")
    read = read_checkpoint(folder / "model.pkl.gz")
    assert read.slots is None
    assert len(read.weights) == 22
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{folder}/model.opt_slots0.npy.gz: ")
    assert reason in record.getMessage()
    assert record.getMessage().endswith("a training from here starts with a new optimiser")


@pytest.mark.parametrize("fault", ["cut off", "objects", "a link"])
def test_weights_that_cannot_be_read_are_refused(folder, fault):
    spoil, reason = SPOILT[fault]
    spoil(folder / "model.weights.npy.gz")
    with pytest.raises(CheckpointError, match=reason) as caught:
        read_checkpoint(folder / "model.pkl.gz")
    assert str(caught.value).startswith(f"{folder}/model.weights.npy.gz: ")


def test_no_weights_are_no_checkpoint(folder):
    write_arrays(folder / "model.weights.npy.gz", [])
    with pytest.raises(CheckpointError, match="not all arrays"):
        read_checkpoint(folder / "model.pkl.gz")


def test_weights_of_another_model_do_not_fit(one_written, folder):
    weights = read_checkpoint(folder / "model.pkl.gz").weights
    write_arrays(folder / "model.weights.npy.gz", weights[:-1])
    with pytest.raises(CheckpointError, match="21 weights in the file, 22 in the model"):
        open_model(folder / "model.pkl.gz", one_written.settings)


def test_bfloat16_is_read_as_the_bits_that_trax_writes(one_written, folder):
    halves = [
        jnp.asarray(array, jnp.bfloat16)
        for array in read_checkpoint(folder / "model.pkl.gz").weights
    ]
    bits = one_written.loop._to_bits(halves)
    write_arrays(folder / "model.weights.npy.gz", bits)
    read = read_checkpoint(folder / "model.pkl.gz").weights
    for array, half in zip(read, halves, strict=True):
        assert array.dtype == np.uint16
        assert array.tobytes() == np.asarray(half).tobytes()
