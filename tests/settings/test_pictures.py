import dataclasses
import json

import numpy as np
import pytest

from pixace.errors import UsageError
from pixace.settings.colours import brief, hsv
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings


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
