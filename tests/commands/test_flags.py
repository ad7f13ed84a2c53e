"""Flags made from the fields of settings: type, default and help."""

import dataclasses

import pytest
from absl import flags

from pixace.commands.flags import (
    as_typed,
    define_settings,
    define_switches,
    define_texts,
    n_bytes,
)
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.fields import setting, settings_of
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings


@dataclasses.dataclass(frozen=True)
class Brush:
    width: int = setting(3, "Width of the line.")
    softness: float = setting(0.5, "How soft it is.")
    tip: str = setting("round", "Its tip.", choices=("round", "flat"))
    name: str = setting("mine", "Its name.")
    is_wet: bool = setting(False, "Whether it is wet.")
    is_old: bool | None = setting(None, "Whether it is old.", unset="by its looks")
    bristles: int | str = setting(40, "How many, or auto.", choices=("auto",))
    pressure: int | None = setting(None, "How hard.", unset="as the hand does")
    colours: tuple[int, ...] = setting((1, 2), "Which colours.")


@pytest.fixture
def values():
    return flags.FlagValues()


@pytest.mark.parametrize(
    ("name", "default", "word", "value"),
    [
        ("width", "'3'", "--width=7", 7),
        ("softness", "'0.5'", "--softness=1e-3", 0.001),
        ("tip", "'round'", "--tip=flat", "flat"),
        ("name", "'mine'", "--name=yours", "yours"),
        ("is_wet", "'false'", "--is_wet", True),
        ("is_old", None, "--nois_old", False),
        ("bristles", "'40'", "--bristles=auto", "auto"),
        ("pressure", None, "--pressure=2", 2),
        ("colours", "'1,2'", "--colours=3,4", ["3", "4"]),
    ],
)
def test_a_field_of_each_type_is_a_flag(values, name, default, word, value):
    define_settings(values, Brush)
    assert values[name].default_as_str == default
    values(["pixace", word])
    assert values[name].value == value
    assert values[name].present


@pytest.mark.parametrize("word", ["--width=1.5", "--softness=x", "--tip=sharp", "--is_wet=perhaps"])
def test_words_of_another_type_are_refused(values, word):
    define_settings(values, Brush)
    with pytest.raises(flags.IllegalFlagValueError, match=word):
        values(["pixace", word])


def test_help_is_that_of_the_field(values):
    define_settings(values, Brush)
    assert values["width"].help == "Width of the line."
    assert values["pressure"].help == "How hard (default: as the hand does)."
    assert values["tip"].help == "<round|flat>: Its tip."


def test_a_command_may_have_some_of_them_and_show_another_default(values):
    define_settings(values, Brush, ("tip", "width"), width=5)
    assert set(values) == {"tip", "width"}
    assert values["width"].default == 5


@pytest.mark.parametrize("kind", [ModelConfig, TrainingSettings, DrawingSettings])
def test_what_is_not_typed_is_the_setting_s_default(values, kind):
    define_settings(values, kind)
    values(["pixace"])
    for one in settings_of(kind):
        value = values[one.name].value
        if one.default is None and one.types == (tuple,):
            assert value == one.unset.split(",") and values[one.name].help == one.help
            continue
        if isinstance(one.default, tuple):
            kind_of_one = type(one.default[0]) if one.default else str
            value = tuple(map(kind_of_one, value))
        assert value == one.default or value == str(one.default)
        assert one.full_help in values[one.name].help


def test_texts_and_switches_need_not_be_given(values):
    define_texts(values, out="Where to write.", like="What to repeat.")
    define_switches(values, json="Print JSON.")
    values(["pixace", "--json"])
    assert (values["out"].value, values["like"].value, values["json"].value) == (None, None, True)
    assert values["like"].help == "What to repeat."


@pytest.mark.parametrize(
    ("words", "size"),
    [
        *(("10GB", 10**10), ("10GiB", 10 * 2**30), ("10240MiB", 10 * 2**30), ("10gib", 10 * 2**30)),
        *(("10G", 10**10), ("10Gi", 10 * 2**30), ("512 mb", 512 * 10**6), ("1.5 TiB", 3 * 2**39)),
        *(("4096", 4096), ("4096B", 4096), (".5GB", 5 * 10**8), ("3kib", 3072), (" 1 GB ", 10**9)),
    ],
)
def test_a_size_may_be_spelt_in_many_ways(words, size):
    assert n_bytes("memory", words) == size


@pytest.mark.parametrize("words", ["", "much", "0GB", "-1GB", "10iB", "10GBB", "1,5GB", "10 G B"])
def test_what_is_no_size_is_told(words):
    with pytest.raises(UsageError, match=rf"^flag --memory={words}: not a size such as 10GB"):
        n_bytes("memory", words)


@pytest.mark.parametrize(
    ("typed", "message", "said"),
    [
        ("--n_images=0", "batch_size must be 1", "n_images must be 1"),
        ("-n_images=x", "flag --batch_size=x: bad", "flag --n_images=x: bad"),
        ("--batch_size=0 --n_images=0", "batch_size must be 1", "batch_size must be 1"),
        ("--model_dir=", "weights_dir must name", "model_dir must name"),
        ("--class=a --text=b", "text and class_name exclude", "text and class exclude"),
        ("--out=batch_size", "batch_size must be 1", "batch_size must be 1"),
        ("--n_images=2", "out must not be a batch_size.xyz", "out must not be a batch_size.xyz"),
    ],
)
def test_messages_name_what_was_typed(typed, message, said):
    assert as_typed(message, typed.split()) == said
