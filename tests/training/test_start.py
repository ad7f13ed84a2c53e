"""Where a training starts: folder, settings, state."""

import collections
import contextlib
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from pixace.checkpoints.folder import epoch_path, epoch_steps
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import save_epoch, save_latest, set_aside
from pixace.checkpoints.reader import CheckpointReader
from pixace.checkpoints.resume import ResumeState
from pixace.errors import CheckpointError, UsageError
from pixace.settings.model import ModelConfig
from pixace.training.start import StartingPoint, find_start, made_folder, training_folder


def test_a_training_without_a_name_is_called_after_the_time(tmp_path):
    folder, config, _ = training_folder(None, tmp_path, None, {})
    assert folder.parent == tmp_path
    assert re.fullmatch(r"[01]\d[0-3]\d_[0-2]\d[0-5]\d", folder.name)
    assert config == ModelConfig("pointer")
    assert not folder.exists(), "nothing is made before the training starts"


def test_no_two_trainings_without_a_name_share_a_folder(tmp_path, monkeypatch):
    """Neither one after another, nor of those that have begun at the same instant."""
    monkeypatch.setattr(time, "strftime", lambda form: "1127_1410")
    top = tmp_path / "new"
    names = []
    for _ in range(3):
        name = training_folder(None, top, None, {}).folder
        assert made_folder(name) == name and name.is_dir()
        names.append(name.name)
    assert names == ["1127_1410", "1127_1410_2", "1127_1410_3"]
    with ThreadPoolExecutor(4) as processes:
        at_once = [*processes.map(made_folder, [top / names[0]] * 8)]
    assert {folder.name for folder in at_once} == {f"1127_1410_{n}" for n in range(4, 12)}


def test_a_name_that_is_a_link_or_a_file_is_taken(tmp_path):
    name = training_folder(None, tmp_path, None, {}).folder
    name.symlink_to(tmp_path / "nowhere")
    assert made_folder(name) not in (name, tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="cannot write here: File exists"):
        made_folder(name / "below")


def test_an_empty_name_is_a_mistake_and_not_the_time(tmp_path):
    with pytest.raises(UsageError, match="model_name must be a plain folder name"):
        training_folder("", tmp_path, None, {})


def test_a_new_training_takes_the_named_settings(tmp_path):
    folder, config, _ = training_folder("faces", tmp_path, None, {"image_size": 16, "d_ff": None})
    assert folder == tmp_path / "faces"
    assert config == ModelConfig("pointer", image_size=16)
    chosen = {"model_type": "reformer"}
    assert training_folder("faces", tmp_path, None, chosen)[1] == ModelConfig("reformer")


@pytest.mark.parametrize("name", ["model.pkl.gz", "model-00003.pkl.gz"])
def test_weights_without_settings_go_on_as_a_reformer(tmp_path, name):
    """As they are of 2020; and their sizes are not open, either."""
    (tmp_path / "old").mkdir()
    checkpoint = tmp_path / "old" / name
    write_checkpoint(checkpoint, state(3, 3), {})
    expected = ModelConfig("reformer", image_size=16)
    for place in (("old", tmp_path, None), ("new", tmp_path, str(checkpoint))):
        assert training_folder(*place, {"image_size": 16})[1:] == (expected, frozenset())


def test_settings_that_leave_the_type_out_are_a_reformer_s(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"image_size": 16}')
    assert training_folder("old", tmp_path, None, {})[1] == ModelConfig("reformer", image_size=16)


def test_a_training_goes_on_with_the_stored_settings(tmp_path):
    save_config(tmp_path / "faces", ModelConfig(image_size=8))
    assert training_folder("faces", tmp_path, None, {})[1] == ModelConfig(image_size=8)
    with pytest.raises(UsageError, match="image_size=16 contradicts image_size=8"):
        training_folder("faces", tmp_path, None, {"image_size": 16})


def test_a_new_model_takes_the_settings_beside_the_checkpoint_it_starts_from(tmp_path):
    save_config(tmp_path / "old", ModelConfig(image_size=8))
    checkpoint = tmp_path / "old" / "model.pkl.gz"
    checkpoint.touch()
    folder, config, _ = training_folder("new", tmp_path, str(checkpoint), {})
    assert folder == tmp_path / "new"
    assert config == ModelConfig(image_size=8)
    with pytest.raises(UsageError, match="image_size=16 contradicts image_size=8") as caught:
        training_folder("new", tmp_path, str(checkpoint), {"image_size": 16})
    assert str(tmp_path / "old") in str(caught.value)


def test_the_model_s_own_settings_come_before_those_beside_a_checkpoint(tmp_path):
    save_config(tmp_path / "old", ModelConfig(image_size=8))
    save_config(tmp_path / "new", ModelConfig(image_size=16))
    checkpoint = tmp_path / "old" / "model.pkl.gz"
    checkpoint.touch()
    assert training_folder("new", tmp_path, str(checkpoint), {})[1].image_size == 16


@pytest.mark.parametrize("checkpoint", ["latest", "best", "100", "no/such/file.pkl.gz", "x" * 300])
def test_a_checkpoint_that_is_not_there_is_told_at_once(tmp_path, checkpoint):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        training_folder("new", tmp_path, checkpoint, {})


def test_damaged_settings_are_not_overlooked(tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot use these settings"):
        training_folder("faces", tmp_path, None, {})


def test_a_weights_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "weights").touch()
    with pytest.raises(CheckpointError, match="Not a directory"):
        training_folder("faces", tmp_path / "weights", None, {})


def state(step: int, mark: float, **resume) -> Checkpoint:
    """Returns a state whose weights carry a mark, with a history that makes step 6 the best."""
    losses = {3: 4.0, 6: 3.0, 9: 3.5}
    history = History()
    for epoch, loss in losses.items():
        if epoch <= step:
            history.add_validation(epoch, loss)
    weights = [np.full(2, mark, np.float32)]
    return Checkpoint(step, weights, history=history, resume=ResumeState(**resume))


@pytest.fixture
def trained(tmp_path):
    """A folder with epochs 3, 6 and 9, the best of them 6, and a state in mid-epoch, 11."""
    folder = tmp_path / "trained"
    for step in (3, 6, 9):
        save_epoch(folder, state(step, step), {}, keep=5)
    save_latest(folder, state(11, 11), {})
    return folder


def mark_of(path) -> float:
    return float(read_checkpoint(path).weights[0][0])


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("named", "step"), [(None, 11), ("latest", 11), ("best", 6), ("3", 3)])
def test_what_a_name_means(trained, named, step):
    start = find_start(trained, ModelConfig(), named)
    assert (start.checkpoint.step, start.goes_back) == (step, step < 11)
    assert epoch_steps(trained) == [3, 6, 9], "deciding moves nothing"


def test_the_folder_s_own_newest_file_may_be_named_by_its_path(trained):
    start = find_start(trained, ModelConfig(), str(trained / "model.pkl.gz"))
    assert (start.checkpoint.step, start.goes_back) == (11, False)


@pytest.mark.parametrize("named", ["best", "3"])
def test_the_same_command_does_not_go_back_twice(trained, named):
    """Also when "best" means another file by now, and when the step has been removed."""
    origin = find_start(trained, ModelConfig(), named).origin
    save_latest(trained, state(12, 12, origin=origin), {})
    for step in epoch_steps(trained):
        epoch_path(trained, step).unlink()
    save_epoch(trained, state(9, 9, origin=origin), {}, keep=1)
    assert training_folder("trained", trained.parent, named, {})[0] == trained
    start = find_start(trained, ModelConfig(), named)
    assert (start.checkpoint.step, start.goes_back) == (9, False)


def go_back(folder, named) -> StartingPoint:
    """Starts from a checkpoint as a training does."""
    start = find_start(folder, ModelConfig(), named)
    set_aside(folder, start.path, start.latest_step)
    return start


def test_going_back_keeps_everything_under_other_names(trained):
    go_back(trained, "3")
    assert epoch_steps(trained) == [3]
    kept = {name: mark_of(trained / name) for name in names(trained)}
    assert kept == {
        "model.pkl.gz": 11,  # until the next save
        "model-00003.pkl.gz": 3,
        "model-00006.old.pkl.gz": 6,
        "model-00009.old.pkl.gz": 9,
        "model-00011.old.pkl.gz": 11,
    }


def test_what_is_left_behind_twice_has_two_names(trained):
    go_back(trained, "3")
    save_epoch(trained, state(6, 66), {}, keep=5)
    go_back(trained, "3")
    assert mark_of(trained / "model-00006.old.pkl.gz") == 6
    assert mark_of(trained / "model-00006.old2.pkl.gz") == 66


def test_a_file_left_behind_is_a_line_of_its_own(trained):
    """No epoch of the present line may pass for one of the line gone back to."""
    go_back(trained, "3")
    save_epoch(trained, state(6, 66), {}, keep=5)
    start = go_back(trained, str(trained / "model-00006.old.pkl.gz"))
    assert (start.checkpoint.weights[0][0], start.goes_back) == (6, True)
    assert epoch_steps(trained) == []
    assert mark_of(trained / "model-00006.old2.pkl.gz") == 66


def test_another_model_s_file_leaves_nothing_of_this_one_overwritten(trained, tmp_path):
    write_checkpoint(tmp_path / "other.pkl.gz", state(6, 600), {})
    start = go_back(trained, str(tmp_path / "other.pkl.gz"))
    save_epoch(trained, start.checkpoint, {}, keep=5)
    assert epoch_steps(trained) == [6]
    old = {name for name in names(trained) if ".old" in name}
    assert sorted(mark_of(trained / name) for name in old) == [3, 6, 9, 11]


def test_damaged_files_do_not_stand_in_the_way_of_a_good_one(trained, tmp_path):
    write_checkpoint(tmp_path / "good.pkl.gz", state(6, 600), {})
    for path in trained.iterdir():
        path.write_bytes(b"damaged")
    start = go_back(trained, str(tmp_path / "good.pkl.gz"))
    assert start.checkpoint.weights[0][0] == 600
    assert epoch_steps(trained) == []


def test_an_origin_that_is_no_text_is_none(trained):
    save_latest(trained, state(12, 12, origin=np.arange(3)), {})
    assert find_start(trained, ModelConfig(), "3").checkpoint.step == 3


def test_a_file_that_was_moved_still_knows_its_settings(tmp_path):
    config = ModelConfig(image_size=6, background="white")
    write_checkpoint(tmp_path / "moved.pkl.gz", state(3, 3, config=config), {})
    assert training_folder("new", tmp_path, str(tmp_path / "moved.pkl.gz"), {})[1] == config


OPENED: list[str] | None = None


def note_opening(event, arguments):
    """An audit hook, which stays as long as the process: Python tells it of every file opened."""
    if event == "open" and OPENED is not None and str(arguments[0]).endswith(".pkl.gz"):
        OPENED.append(str(arguments[0]).rpartition("/")[2])


sys.addaudithook(note_opening)


@contextlib.contextmanager
def openings():
    """Counts how often each checkpoint is opened."""
    global OPENED
    OPENED, counts = [], collections.Counter()
    try:
        yield counts
    finally:
        counts.update(OPENED)
        OPENED = None


def start_as_a_command_does(weights_dir, name, named):
    """Finds out the folder, then, once it is locked, the state, and leaves behind the rest."""
    reader = CheckpointReader()
    folder, config, _ = training_folder(name, weights_dir, named, {}, reader)
    start = find_start(folder, config, named, reader)
    if start.goes_back:
        set_aside(folder, start.path, start.latest_step)
    return start


# What is named -> what is opened, of epochs 3, 6 (the best) and 9, and a state in mid-epoch.
READ = {
    None: ["model.pkl.gz"],
    "latest": ["model.pkl.gz"],
    "best": ["model.pkl.gz", "model-00006.pkl.gz"],
    "3": ["model.pkl.gz", "model-00003.pkl.gz"],
}


@pytest.mark.parametrize("has_config", [True, False])
@pytest.mark.parametrize("named", READ)
def test_each_checkpoint_is_read_once(trained, named, has_config):
    """With the settings beside them, or with none but those inside, which are asked for first."""
    if has_config:
        save_config(trained, ModelConfig())
    with openings() as opened:
        start_as_a_command_does(trained.parent, "trained", named)
    assert opened == collections.Counter(READ[named])


def test_the_best_is_the_newest_right_after_its_epoch(trained):
    """Two names for one file, which is read once."""
    best = state(12, 12)
    best.history.add_validation(12, 0.5)
    save_epoch(trained, best, {}, keep=5)
    with openings() as opened:
        start = start_as_a_command_does(trained.parent, "trained", "best")
    assert (start.path.name, start.checkpoint.step) == ("model-00012.pkl.gz", 12)
    assert opened == {"model.pkl.gz": 1}


def test_a_damaged_newest_one_is_read_once_too(trained, caplog):
    """And the one before it says which is the best."""
    (trained / "model.pkl.gz").write_bytes(b"damaged")
    with openings() as opened:
        start = start_as_a_command_does(trained.parent, "trained", "best")
    assert start.checkpoint.step == 6
    assert opened == dict.fromkeys(["model.pkl.gz", "model-00009.pkl.gz", "model-00006.pkl.gz"], 1)
    assert "skipped a checkpoint" in caplog.text


def test_a_training_that_ended_meanwhile_is_not_gone_back_behind(trained):
    """Another one saves between the look at the folder and its lock: its state is what counts."""
    reader = CheckpointReader()
    folder, config, _ = training_folder("trained", trained.parent, "best", {}, reader)
    newer = state(12, 12)
    newer.history.add_validation(12, 0.5)
    save_epoch(trained, newer, {}, keep=5)
    assert find_start(folder, config, "best", reader).checkpoint.step == 12
    reader = CheckpointReader()
    training_folder("trained", trained.parent, "best", {}, reader)
    save_latest(trained, state(13, 13, origin="best"), {})
    start = find_start(folder, config, "best", reader)
    assert (start.checkpoint.step, start.goes_back) == (13, False)
