from pathlib import Path

import pytest

from pixace.checkpoints.config_file import load_config, save_config
from pixace.cli import main
from pixace.errors import UsageError
from pixace.settings.model import ModelConfig, new_config, resolve_config
from pixace.settings.model_types import (
    MODEL_TYPES,
    TYPE_DEFAULTS,
    has_setting,
    spelled_defaults,
    types_with,
)


def test_each_type_has_its_own_defaults():
    gated = ModelConfig("pixelcnn")
    assert (gated.d_model, gated.kernel_size) == (128, 5)
    assert ModelConfig("pixelcnn", d_model=64).d_model == 64
    assert ModelConfig("transformer").d_model == 512
    assert ModelConfig("transformer").kernel_size is None


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_settings_of_a_type_alone_are_stored_and_spelt(model_type, tmp_path):
    config = ModelConfig(model_type)
    common = {"model_type", "image_size", "bitdepth", "background"}
    assert set(config.to_dict()) == {*TYPE_DEFAULTS[model_type], *common}
    assert ("--n_heads=" in config.as_flags()) == has_setting(model_type, "n_heads")
    save_config(tmp_path, config)
    assert load_config(tmp_path) == config
    assert resolve_config(config, {}, source=tmp_path) == config


@pytest.mark.parametrize(
    ("model_type", "name", "value"),
    [("pixelcnn", "n_heads", 8), ("pixelcnn", "positions", "grid"), ("reformer", "kernel_size", 3)],
)
def test_a_setting_of_other_types_is_refused(model_type, name, value, tmp_path):
    known = ", ".join(TYPE_DEFAULTS[model_type])
    others = " or ".join(types_with(name))
    words = (
        f"^a {model_type} has no {name}, which model_type={others} has; its settings are {known}$"
    )
    for stored in (None, ModelConfig(model_type)):
        with pytest.raises(UsageError, match=f"^{words}$"):
            resolve_config(stored, {"model_type": model_type, name: value}, source=tmp_path)
    with pytest.raises(UsageError, match=f"^{words}$"):
        ModelConfig(model_type, **{name: value})


@pytest.mark.parametrize("command", ["train", "plan"])
def test_the_command_line_refuses_them_in_one_line(command, painted, tmp_path, capsys):
    flags = [f"--images={painted / 'train'}", "--model_type=pixelcnn", "--n_heads=4"]
    if command == "train":
        flags += [f"--weights_dir={tmp_path}", "--model_name=m"]
    assert main([command, *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "a pixelcnn has no n_heads, which model_type=transformer or reformer or pointer has; "
        "its settings are d_model, d_ff, n_layers, kernel_size"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["train", "plan"])
@pytest.mark.parametrize(
    ("flag", "types"),
    [("positions=grid", "transformer or reformer"), ("kernel_size=3", "pixelcnn or pixelcnn_res")],
)
def test_a_setting_that_new_models_have_not_names_the_types_that_have_it(
    command, flag, types, painted, tmp_path, capsys
):
    words = [f"--weights_dir={tmp_path}"] if command == "train" else []
    assert main([command, f"--images={painted / 'train'}", f"--{flag}", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a pointer has no {flag.partition('=')[0]}, which model_type={types}" in line


def test_what_does_not_say_its_type_is_of_2020():
    assert ModelConfig().model_type == "reformer"
    assert ModelConfig.from_dict({"image_size": 8}).model_type == "reformer"
    assert resolve_config(None, {"image_size": 8}, source=Path()).model_type == "reformer"


def test_a_new_model_that_nobody_named_a_type_for_is_a_pointer():
    assert new_config({"image_size": 8}) == ModelConfig("pointer", image_size=8)
    assert new_config({"model_type": "reformer"}) == ModelConfig("reformer")
    with pytest.raises(UsageError, match="unknown setting 'sizes'"):
        new_config({"sizes": 3})


def test_help_says_the_default_of_each_type(capsys):
    assert spelled_defaults("kernel_size") == "pixelcnn 5; pixelcnn_residual 3"
    assert main(["train", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for name in ("d_model", "n_layers", "kernel_size", "positions"):
        assert f"(default: {spelled_defaults(name)})" in told
