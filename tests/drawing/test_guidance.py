"""Logits of several rows as one, and which rows a picture needs."""

import numpy as np
import pytest

from pixace.backend.door import jax, jnp
from pixace.drawing.guidance import RowsRead, Words, guided, rows_read, words_of
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.text_prompts import TextPrompt, text_prompts
from pixace.tokens.text import text_tokens

HEART = TextPrompt("a red heart")
MIXED = text_prompts("a red heart | blue:0.5 | text:-1")


def test_logits_go_from_the_first_row_as_far_as_weights_say():
    """u + sum of w (c - u)."""
    logits = np.random.default_rng(0).normal(0, 3, (2, 3, 7)).astype("f")
    weights = np.array([[0, 2, -0.5], [0, 1, 0]], "f")
    u, one, two = logits[0]
    got = np.asarray(guided(jnp.asarray(logits), jnp.asarray(weights)))
    np.testing.assert_allclose(got[0], u + 2 * (one - u) - 0.5 * (two - u), rtol=1e-5)
    np.testing.assert_allclose(got[1], logits[1, 1], rtol=1e-5)


def test_where_all_weights_are_0_it_is_the_first_row_bit_for_bit():
    logits = np.random.default_rng(0).normal(0, 30, (2, 3, 50)).astype("f")
    logits[:, :, :2] = -1e9  # ids that never come
    for function in (guided, jax.jit(guided)):
        got = np.asarray(function(jnp.asarray(logits), jnp.zeros((2, 3))))
        assert got.tobytes() == logits[:, 0].tobytes()


def test_what_never_comes_without_words_never_comes_with_them():
    logits = np.full((1, 2, 3), -1e9, "f")
    logits[..., 2] = [[1, 5]]
    got = np.asarray(guided(jnp.asarray(logits), jnp.asarray([[0, 20.0]])))[0]
    assert np.isfinite(got).all() and (got[:2] < -1e8).all()


@pytest.mark.parametrize(
    ("prompts", "guidance", "texts", "weights", "judge"),
    [
        ([], 1, [None], [0], 0),
        ([], 3, [None], [0], 0),
        ([HEART], 1, ["a red heart"], [0], 0),
        ([HEART], 0, [None], [0], 0),
        ([HEART], 2, [None, "a red heart"], [0, 2], 1),
        ([HEART], -1, [None, "a red heart"], [0, -1], 0),
        ([TextPrompt("cat", 0.5)], 1, [None, "cat"], [0, 0.5], 1),
        ([TextPrompt("cat", 0.5)], 2, ["cat"], [0], 0),
        ([TextPrompt("cat", 0)], 2, [None], [0], 0),
        (MIXED, 1, [None, "a red heart", "blue", "text"], [0, 1, 0.5, -1], 1),
        (MIXED, 0, [None], [0], 0),
        (text_prompts("ugly:-1 | cat:2"), 1.5, [None, "ugly", "cat"], [0, -1.5, 3], 2),
    ],
)
def test_a_picture_costs_as_many_rows_as_it_needs(prompts, guidance, texts, weights, judge):
    read = rows_read(prompts, guidance)
    assert (list(read.texts), list(read.weights), read.judge) == (texts, weights, judge)


@pytest.mark.parametrize("guidance", [0, 1, 2])
def test_to_choose_by_caption_needs_the_likelihood_with_and_without_words(guidance):
    read = rows_read([HEART], guidance, by_caption=True)
    assert set(read.texts) == {None, "a red heart"}
    merits = dict(zip(read.texts, read.merits, strict=True))
    assert merits == {None: -1, "a red heart": 1}
    assert read.weights == (0, 2 if guidance == 2 else 0)
    assert read.texts[0] == (None if guidance != 1 else "a red heart"), "what is drawn from"
    assert read.texts[read.judge] == ("a red heart" if guidance else None)
    assert rows_read(MIXED, guidance, by_caption=True).merits == (-0.5, 1, 0.5, -1)


def test_words_of_any_pictures_of_a_drawing():
    settings = DrawingSettings.of(text=["a cat", "a dog:2"], guidance=[0, 1], temperature=[1, 0.5])
    words = Words(settings, 6)
    assert words.n_rows == 2
    # Rows 0 to 2 are of the cat, 3 to 5 of the dog; columns 0 and 2 are without words.
    said = words.said(np.array([0, 2, 2, 3, 5]), np.array([0, 1, 3, 1, 2]), 6)
    cat, dog, none = text_tokens(["a cat", "a dog", None], 6)
    expected = [[none, none], [cat, none], [cat, none], [none, dog], [none, none]]
    assert said.guide.captions.tolist() == np.array(expected).tolist()
    assert said.guide.weights.tolist() == [[0, 0], [0, 0], [0, 0], [0, 2], [0, 0]]
    nats = np.arange(10, dtype=float)
    own, merit = said.judged(nats)
    assert own.tolist() == [0, 2, 4, 7, 8] and merit is None


def test_one_row_each_where_nothing_needs_more():
    for settings in (
        {},
        {"text": "a cat"},
        {"text": ["a cat", "a dog"], "guidance": [0, 1]},
        {"text": "a cat", "best_of_by": "caption"},  # of a single candidate
        {"text": "a cat", "best_of": 8},
    ):
        assert Words(DrawingSettings.of(**settings), 4).n_rows == 1
    by_caption = {"text": "a cat", "best_of": 2, "best_of_by": "caption"}
    assert Words(DrawingSettings.of(**by_caption), 4).n_rows == 2


def test_merit_is_how_much_words_raise_the_likelihood():
    settings = DrawingSettings.of(text="a cat | a dog:0.5", best_of=2, best_of_by="caption")
    said = Words(settings, 6).said(np.zeros(2, int), np.zeros(2, int), 1)
    own, merit = said.judged(np.array([-9.0, -4, -6, -5, -4, -6]))
    assert own.tolist() == [-4, -4]
    assert merit.tolist() == [5 + 0.5 * 3, 1 - 0.5]


def test_a_row_is_plain_data():
    assert rows_read([HEART], 1) == RowsRead(("a red heart",), (0,), 0, (0,))


@pytest.mark.parametrize("caption_length", [None, 9])
def test_an_order_is_told_behind_what_is_said_in_every_row(caption_length):
    config = ModelConfig("transformer", image_size=6, scan="any", caption_length=caption_length)
    texts = [None, "cat"] if caption_length else [None]
    named = {"text": "cat", "guidance": 2} if caption_length else {}
    drawing = DrawingSettings.of(keep="right", **named)
    words = words_of(drawing, config)
    said = words.said(np.zeros(2, int), np.zeros(2, int), 1)
    expected = np.pad(text_tokens(texts, caption_length or 0), ((0, 0), (0, 1)))
    expected[:, -1] = 7
    assert words.n_rows == len(texts) and said.merits is None
    np.testing.assert_array_equal(said.guide.captions, [expected, expected])
    assert words_of(drawing, ModelConfig("transformer", image_size=6, scan="columns")) is None
    worded = words_of(drawing, ModelConfig("transformer", image_size=6, caption_length=9))
    assert worded.said(*np.zeros((2, 1), int), 1).guide.captions.shape[-1] == 9
