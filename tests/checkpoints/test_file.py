import gzip
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixace.backend.door import trax
from pixace.checkpoints import file as file_module
from pixace.checkpoints import safe_pickle
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from pixace.checkpoints.fitting import fit_arrays
from pixace.checkpoints.folder import (
    best_step,
    epoch_path,
    epoch_steps,
    find_checkpoint,
    locate,
    read_newest,
)
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import save_epoch, save_latest
from pixace.checkpoints.lock import training_lock
from pixace.checkpoints.resume import ResumeState
from pixace.errors import CheckpointError, UsageError
from pixace.models.stored import open_model
from pixace.settings.model import ModelConfig
from tests.conftest import TRANSFORMER_AND_SLOWLY_REFORMER
from tests.tools.places import LEGACY
from tests.tools.plain_trax import plain_model


def state(step: int, loss: float | None = None) -> Checkpoint:
    rng = np.random.default_rng(step)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (4,), (2,))]
    history, resume = History(), ResumeState(seed=7, rng=arrays[1])
    if loss is not None:
        history.add_validation(step, loss)
    return Checkpoint(step, arrays, [a * 2 for a in arrays], history, resume)


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert one.step == other.step
    assert one.history == other.history
    assert one.slots is not None and other.slots is not None
    for left, right in zip(one.weights + one.slots, other.weights + other.slots, strict=True):
        np.testing.assert_array_equal(left, right)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "model.pkl.gz"
    write_checkpoint(path, state(5, 1.25), {"flat_state": []})
    read = read_checkpoint(path)
    assert_same(read, state(5, 1.25))
    assert read.resume.seed == 7
    np.testing.assert_array_equal(read.resume.rng, state(5).resume.rng)


def test_the_same_state_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write_checkpoint(tmp_path / name, state(5), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("model_type", TRANSFORMER_AND_SLOWLY_REFORMER)
def test_plain_trax_reads_our_files(weights_dir, model_type):
    """`Layer.init_from_file` and `Loop.load_checkpoint`, neither of which knows pixace."""
    folder = weights_dir / model_type
    config = load_config(folder)
    ours = read_checkpoint(folder / "model.pkl.gz")

    model = plain_model(config, "eval")
    model.init_from_file(str(folder / "model.pkl.gz"), weights_only=True)
    for array, expected in zip(trax.fastmath.tree_leaves(model.weights), ours.weights, strict=True):
        np.testing.assert_array_equal(array, expected)

    tokens = np.full((4, config.n_pixels), 3, np.int32)
    batch = (tokens, tokens, np.ones(tokens.shape, np.float32))
    loop = trax.supervised.training.Loop(
        plain_model(config, "train", 0.1),
        trax.supervised.training.TrainTask(
            iter([batch] * 3), trax.layers.WeightedCategoryCrossEntropy(), trax.optimizers.Adam()
        ),
        eval_model=plain_model(config, "eval"),
    )
    loop.load_checkpoint(directory=str(folder))
    assert loop.step == ours.step == 6
    slots = trax.fastmath.tree_flatten(loop._trainer_per_task[0].slots)
    for array, expected in zip(slots, ours.slots, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert loop.history.get("val", "nats_per_pixel") == ours.history.validations()
    assert [step for step, _ in loop.history.get("train", "nats_per_pixel")] == [3, 6]
    tokens = np.random.default_rng(0).integers(2, 30, tokens.shape).astype(np.int32)
    expected = open_model(folder / "model.pkl.gz", {}).build("eval", batch_size=4)(tokens)
    np.testing.assert_allclose(loop.eval_model(tokens), expected, atol=1e-5)
    loop.run(1)
    assert loop.step == 7


@pytest.mark.parametrize("model_type", ["transformer", "reformer"])
def test_plain_trax_restores_shapes_and_state_from_our_files(weights_dir, model_type):
    """`init_from_file` with nothing left out: signature and state are in the file."""
    path = weights_dir / model_type / "model.pkl.gz"
    model = plain_model(load_config(path.parent), "train", 0.1)
    if model_type == "reformer":  # trax fails on its own files, too, where such a model is bare
        model.init(trax.shapes.ShapeDtype((4, 36), np.int32))
    weights, state = model.init_from_file(str(path))
    flat_weights, flat_state = trax.layers.flatten_weights_and_state(weights, state)
    stored = safe_pickle.load(path)
    assert stored["input_signature"] == (safe_pickle.TensorSignature((4, 36), "int32"),)
    for arrays, name in ((flat_weights, "flat_weights"), (flat_state, "flat_state")):
        assert len(arrays) == len(stored[name]) > 0
        for array, expected in zip(arrays, stored[name], strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("model_type", ["transformer", "reformer"])
@pytest.mark.parametrize("variant", ["numpy", "jaxarrays"])
def test_files_of_trax_1_3_7_give_their_logits(model_type, variant):
    """The settings come from the caller: such files carry none."""
    facts = json.loads((LEGACY / "config.json").read_text())
    expected = np.load(LEGACY / "expected.npz")
    stored = open_model(
        LEGACY_FILES / f"{model_type}-{variant}.pkl.gz",
        {
            "model_type": model_type,
            "image_size": facts["image_size"],
            "bitdepth": tuple(facts["bitdepth"]),
            **facts["dims"],
        },
    )
    assert stored.step == 3
    tokens = expected["tokens"].astype(np.int32)
    logits = np.asarray(stored.build("eval", batch_size=2)(tokens))
    np.testing.assert_allclose(logits, expected[f"{model_type}/logits"], atol=1e-4)


@pytest.fixture(autouse=True)
def legacy_files(tmp_path_factory):
    """The old files alone: the fixture's own `config.json` is not one of ours."""
    global LEGACY_FILES
    LEGACY_FILES = tmp_path_factory.mktemp("legacy")
    for file in LEGACY.glob("*.pkl.gz"):
        (LEGACY_FILES / file.name).write_bytes(file.read_bytes())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"image_size": 9}, r"\(64, 32\)|weight 2 of"),
        ({"bitdepth": (3, 2, 3)}, "weight 1 of"),
        ({"d_model": 64}, "weight 1 of"),
        ({"n_layers": 3}, "in the file"),
        ({"d_ff": 32}, "weight"),
        ({"model_type": "reformer"}, "in the file"),
    ],
)
def test_weights_that_do_not_fit_are_refused(settings, what):
    facts = json.loads((LEGACY / "config.json").read_text())
    right = {
        "model_type": "transformer",
        "image_size": 8,
        "bitdepth": tuple(facts["bitdepth"]),
        **facts["dims"],
    }
    with pytest.raises(CheckpointError, match=what) as caught:
        open_model(LEGACY_FILES / "transformer-numpy.pkl.gz", {**right, **settings})
    name, value = next(iter(settings.items()))
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
    assert f"--{name}={shown}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fit_arrays_takes_floats_only(tmp_path):
    config = ModelConfig()
    with pytest.raises(CheckpointError, match="int64"):
        fit_arrays([np.zeros(3, int)], [np.zeros(3)], tmp_path, config)
    (array,) = fit_arrays([np.zeros(3)], [np.zeros(3)], tmp_path, config)
    assert array.dtype == np.float32


@pytest.mark.parametrize(
    "contents",
    [
        [1, 2],
        {"step": 1},
        {"step": 1, "flat_weights": []},
        {"step": 1, "flat_weights": ["no array"]},
        {"step": -1, "flat_weights": [np.zeros(1)]},
        {"step": "x", "flat_weights": [np.zeros(1)]},
        {"step": 1, "flat_weights": 2},
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, contents):
    path = tmp_path / "x.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(contents)))
    with pytest.raises(CheckpointError, match=r"x\.pkl\.gz"):
        read_checkpoint(path)


def test_curves_of_trax_are_read(tmp_path):
    """Its losses are arrays without axes; what is no curve is left out."""
    loss = [(1, np.array(2.5, "f4")), (2, np.float32(1.5)), (3, 0.5)]
    odd = [(4, "text"), (5, np.zeros(1)), (6, np.array(1)), "none", (7,)]
    values = {"train": {"loss": loss + odd, "other": 3}, "eval": 5}
    contents = {"step": 3, "flat_weights": [np.zeros(1)], "history": {"_values": values}}
    path = tmp_path / "x.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(contents)))
    expected = {"train": {"loss": [(1, 2.5), (2, 1.5), (3, 0.5)], "other": []}}
    assert read_checkpoint(path).history.curves == expected


def test_epochs_are_kept_and_the_best_never_removed(tmp_path):
    history = History()
    losses = {100: 3.0, 200: 1.0, 300: 2.0, 400: 2.5, 500: 2.6, 600: 2.7}
    for step, loss in losses.items():
        history.add_validation(step, loss)
        checkpoint = state(step)
        checkpoint.history = history
        save_epoch(tmp_path, checkpoint, {}, keep=2)
    assert epoch_steps(tmp_path) == [200, 500, 600]
    assert best_step(history, tmp_path) == 200
    assert find_checkpoint(tmp_path, "best") == epoch_path(tmp_path, 200)
    assert find_checkpoint(tmp_path, "500") == epoch_path(tmp_path, 500)
    assert find_checkpoint(tmp_path, "latest") == tmp_path / "model.pkl.gz"
    assert read_checkpoint(tmp_path / "model.pkl.gz").step == 600
    with pytest.raises(CheckpointError, match="200, 500, 600"):
        find_checkpoint(tmp_path, "300")
    assert not list(tmp_path.glob(".*.tmp"))


def test_the_epoch_s_file_survives_the_next_save(tmp_path):
    save_epoch(tmp_path, state(100), {}, keep=5)
    save_latest(tmp_path, state(130), {})
    assert read_checkpoint(epoch_path(tmp_path, 100)).step == 100
    assert read_checkpoint(tmp_path / "model.pkl.gz").step == 130


def test_a_damaged_newest_checkpoint_is_skipped_by_name(tmp_path, caplog):
    assert read_newest(tmp_path) is None
    for step in (100, 200):
        save_epoch(tmp_path, state(step), {}, keep=5)
    save_latest(tmp_path, state(230), {})
    latest = tmp_path / "model.pkl.gz"
    latest.write_bytes(latest.read_bytes()[:-50])
    path, checkpoint = read_newest(tmp_path)
    assert (path, checkpoint.step) == (epoch_path(tmp_path, 200), 200)
    assert str(latest) in caplog.text
    for step in (100, 200):
        epoch_path(tmp_path, step).write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="none of its 3 checkpoints"):
        read_newest(tmp_path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    """A real limit on the size of files, in a process of its own."""
    save_latest(tmp_path, state(1), {})
    code = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from pixace.checkpoints.file import Checkpoint
from pixace.errors import CheckpointError
from pixace.checkpoints.keeping import save_latest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    save_latest(Path({str(tmp_path)!r}), Checkpoint(2, [np.zeros(10000, np.float32)]), {{}})
except CheckpointError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "cannot save" in result.stdout, result.stderr
    assert read_checkpoint(tmp_path / "model.pkl.gz").step == 1
    assert os.listdir(tmp_path) == ["model.pkl.gz"]


def test_two_trainings_in_one_folder_are_refused(tmp_path):
    with training_lock(tmp_path):
        pass  # held for as long as the block
    with (
        training_lock(tmp_path),
        pytest.raises(CheckpointError, match="another training"),
        training_lock(tmp_path),
    ):
        pass
    (tmp_path / ".model.pkl.gz.abc.tmp").write_bytes(b"left by a killed process")
    with training_lock(tmp_path):
        assert not list(tmp_path.glob(".*.tmp"))


def test_locate(tmp_path):
    save_epoch(tmp_path / "m", state(100), {}, keep=1)
    assert locate("m", tmp_path, None) == tmp_path / "m" / "model.pkl.gz"
    assert locate("m", tmp_path, "100") == epoch_path(tmp_path / "m", 100)
    file = str(epoch_path(tmp_path / "m", 100))
    assert locate(None, tmp_path, file) == locate("other", tmp_path, file) == Path(file)
    with pytest.raises(UsageError, match="--model_name"):
        locate(None, tmp_path, None)
    with pytest.raises(CheckpointError, match="no such model"):
        locate("absent", tmp_path, None)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        locate("m", tmp_path, "99")
    with pytest.raises(CheckpointError, match="keeps no validated epoch"):
        locate("m", tmp_path, "best")


@pytest.mark.parametrize("step", [-1, True, 2**31, 2**70, "7"])
def test_a_step_is_a_number_of_steps(tmp_path, step):
    path = tmp_path / "m.pkl.gz"
    write_checkpoint(path, Checkpoint(step, [np.zeros(3, np.float32)]), {})
    with pytest.raises(CheckpointError, match="not a number of steps"):
        read_checkpoint(path)


def test_a_step_of_many_digits_is_no_step(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        find_checkpoint(tmp_path, "9" * 5000)


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:12] + b"xyz" + b[15:]])
def test_a_save_that_does_not_read_back_is_told(tmp_path, monkeypatch, damage):
    """A disk that loses bytes, played by damaging the temporary file before it is verified."""
    path = tmp_path / "m.pkl.gz"
    write_checkpoint(path, Checkpoint(1, [np.zeros(3, np.float32)]), {})
    whole = path.read_bytes()
    verify = file_module._verify_bytes

    def damage_and_verify(temporary):
        temporary.write_bytes(damage(temporary.read_bytes()))
        verify(temporary)

    monkeypatch.setattr(file_module, "_verify_bytes", damage_and_verify)
    with pytest.raises(CheckpointError, match="cannot save: it does not read back as it was"):
        write_checkpoint(path, Checkpoint(2, [np.ones(3, np.float32)]), {})
    assert path.read_bytes() == whole
    assert [left.name for left in tmp_path.iterdir()] == ["m.pkl.gz"]
