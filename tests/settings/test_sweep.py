"""What a sweep changes, and from where to where."""

import pytest

from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.sweep import SWEPT, Sweep, frames_of, without_swept


def test_even_steps_from_where_to_where():
    sweep = Sweep.of("temperature:0.5:1.5:9")
    assert sweep.values(256) == [0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.375, 1.5]
    assert Sweep.of("temperature:1.5:0:4").values(256) == [1.5, 1.0, 0.5, 0.0]
    assert Sweep.of("cut:0:10:4").values(256) == [0, 3, 7, 10]


@pytest.mark.parametrize("name", SWEPT)
def test_a_name_alone_is_enough(name):
    values = Sweep.of(name).values(256)
    assert len(values) == 9
    assert (values[0], values[-1]) == (SWEPT[name][0], SWEPT[name][1] or 256)


@pytest.mark.parametrize(
    "words",
    [
        *("", "seed", "temperature:", "temperature:1", "temperature:1:2", "temperature:1:2:3:4"),
        *("temperature:1:2:1", "temperature:1:2:101", "temperature:1:1:2", "cut:0:3:9"),
        *(
            "temperature:1.2.3:2:3",
            "temperature:.:2:3",
            "temperature:-1:2:3",
            "Temperature",
            3,
            1.0,
        ),
        *("temperature:1:2:3\n", "temperature:nan:2:3", "temperature:1:2:٣"),
    ],
)
def test_other_words_are_refused(words):
    with pytest.raises(UsageError, match=r"^sweep"):
        DrawingSettings(sweep=words)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweep": "temperature", "temperature": (0.5,)}, "temperature and sweep=temperature excl"),
        ({"sweep": "cut", "cut": 3}, "cut and sweep=cut exclude"),
        ({"sweep": "cut", "keep": "bottom"}, "cut and keep exclude"),
        ({"sweep": "cut", "temperature": (0.5, 1.0)}, "sweep takes one temperature"),
        ({"sweep": "guidance"}, "guidance needs words"),
        ({"sweep": "temperature:0:9999999:3"}, "temperature must be"),
        ({"sweep": "init_strength:0:2:3"}, "init_strength must be"),
        ({"sweep": "guidance:0:999:3", "text": ("a cat",)}, "guidance must be"),
    ],
)
def test_contradictions_and_values_that_cannot_be(settings, message):
    with pytest.raises(UsageError, match=message):
        DrawingSettings(**settings)


def test_each_frame_is_a_drawing_of_its_own():
    settings = DrawingSettings(sweep="guidance:0:4:3", text=("a cat",), temperature=(0.9,), seed=3)
    assert settings.columns == [(0.9, 0.0), (0.9, 2.0), (0.9, 4.0)]
    for frame, guidance in zip(frames_of(settings, 16), (0.0, 2.0, 4.0), strict=True):
        expected = DrawingSettings(
            guidance=(guidance,), text=("a cat",), temperature=(0.9,), seed=3
        )
        assert frame == expected
    assert [frame.cut for frame in frames_of(DrawingSettings(sweep="cut"), 16)] == [
        *range(0, 17, 2)
    ]
    plain = DrawingSettings()
    assert frames_of(plain, 16) == [plain]


def test_recipes_tell_all_of_it():
    """Even where another version has other ranges; but only the model knows how much there is."""
    assert DrawingSettings(sweep="temperature").to_dict()["sweep"] == "temperature:0.5:1.5:9"
    assert DrawingSettings(sweep="cut").to_dict()["sweep"] == "cut"
    assert "sweep" not in DrawingSettings().to_dict()


@pytest.mark.parametrize(
    ("like", "named", "left"),
    [
        ({"temperature": [0.9], "top_k": 3}, {"sweep": "temperature"}, {"top_k": 3}),
        ({"sweep": "temperature", "top_k": 3}, {"temperature": [0.9]}, {"top_k": 3}),
        ({"sweep": "cut"}, {"temperature": [0.9]}, {"sweep": "cut"}),
        ({"sweep": "cut"}, {"sweep": None}, {"sweep": "cut"}),
    ],
)
def test_what_is_named_wins_over_a_recipe(like, named, left):
    assert without_swept(like, named) == left
