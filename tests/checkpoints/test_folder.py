"""Where models live: one plain name under the weights folder."""

import pytest

from pixace.checkpoints.folder import check_model_name, model_folder
from pixace.errors import UsageError


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
