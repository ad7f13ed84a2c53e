"""What to draw in words, as PixRay spells it: texts, weights, and what is refused."""

import pytest

from pixace.errors import UsageError
from pixace.settings.drawing import SAID, DrawingSettings
from pixace.settings.text_prompts import TextPrompt, text_prompts


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("a red heart", [("a red heart", 1)]),
        # PixRay's own.
        (
            "Humans use Machine Learning to make art #pixelart",
            [("Humans use Machine Learning to make art #pixelart", 1)],
        ),
        ("a red heart:1 | blue:0.5 | text:-1", [("a red heart", 1), ("blue", 0.5), ("text", -1)]),
        ("a|b", [("a", 1), ("b", 1)]),
        ("cat:.5", [("cat", 0.5)]),
        ("cat: +2.", [("cat", 2)]),
        ("cat:-1e-1", [("cat", -0.1)]),
        ("cat:0", [("cat", 0)]),
        # Only a last number is a weight.
        ("a:1:0.5", [("a:1", 0.5)]),
        ("a cat:sitting", [("a cat:sitting", 1)]),
        ("a:1:", [("a:1:", 1)]),
        ("a:1 b", [("a:1 b", 1)]),
        ("a:nan", [("a:nan", 1)]),
        ("a:٣", [("a:٣", 1)]),
        (r"12\:30", [("12:30", 1)]),
        (r"12\:30:2", [("12:30", 2)]),
        (r"back\slash", [("back\\slash", 1)]),
        ("two\nlines:2", [("two\nlines", 2)]),
    ],
)
def test_texts_and_their_weights(words, texts):
    assert text_prompts(words) == tuple(TextPrompt(*text) for text in texts)
    settings = DrawingSettings(text=(words, "a dog"))
    assert settings.text_prompts == (text_prompts(words), (TextPrompt("a dog"),))


@pytest.mark.parametrize(
    ("words", "wording"),
    [
        ("a |", "holds an empty text"),
        ("|", "holds an empty text"),
        (":2", "holds an empty text"),
        ("a:30", r"from -20 to 20, not 30 as in 'a:30'; for a colon in a text write \:"),
        ("a:-1e999", "from -20 to 20, not -inf"),
        ("|".join("abcdefghi"), "at most 8 texts with | between, not 9"),
    ],
)
def test_what_is_no_text_is_told(words, wording):
    with pytest.raises(UsageError, match=r"text") as caught:
        DrawingSettings(text=(words,))
    assert wording in str(caught.value)
    assert len(str(caught.value)) < 300 and str(caught.value).isprintable()


def test_a_class_is_no_formula():
    settings = DrawingSettings(class_name=("a|b:2",))
    assert settings.text_prompts == ((TextPrompt("a|b:2"),),)


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize(
    "value",
    ["a", 5, None, [""], [" "], [5], ["x" * 1001], ["a"] * 1001, ["\udcff"], ["é" * 500] * 5],
    ids=lambda value: str(value)[:9],
)
def test_other_words_are_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"^{SAID[name]} must") as caught:
        DrawingSettings(**{name: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("settings", "wording"),
    [
        ({"text": "a", "class_name": "b"}, "text and class exclude each other"),
        ({"guidance": 2}, "guidance needs words, by --text or --class"),
        ({"best_of_by": "caption"}, "best_of_by needs words"),
        ({"labels": True}, "labels needs words"),
        ({"text": "a", "guidance": []}, "guidance must be 1 to 100 numbers"),
        ({"text": "a", "guidance": 101}, "guidance must be from -100.0 to 100.0"),
        ({"text": "a", "guidance": [1] * 26, "temperature": [1] * 4}, "1 to 25 numbers"),
        ({"text": "a", "guidance": float("nan")}, "guidance must be from"),
        ({"text": "a", "best_of_by": "x"}, "best_of_by must be one of picture, caption"),
        ({"text": ["a", "b"], "batch_size": 5001}, "batch_size=5001 of each of 2 texts is more"),
    ],
)
def test_words_that_cannot_be_drawn_so_are_refused(settings, wording):
    with pytest.raises(UsageError, match=wording):
        DrawingSettings.of(**settings)


def test_one_or_several_as_users_of_python_name_them():
    one = DrawingSettings.of(text="a dog", guidance=2)
    assert (one.text, one.guidance) == (("a dog",), (2.0,))
    several = DrawingSettings.of(class_name=["a", "b"], guidance=(1, 2), temperature=[0.5, 1])
    assert several.class_name == ("a", "b")
    assert several.columns == [(0.5, 1), (0.5, 2), (1, 1), (1, 2)]
    assert DrawingSettings.of(text=None).text == ()


def test_every_text_has_a_row_for_each_prompt_or_new_picture():
    assert DrawingSettings(batch_size=3).n_rows(0) == 3
    assert DrawingSettings(text=("a", "b"), batch_size=3).n_rows(0) == 6
    assert DrawingSettings(text=("a", "b"), batch_size=3).n_rows(2) == 4


def test_words_are_stored_only_where_there_are_some():
    later = {"text", "class_name", "guidance", "best_of_by", "labels"}
    assert not later & set(DrawingSettings().to_dict())
    settings = DrawingSettings(
        text=("a:2",), guidance=(1, 2), best_of=2, best_of_by="caption", labels=True
    )
    assert later - set(settings.to_dict()) == {"class_name"}
    assert DrawingSettings(**settings.to_dict()) == settings
