"""Settings: checked when made, stored as JSON beside the weights, never contradicted silently."""

import dataclasses
import json

import numpy as np
import pytest

from pixace import __version__
from pixace.checkpoints.config_file import CONFIG_NAME, load_config, save_config
from pixace.errors import CheckpointError, UsageError
from pixace.settings.checks import check_bitdepth, check_colour
from pixace.settings.model import SETTING_NAMES, ModelConfig, resolve_config
from pixace.settings.training import TrainingSettings
from pixace.wording import spell

OTHER = ModelConfig(
    model_type="transformer",
    image_size=8,
    bitdepth=(3, 2, 2),
    d_model=32,
    d_ff=64,
    n_layers=2,
    n_heads=2,
    background="#336699",
    positions="grid",
)


# --- model settings -----------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_reference():
    assert ModelConfig().to_dict() == {
        "model_type": "reformer",
        "image_size": 32,
        "bitdepth": [5, 4, 4],
        "d_model": 512,
        "d_ff": 2048,
        "n_layers": 6,
        "n_heads": 8,
        "background": "black",
        "positions": "sequence",
    }
    assert ModelConfig().n_pixels == 1024


def test_settings_cannot_be_changed_and_can_be_compared():
    config = ModelConfig(bitdepth=[4, 3, 3])
    assert config.bitdepth == (4, 3, 3)
    assert config == ModelConfig(bitdepth=(4, 3, 3))
    assert hash(config) == hash(ModelConfig(bitdepth=(4, 3, 3)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.image_size = 16


@pytest.mark.parametrize(
    ("name", "value", "wording"),
    [
        (
            "model_type",
            "gpt",
            "one of transformer, reformer, pixelcnn, pixelcnn_residual, pointer, not 'gpt'",
        ),
        ("model_type", None, "not None"),
        ("model_type", ["reformer"], "not ['reformer']"),
        ("image_size", 0, "from 1 to 256, not 0"),
        ("image_size", 257, "from 1 to 256, not 257"),
        ("image_size", -1, "not -1"),
        ("image_size", 32.0, "an integer from 1 to 256, not 32.0"),
        ("image_size", "32", "an integer from 1 to 256, not '32'"),
        ("image_size", True, "an integer from 1 to 256, not True"),
        ("image_size", None, "not None"),
        ("d_model", 1, "from 2 to 8192, not 1"),
        ("d_model", 100_000, "not 100000"),
        ("d_model", 33, "even and a multiple of n_heads, not 33 with 8 heads"),
        ("d_ff", 0, "from 1 to 65536, not 0"),
        ("n_layers", 0, "from 1 to 128, not 0"),
        ("n_layers", 10**30, "from 1 to 128"),
        ("n_heads", 0, "from 1 to 128, not 0"),
        ("n_heads", 7, "a multiple of n_heads, not 512 with 7 heads"),
        ("bitdepth", (5, 4), "three numbers of bits (hue, saturation, value), not (5, 4)"),
        ("bitdepth", (5, 4, 4, 4), "three numbers"),
        ("bitdepth", "544", "not '544'"),
        ("bitdepth", 544, "not 544"),
        ("bitdepth", (5, 4, 9), "from 0 to 8, not 9"),
        ("bitdepth", (-1, 4, 4), "from 0 to 8, not -1"),
        ("bitdepth", (5, 4, 4.0), "not 4.0"),
        ("bitdepth", (True, 4, 4), "not True"),
        ("bitdepth", (0, 0, 0), "sum to 1 to 16 bits, not 0"),
        ("bitdepth", (8, 8, 1), "sum to 1 to 16 bits, not 17"),
        ("positions", "axial", "one of sequence, grid, not 'axial'"),
        ("background", "reddish", "black, white or #336699, not 'reddish'"),
        ("background", "", "not ''"),
        ("background", None, "not None"),
        ("background", 0, "not 0"),
        ("background", [0, 0, 0], "not [0, 0, 0]"),
        ("background", "x" * 1000, "background"),
    ],
)
def test_impossible_settings_are_refused_with_name_and_value(name, value, wording):
    with pytest.raises(UsageError) as caught:
        ModelConfig(**{name: value})
    message = str(caught.value)
    assert name in message
    assert " must " in message
    assert wording in message
    assert message.isprintable(), "one line"


def test_an_odd_width_is_refused_whatever_the_heads():
    with pytest.raises(UsageError, match="d_model must be even .* not 33 with 11 heads"):
        ModelConfig(d_model=33, n_heads=11)


@pytest.mark.parametrize("bitdepth", [(0, 0, 1), (8, 8, 0), (8, 4, 4), [0, 8, 8]])
def test_every_sensible_bitdepth_is_accepted(bitdepth):
    assert check_bitdepth(bitdepth) == tuple(bitdepth)


@pytest.mark.parametrize("colour", ["black", "WHITE", "#336699", "#369", "rgb(1, 2, 3)"])
def test_colours_as_pillow_spells_them(colour):
    assert check_colour(colour) == colour


def test_settings_are_spelt_as_flags():
    assert OTHER.as_flags() == (
        "--model_type=transformer --image_size=8 --bitdepth=3,2,2 --d_model=32 --d_ff=64 "
        "--n_layers=2 --n_heads=2 --background=#336699 --positions=grid"
    )
    assert spell((5, 4, 4)) == "5,4,4"
    assert spell(32) == "32"


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [ModelConfig(), OTHER])
def test_json_both_ways(config):
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_settings_are_refused():
    with pytest.raises(UsageError, match=r"unknown setting 'imagesize'; known are model_type, ima"):
        ModelConfig.from_dict({"imagesize": 32})


def test_settings_are_stored_beside_the_weights(tmp_path):
    folder = tmp_path / "weights" / "model"
    save_config(folder, OTHER)
    stored = json.loads((folder / CONFIG_NAME).read_text())
    assert stored.pop("pixace_version") == __version__
    assert stored == OTHER.to_dict()
    assert load_config(folder) == OTHER
    save_config(folder, ModelConfig())
    assert load_config(folder) == ModelConfig()
    assert [path.name for path in folder.iterdir()] == [CONFIG_NAME]


def test_settings_that_were_stored_before_there_were_others_keep_their_meaning(tmp_path):
    stored = ModelConfig().to_dict()
    del stored["positions"]
    (tmp_path / CONFIG_NAME).write_text(json.dumps(stored))
    assert load_config(tmp_path).positions == "sequence"


def test_a_folder_without_settings_has_none(tmp_path):
    assert load_config(tmp_path) is None
    assert load_config(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("data", "wording"),
    [
        (b"", "Expecting value"),
        (b'{"image_size": 32', "Expecting"),
        (b"\xff\xfe\0", "cannot use"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"[" * 100_000, "cannot use"),
        (b'{"image_size": "32"}', "image_size must be an integer"),
        (b'{"image_size": 1e999}', "not inf"),
        (b'{"image_size": NaN}', "not nan"),
        (b'{"image_size": ' + b"9" * 10_000 + b"}", "cannot use"),
        (b'{"bitdepth": {"h": 5}}', "bitdepth must be three"),
        (b'{"model_type": "os.system"}', "model_type must be one of"),
        (b'{"__class__": "x"}', "unknown setting '__class__'"),
        (b'{"n_pixels": 4}', "unknown setting 'n_pixels'"),
    ],
)
def test_damaged_settings_are_refused_by_file_name_in_one_line(tmp_path, data, wording):
    path = tmp_path / CONFIG_NAME
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        load_config(tmp_path)
    assert str(caught.value).startswith(f"{path}: cannot use these settings: ")
    assert wording in str(caught.value)
    assert str(caught.value).isprintable()


def test_settings_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / CONFIG_NAME).mkdir()
    with pytest.raises(CheckpointError, match="cannot use these settings"):
        load_config(tmp_path)


def test_a_folder_name_of_several_lines_is_spelt_in_one(tmp_path):
    folder = tmp_path / "two\nlines"
    folder.mkdir()
    (folder / CONFIG_NAME).write_text("{")
    with pytest.raises(CheckpointError) as caught:
        load_config(folder)
    assert str(caught.value).isprintable()
    with pytest.raises(UsageError) as contradiction:
        resolve_config(OTHER, {"image_size": 16}, source=folder)
    assert str(contradiction.value).isprintable()


# --- what the user named against what is stored -------------------------------------------------


def test_named_settings_shape_a_new_model(tmp_path):
    named = {"image_size": 16, "bitdepth": [4, 3, 3], "d_model": None}
    config = resolve_config(None, named, source=tmp_path)
    assert config == ModelConfig(image_size=16, bitdepth=(4, 3, 3))


def test_a_named_zero_is_not_taken_for_nothing(tmp_path):
    with pytest.raises(UsageError, match="image_size must be from 1 to 256, not 0"):
        resolve_config(None, {"image_size": 0}, source=tmp_path)
    with pytest.raises(UsageError, match="image_size=0 contradicts image_size=8"):
        resolve_config(OTHER, {"image_size": 0}, source=tmp_path)


def test_stored_settings_win_where_nothing_is_named(tmp_path):
    assert resolve_config(OTHER, {}, source=tmp_path) == OTHER
    nothing = dict.fromkeys(SETTING_NAMES)
    assert resolve_config(OTHER, nothing, source=tmp_path) == OTHER
    the_same = {"image_size": 8, "bitdepth": [3, 2, 2], "background": "#336699"}
    assert resolve_config(OTHER, the_same, source=tmp_path) == OTHER
    for size in ("8x8", (8, 8), 8):
        assert resolve_config(OTHER, {"image_size": size}, source=tmp_path) == OTHER
    oblong = dataclasses.replace(OTHER, image_size="8x4")
    for size in ("8x4", "08x4", (8, 4)):
        assert resolve_config(oblong, {"image_size": size}, source=tmp_path) == oblong


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model_type", "reformer", ("model_type=reformer", "model_type=transformer")),
        ("image_size", 32, ("image_size=32", "image_size=8")),
        ("bitdepth", (5, 4, 4), ("bitdepth=5,4,4", "bitdepth=3,2,2")),
        ("bitdepth", [5, 4, 4], ("bitdepth=5,4,4", "bitdepth=3,2,2")),
        ("d_model", 512, ("d_model=512", "d_model=32")),
        ("background", "white", ("background=white", "background=#336699")),
        ("image_size", "8x16", ("image_size=8x16", "image_size=8")),
        ("image_size", (16, 8), ("image_size=16x8", "image_size=8")),
        ("fit", "pad", ("fit=pad", "fit=squash")),
    ],
)
def test_a_contradiction_names_both_values_and_the_folder(tmp_path, name, value, said):
    with pytest.raises(UsageError) as caught:
        resolve_config(OTHER, {name: value}, source=tmp_path)
    for part in (*said, str(tmp_path)):
        assert part in str(caught.value)


@pytest.mark.parametrize("stored", [None, OTHER])
def test_a_named_setting_that_does_not_exist_is_refused(tmp_path, stored):
    with pytest.raises(UsageError, match="unknown setting 'size'"):
        resolve_config(stored, {"size": 8}, source=tmp_path)
    with pytest.raises(UsageError, match="bitdepth must be three"):
        resolve_config(stored, {"bitdepth": (5, 4)}, source=tmp_path)


# --- training settings --------------------------------------------------------------------------


def test_the_training_defaults_are_those_of_the_reference():
    settings = TrainingSettings()
    assert (settings.images, settings.val_images) == ("images/train", None)
    assert (settings.batch_size, settings.steps_per_epoch, settings.n_epochs) == (16, 1000, 10000)
    assert (settings.learning_rate, settings.warmup_steps) == (0.005, 400)
    assert settings.schedule == "rsqrt"
    assert settings.n_steps == 10_000_000


@pytest.mark.parametrize(
    ("steps_per_epoch", "steps_per_eval", "batches"),
    [(1000, None, 100), (19, None, 1), (5, None, 1), (1000, 7, 7), (5, 50, 50)],
)
def test_a_validation_takes_a_tenth_of_an_epoch(steps_per_epoch, steps_per_eval, batches):
    settings = TrainingSettings(steps_per_epoch=steps_per_epoch, steps_per_eval=steps_per_eval)
    assert settings.batches_per_eval == batches


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("batch_size", "steps_per_epoch", "n_epochs", "warmup_steps")),
        ("batch_size", 1.5),
        ("n_epochs", True),
        ("steps_per_eval", 0),
        ("keep_checkpoints", 0),
        ("seed", -1),
        ("seed", 2**31),
        ("dropout", -0.1),
        ("dropout", 1.0),
        ("dropout", float("nan")),
        ("dropout", "0.1"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", True),
        ("schedule", "linear"),
        ("optimizer", "sgd"),
        ("schedule", None),
    ],
)
def test_impossible_training_settings_are_refused(name, value):
    with pytest.raises(UsageError, match=f"^{name} must be .*, not "):
        TrainingSettings(**{name: value})


def test_the_ends_of_the_ranges_are_allowed():
    settings = TrainingSettings(dropout=0, learning_rate=10, seed=2**31 - 1, keep_checkpoints=1)
    assert (settings.dropout, settings.seed) == (0, 2**31 - 1)


def test_transparency_is_stored_where_it_is_wanted(tmp_path):
    assert "alpha" not in ModelConfig().to_dict() and "alpha" not in ModelConfig().as_flags()
    config = ModelConfig(alpha=np.bool_(True))
    assert json.loads(json.dumps(config.to_dict()))["alpha"] is True
    assert config.as_flags().endswith(" --alpha=True")
    assert config.pictures.alpha and ModelConfig.from_dict(config.to_dict()) == config
    for value in (1, "yes", None):
        with pytest.raises(UsageError, match="^alpha must"):
            ModelConfig.from_dict({"alpha": value})
    with pytest.raises(UsageError, match="^alpha=True contradicts alpha=False of the model in"):
        resolve_config(ModelConfig(), {"alpha": True}, source=tmp_path)
