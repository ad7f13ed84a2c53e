import dataclasses
import json

import numpy as np
import pytest

from pixace.errors import UsageError
from pixace.settings.colours import brief, hsv
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings, scaled_to, tile_size


def test_rows_first_for_numpy_columns_first_for_pillow():
    pictures = PictureSettings(18, 32, "hsv:5,4,4")
    assert pictures.shape == (18, 32)
    assert pictures.size == (32, 18)
    assert pictures.n_pixels == 576


def test_a_model_s_settings_say_what_its_pictures_are():
    config = ModelConfig("transformer", 16, (4, 3, 3), background="#336699")
    assert config.pictures == PictureSettings(16, 16, "hsv:4,3,3", "#336699")
    assert config.n_pixels == config.pictures.n_pixels == 256
    other = dataclasses.replace(config, image_size=8)
    assert other.pictures.shape == (8, 8)
    assert ModelConfig().pictures == PictureSettings.of()


def test_the_user_s_words_come_back():
    words = {"image_size": 16, "bitdepth": [4, 3, 3], "background": "white"}
    assert PictureSettings.of(**words).to_dict() == words
    assert [*PictureSettings.of().to_dict()] == [*words]


def test_what_the_user_s_words_do_not_say_is_said_otherwise():
    pictures = PictureSettings(18, 32, "grey:4")
    assert pictures.to_dict() == {
        "image_size": "32x18",
        "colours": "grey:4",
        "background": "black",
    }


@pytest.mark.parametrize("image_size", ["32x18", "032x18", (32, 18), [32, np.int64(18)]])
def test_a_size_is_a_width_and_a_height(image_size):
    assert PictureSettings.of(image_size) == PictureSettings(18, 32, "hsv:5,4,4")
    config = ModelConfig("transformer", image_size)
    assert config.image_size == "32x18"
    assert config.pictures.size == (32, 18)
    assert config.n_pixels == 576
    assert "--image_size=32x18 " in config.as_flags()


@pytest.mark.parametrize("image_size", ["8x8", (8, 8), np.int64(8)])
def test_a_square_is_a_number(image_size):
    assert ModelConfig("transformer", image_size) == ModelConfig("transformer", 8)
    assert type(ModelConfig("transformer", image_size).image_size) is int


def test_how_other_shapes_fit_is_part_of_the_settings():
    config = ModelConfig("pixelcnn", (6, 4), fit="pad")
    assert config.pictures.fit == "pad"
    assert config.to_dict()["fit"] == config.pictures.to_dict()["fit"] == "pad"
    assert config.as_flags().endswith("--fit=pad")
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for usual in (ModelConfig(), ModelConfig(fit="squash")):
        assert "fit" not in {**usual.to_dict(), **usual.pictures.to_dict()}
        assert "--fit" not in usual.as_flags()


def test_a_tile_s_longer_edge_is_the_scale():
    assert tile_size((32, 32), 100) == (100, 100)
    assert tile_size((30, 14), 64) == (64, 32), "each pixel is a square, the border included"
    assert tile_size((14, 30), 64) == (32, 64)
    assert scaled_to((256, 1), 8) == (8, 1)


def test_numbers_of_numpy_are_numbers():
    pictures = PictureSettings.of(np.int64(8), (np.int64(4), np.int64(3), np.int64(3)))
    assert pictures == PictureSettings(8, 8, "hsv:4,3,3")
    assert json.loads(json.dumps(pictures.to_dict()))["image_size"] == 8


def test_colours_are_called_as_briefly_as_the_flag_calls_them():
    assert hsv([5, 4, 4]) == "hsv:5,4,4"
    assert brief("hsv:5,4,4") == "5,4,4"
    assert brief("grey:4") == "grey:4"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_size": 0}, "image_size must be from 1 to 256, not 0"),
        ({"image_size": 257}, "image_size must be from 1 to 256, not 257"),
        ({"image_size": "8"}, "image_size must be an integer from 1 to 256"),
        ({"image_size": "0x8"}, "image_size must be from 1 to 256, not 0"),
        ({"image_size": "8x257"}, "image_size must be from 1 to 256, not 257"),
        ({"image_size": (8, 8.0)}, "image_size must be an integer from 1 to 256, not 8.0"),
        ({"image_size": "8x"}, "image_size must be one number, or .* 32x18, not '8x'"),
        ({"image_size": "8x8x8"}, "image_size must be one number, or .* 32x18, not '8x8x8'"),
        ({"image_size": (8,)}, "image_size must be one number, or .* 32x18, not"),
        ({"image_size": 10**5000}, "image_size must be from 1 to 256, not a number of thousands"),
        ({"image_size": (8, 10**5000)}, "image_size must be from 1 to 256, not a number of"),
        ({"image_size": ()}, "image_size must be one number, or"),
        ({"image_size": None}, "image_size must be an integer from 1 to 256, not None"),
        ({"fit": "stretch"}, "fit must be one of squash, crop, pad, not 'stretch'"),
        ({"fit": None}, "fit must be one of squash, crop, pad, not None"),
        ({"bitdepth": (5, 4)}, "bitdepth must be three numbers"),
        ({"bitdepth": (9, 4, 4)}, "bitdepth must be from 0 to 8"),
        ({"bitdepth": (0, 0, 0)}, "bitdepth must sum to 1 to 16 bits"),
        ({"background": "blakc"}, "background must be a colour"),
    ],
)
def test_what_the_user_names_is_checked(values, message):
    with pytest.raises(UsageError, match=message):
        PictureSettings.of(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height": 257}, "height must be from 1 to 256"),
        ({"width": 0}, "width must be from 1 to 256"),
        ({"width": True}, "width must be an integer"),
        ({"colours": (5, 4, 4)}, "colours must be such as hsv:5,4,4"),
        ({"colours": "544"}, "colours must be such as hsv:5,4,4"),
        ({"colours": "hsv:"}, "colours must be such as hsv:5,4,4"),
        ({"background": None}, "background must be a colour"),
    ],
)
def test_what_the_program_names_is_checked(values, message):
    with pytest.raises(UsageError, match=message):
        PictureSettings(**{"height": 4, "width": 4, "colours": "hsv:5,4,4", **values})


def test_with_transparency_a_pixel_has_four_numbers():
    plain, ours = PictureSettings.of(5), PictureSettings.of(5, alpha=True)
    assert (plain.n_channels, ours.n_channels) == (3, 4)
    assert (plain.in_blocks, ours.in_blocks) == (False, True)
    assert {**plain.to_dict(), "alpha": True} == ours.to_dict()
    with pytest.raises(UsageError, match="alpha must be True or False, not 'no'"):
        PictureSettings.of(5, alpha="no")
