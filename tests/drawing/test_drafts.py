"""Drafts draw what is drawn one pixel a call, in fewer calls of the model."""

import numpy as np
import pytest

from pixace.backend.door import jnp, trax
from pixace.drawing import drafts as drafts_module
from pixace.drawing import sampler as sampler_module
from pixace.drawing import samplers as samplers_module
from pixace.drawing.drafts import Guessing, best_guessing
from pixace.drawing.guidance import Guide
from pixace.drawing.pull import Pull
from pixace.drawing.sampler import Sampler
from pixace.drawing.symmetry import copied_places
from pixace.models.build import model_with_weights
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.text import text_tokens
from tests.drawing.test_sampling_models import emoji, random_weights
from tests.tools.tiny import tiny_sizes


def samplers(build, config, batch_size, cost=0.0, **options) -> list[Sampler]:
    """Two samplers of equal models: one draws pixel by pixel, the other one by drafts."""
    guessing = Guessing.of(config.pictures.raster, 4, cost)
    options = {**options, "length": config.n_pixels}
    return [Sampler(build(), batch_size, **options, guessing=each) for each in (None, guessing)]


def tiny(model_type, batch_size, caption_length=None, n_rows=1, **options):
    """Settings of a model for pictures of 6 rows and 5 columns, and its two samplers."""
    config = ModelConfig(
        model_type, bitdepth=(2, 1, 2), image_size="5x6", caption_length=caption_length,
        **tiny_sizes(model_type),
    )  # fmt: skip
    arrays = random_weights(config)

    def build():
        return model_with_weights(config, "predict", arrays, batch_size * n_rows)

    return config, samplers(build, config, batch_size, n_rows=n_rows, **options)


def assert_same(both, **settings):
    """Draws with each, and compares tokens, and what is said of their likelihood."""
    settings = {"prompt": None, "seed": 0, "picture_ids": None, **settings}
    one_by_one, ahead = (
        [np.stack(part) for part in zip(*(s[:2] for s in sampler.steps(**settings)), strict=True)]
        for sampler in both
    )
    np.testing.assert_array_equal(ahead[0], one_by_one[0])
    np.testing.assert_allclose(ahead[1], one_by_one[1], atol=1e-4)


@pytest.mark.parametrize(
    "model_type", ["pointer", pytest.param("reformer", marks=pytest.mark.slow)]
)
def test_rows_at_places_of_their_own_draw_the_same(model_type, monkeypatch):
    """After prompts, at a temperature of each, and while the memory grows."""
    monkeypatch.setattr(sampler_module, "_CACHE_LENGTHS", (13, 20))
    _, both = tiny(model_type, 3)
    prompt = np.random.default_rng(0).integers(2, 34, (3, 7)).astype(np.int32)
    assert_same(both, prompt=prompt, temperatures=[0, 0.3, 1.3])
    assert both[0].n_calls == both[0].n_pixels == both[1].n_pixels == 23


def test_one_picture_draws_the_same_from_the_likeliest_colours():
    _, both = tiny("transformer", 1, top_k=9, top_p=0.9)
    assert_same(both, temperatures=[1.2])
    assert_same(both, temperatures=[0], seed=3)


def test_mirrored_pixels_are_the_same_and_all_right():
    config, both = tiny("transformer", 2)
    copied = copied_places(np.zeros(30, bool), "both", config.pictures)
    assert_same(both, temperatures=[1, 1], copied=copied)


def test_words_and_a_sketch_draw_the_same():
    config, both = tiny("pointer", 2, caption_length=6, n_rows=2)
    captions = text_tokens(["", "red", "", "a cat"], 6)
    guide = Guide(captions.reshape(2, 2, 6), np.float32([[0, 1.5], [0, -1]]))
    colours = np.random.default_rng(0).integers(0, 256, (codec_of(config.pictures).n_tokens, 3))
    pull = Pull(colours[2:32].astype(np.uint8), colours.astype(np.uint8), 0.4)
    assert_same(both, temperatures=[1, 0.7], guide=guide, pull=pull)


def test_what_does_not_pay_is_left_off(monkeypatch):
    """After some calls; from where the slowest picture is, all are drawn pixel by pixel."""
    monkeypatch.setattr(drafts_module, "CALLS", 2)
    _, both = tiny("pointer", 3, cost=9.0)
    assert_same(both, temperatures=[1, 0.3, 1.3])
    assert 20 < both[1].n_calls <= 30, "nearly all of them one by one"


def test_drafts_pay_as_long_as_calls_draw_more_than_they_cost():
    guessing = Guessing.of((16, 16), 8, 2.4)
    assert guessing.pays(0, 0, 256)
    assert guessing.pays(24, 8, 256)
    assert not guessing.pays(12, 8, 256)
    assert guessing.pays(12, 8, 4096), "what is large may begin slowly"


def test_what_is_drawn_soon_is_not_guessed():
    """By a small model, or the last pixels; many pictures share what a call reads."""
    alone, several = (best_guessing((32, 32), n_rows, 28_000_000, 1024) for n_rows in (1, 4))
    assert alone.width > several.width > 1
    assert best_guessing((32, 32), 16, 28_000_000, 1024) is None
    assert best_guessing((32, 32), 1, 28_000_000, 64) is None
    assert best_guessing((96, 96), 1, 1_000_000, 96 * 96) is None


def constant(config, batch_size):
    """A model that tells each pixel the same colours, whatever is before it."""
    logits = jnp.asarray(np.random.default_rng(0).normal(size=34), jnp.float32)
    model = trax.layers.Fn("Constant", lambda x: jnp.broadcast_to(logits, (*x.shape, 34)))
    model.init(trax.shapes.ShapeDtype((batch_size, 1), np.int32))
    return model


@pytest.mark.parametrize("batch_size", [1, 4])
def test_guesses_that_are_right_save_calls(batch_size):
    """Where nothing depends on them, all guesses of a call that a call before told are right."""
    config = ModelConfig("transformer", image_size=6, **tiny_sizes("transformer"))
    plain, sampler = samplers(lambda: constant(config, batch_size), config, batch_size)
    temperatures = [1] * batch_size
    one_by_one, drawn = (
        [*each.stream(temperatures=temperatures, seed=0)] for each in (plain, sampler)
    )
    np.testing.assert_array_equal(drawn, one_by_one)
    assert plain.n_calls == plain.n_pixels == sampler.n_pixels == 36
    assert sampler.n_calls < 25


def test_the_first_guess_is_the_pixel_above_or_the_one_before():
    assert Guessing.of((3, 2), 9) == (6, 1, (-1, 0, 0, 1, 2, 3))


@pytest.mark.long
def test_twenty_pictures_of_the_ready_model_are_the_same():
    model = emoji()
    both = samplers(lambda: model.build("predict", 4), model.config, 4)
    for seed in range(5):
        assert_same(both, temperatures=[1, 0.8, 0, 1.2], seed=seed)
    assert both[1].n_pixels / both[1].n_calls > 1.5


def test_a_drawing_without_drafts_is_the_same_but_for_the_calls(draw, here, monkeypatch):
    guessing = Guessing.of((6, 6), 4, 0.0)
    monkeypatch.setattr(samplers_module, "best_guessing", lambda *sizes: guessing)
    one_by_one, ahead = (
        draw(drawing={"seed": 3, "best_of": 2}, out=f"{drafts}.png", drafts=drafts).to_dict()
        for drafts in (False, True)
    )
    assert (here / "True.png").read_bytes() == (here / "False.png").read_bytes()
    assert (one_by_one["calls"], one_by_one["pixels_per_call"]) == (36, 1)
    assert ahead["calls"] * ahead["pixels_per_call"] == 36
    assert ahead["calls"] < 36
