"""Fields of settings say once what a setting is, and check its value."""

import dataclasses

import numpy as np
import pytest

from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.fields import check_settings, setting, settings_of, stored_values
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings, settings_from_texts
from pixace.wording import spell


@dataclasses.dataclass(frozen=True)
class Brush:
    width: int = setting(3, "Width of the line.", bounds=(1, 9))
    softness: float = setting(0.5, "How soft it is.", bounds=(0.0, 1.0))
    tip: str = setting("round", "Its tip.", choices=("round", "flat"))
    is_wet: bool = setting(False, "Whether it is wet.")
    bristles: int | str = setting("auto", "How many.", choices=("auto",), bounds=(1, None))
    pressure: int | None = setting(None, "How hard.", unset="as the hand does", bounds=(0, 5))
    colours: tuple[int, ...] = setting((1, 2), "Which colours, e.g. 1,2. All of them are used.")

    def __post_init__(self):
        check_settings(self)


def test_a_field_is_read_back_with_its_types():
    about = {one.name: one for one in settings_of(Brush)}
    assert list(about) == [field.name for field in dataclasses.fields(Brush)]
    assert about["width"].types == (int,)
    assert about["bristles"].types == (int, str)
    assert about["pressure"].types == (int,)
    assert about["colours"].types == (tuple,)
    assert about["tip"].choices == ("round", "flat")
    assert about["softness"].default == Brush().softness == 0.5


def test_help_says_what_none_stands_for():
    about = {one.name: one for one in settings_of(Brush)}
    assert about["pressure"].full_help == "How hard (default: as the hand does)."
    assert about["width"].full_help == "Width of the line."


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"width": 9, "softness": 1},
        {"tip": "flat", "is_wet": True},
        {"bristles": 10**9},
        {"bristles": "auto", "pressure": 0},
    ],
)
def test_what_a_field_allows_is_taken(values):
    brush = Brush(**values)
    assert {name: getattr(brush, name) for name in values} == values


@pytest.mark.parametrize(
    ("values", "wording"),
    [
        ({"width": 0}, "width must be from 1 to 9, not 0"),
        ({"width": 1.5}, "width must be an integer from 1 to 9, not 1.5"),
        ({"width": None}, "width must be an integer from 1 to 9, not None"),
        ({"softness": 1.5}, "softness must be from 0.0 to 1.0, not 1.5"),
        ({"softness": "soft"}, "softness must be a number from 0.0 to 1.0, not 'soft'"),
        ({"tip": "sharp"}, "tip must be one of round, flat, not 'sharp'"),
        ({"is_wet": 1}, "is_wet must be True or False, not 1"),
        ({"bristles": 0}, "bristles must be 1 or more, not 0"),
        ({"bristles": "many"}, "bristles must be an integer 1 or more, not 'many'"),
        ({"pressure": 6}, "pressure must be from 0 to 5, not 6"),
    ],
)
def test_what_it_does_not_allow_is_refused_by_name(values, wording):
    with pytest.raises(UsageError) as caught:
        Brush(**values)
    assert str(caught.value) == wording


def test_numpy_s_numbers_become_python_s():
    brush = Brush(width=np.int64(4), softness=np.float32(0.25))
    assert (type(brush.width), type(brush.softness)) == (int, float)
    assert type(Brush(softness=1).softness) is int, "as it was spelt"


@pytest.mark.parametrize("kind", [ModelConfig, TrainingSettings, DrawingSettings])
def test_every_setting_explains_itself(kind):
    for one in settings_of(kind):
        assert one.help[0].isupper() and one.help.endswith("."), one.name
        assert one.default is not None or one.unset or str in one.types, one.name
        if one.types == (str,):
            assert all(choice in one.help for choice in one.choices), one.name


def test_what_came_later_is_stored_only_where_it_is_not_as_by_default():
    always = ("width", "softness", "tip")
    assert stored_values(Brush(), always) == {"width": 3, "softness": 0.5, "tip": "round"}
    assert list(stored_values(Brush(is_wet=True), always)) == [*always, "is_wet"]
    assert "is_wet" not in stored_values(Brush(is_wet=True), always, {"is_wet": True})


# Settings that are left out where they are as usual.
LATER = (
    *("kernel_size", "colours", "alpha", "fit", "caption_length", "unscale", "palette"),
    *("text", "class_name", "guidance", "best_of_by", "labels", "keep", "particles"),
    *("symmetry", "tile", "init_strength", "sweep", "scan"),
)


@pytest.mark.parametrize("settings", [ModelConfig("transformer"), DrawingSettings()])
def test_what_files_have_always_held_they_hold_as_before(settings):
    written = settings.to_dict()
    names = [field.name for field in dataclasses.fields(settings)]
    assert list(written) == [name for name in names if name not in LATER]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_size", "8", 8),
        ("batch_size", "auto", "auto"),
        ("dropout", "0.1", 0.1),
        ("dropout", "1e-05", 1e-05),
        ("mirror", "True", True),
        ("recompute", "None", None),
        ("schedule", "cosine", "cosine"),
        ("steps_per_eval", "None", None),
    ],
)
def test_a_text_is_the_value_that_was_spelt_so(name, text, value):
    assert settings_from_texts({name: text, "images": "theirs", "unknown": "x"}) == {name: value}
    assert spell(value) == text


@pytest.mark.parametrize(
    ("name", "text"), [("mirror", "yes"), ("n_epochs", "1.5"), ("dropout", "")]
)
def test_a_text_that_is_no_value_is_refused(name, text):
    with pytest.raises(UsageError, match=f"{name} is '{text}'"):
        settings_from_texts({name: text})
