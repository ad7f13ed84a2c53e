"""Where models live: one plain name under the weights folder."""

import re

import pytest

from pixace.config import ModelConfig, save_config
from pixace.errors import CheckpointError, UsageError
from pixace.folders import check_model_name, model_folder, training_folder


@pytest.mark.parametrize(
    "name", ["faces", "0101_1200", "größe 日本", "a.b", "a..b", "-x", "~", "x" * 100, "é" * 50]
)
def test_plain_names_are_folders_right_below_the_weights(tmp_path, name):
    assert check_model_name(name) == name
    folder = model_folder(tmp_path, name)
    assert folder.parent == tmp_path
    folder.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert model_folder(str(tmp_path), name) == folder


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "../elsewhere",
        "a/b",
        "/absolute",
        "a\\b",
        "nul\0",
        " padded",
        "padded ",
        "two\nlines",
        "\x1b[31m",
        "bad\udcff",
        "x" * 101,
        "é" * 51,
    ],
)
def test_what_could_mean_another_place_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(UsageError, match="model_name must be a plain folder name") as caught:
        model_folder(tmp_path, name)
    assert repr(name) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_training_without_a_name_is_called_after_the_time(tmp_path):
    folder, config = training_folder(None, tmp_path, None, {})
    assert folder.parent == tmp_path
    assert re.fullmatch(r"[01]\d[0-3]\d_[0-2]\d[0-5]\d", folder.name)
    assert config == ModelConfig()
    assert not folder.exists(), "nothing is made before the training starts"


def test_an_empty_name_is_a_mistake_and_not_the_time(tmp_path):
    with pytest.raises(UsageError, match="model_name must be a plain folder name"):
        training_folder("", tmp_path, None, {})


def test_a_new_training_takes_the_named_settings(tmp_path):
    folder, config = training_folder("faces", tmp_path, None, {"image_size": 16, "d_ff": None})
    assert folder == tmp_path / "faces"
    assert config == ModelConfig(image_size=16)


def test_a_training_goes_on_with_the_stored_settings(tmp_path):
    save_config(tmp_path / "faces", ModelConfig(image_size=8))
    assert training_folder("faces", tmp_path, None, {})[1] == ModelConfig(image_size=8)
    with pytest.raises(UsageError, match="image_size=16 contradicts image_size=8"):
        training_folder("faces", tmp_path, None, {"image_size": 16})


def test_a_new_model_takes_the_settings_beside_the_checkpoint_it_starts_from(tmp_path):
    save_config(tmp_path / "old", ModelConfig(image_size=8))
    checkpoint = tmp_path / "old" / "model.pkl.gz"
    checkpoint.touch()
    folder, config = training_folder("new", tmp_path, str(checkpoint), {})
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
