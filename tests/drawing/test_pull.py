"""What it costs a token to have another colour than is wanted, and what is drawn of that."""

from __future__ import annotations

import numpy as np
import pytest

from pixace.drawing.completing import complete
from pixace.drawing.pull import Pull
from pixace.pictures.colour_error import colour_error
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED, TRANSPARENT_ID
from tests.drawing.test_sampler import PROBABILITIES, constant

CODECS = ["hsv:2,1,2", "rgb:1,2,1", "grey:3", "palette:000000,ff004d,00e436,fff1e8"]
NEVER = 1e8  # and more


def colours_of(codec: str, alpha: bool = False) -> np.ndarray:
    return codec_of(PictureSettings(2, 3, codec, alpha=alpha)).colours()


def some_pixels(n_pixels: int, n_channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_pixels, n_channels), np.uint8)


@pytest.mark.parametrize("codec", CODECS)
def test_it_is_the_colour_difference_times_a_weight(codec: str) -> None:
    colours, pixels = colours_of(codec), some_pixels(4, 3)
    costs = Pull(pixels, colours, 0.5).next_costs(0, 4)
    distances = [
        [colour_error(pixel[None], colour[None]) for colour in colours[N_RESERVED:]]
        for pixel in pixels
    ]
    weights = costs[:, N_RESERVED:] / np.array(distances)
    np.testing.assert_allclose(weights, weights[0, 0], rtol=1e-4)
    assert (costs[:, :N_RESERVED] > NEVER).all(), "what has no colour is not drawn"
    for strength, times in ((0.25, 1 / 3), (0.75, 3)):
        others = Pull(pixels, colours, strength).next_costs(0, 4)[:, N_RESERVED:]
        np.testing.assert_allclose(others, times * costs[:, N_RESERVED:], rtol=1e-5)


@pytest.mark.parametrize("codec", CODECS)
def test_all_of_the_strength_leaves_the_nearest_token(codec: str) -> None:
    colours, pixels = colours_of(codec), some_pixels(20, 3)
    nearly, all_ = (Pull(pixels, colours, strength).next_costs(0, 20) for strength in (0.99, 1))
    assert ((all_ == 0).sum(axis=1) == 1).all() and (all_[all_ > 0] > NEVER).all()
    np.testing.assert_array_equal(all_.argmin(axis=1), nearly.argmin(axis=1))
    own = Pull(colours[N_RESERVED:], colours, 1).next_costs(0, len(colours))
    tokens = own[: len(colours) - N_RESERVED].argmin(axis=1)
    np.testing.assert_array_equal(colours[tokens], colours[N_RESERVED:])


def test_what_is_transparent_is_far_from_any_colour() -> None:
    colours = colours_of("palette:000000,ffffff", alpha=True)
    pixels = np.array([[9, 9, 9, 127], [0, 0, 0, 128]], np.uint8)
    clear, black = Pull(pixels, colours, 0.5).next_costs(0, 2)
    assert clear[TRANSPARENT_ID] == 0 < clear[2] == clear[3] < NEVER < clear[0]
    assert black[2] == 0 < black[3] == pytest.approx(black[TRANSPARENT_ID], rel=0.011)
    red = colours_of("palette:ff0000", alpha=True)
    blue = np.array([[0, 0, 255, 255]], np.uint8)  # 177 away
    assert Pull(blue, red, 1).next_costs(0, 1).argmin() == 2, "it does not become transparent"


def test_pieces_are_parts_of_the_whole_and_nothing_pulls_beyond_it() -> None:
    colours = colours_of("hsv:2,1,2")
    pull = Pull(some_pixels(6, 3), colours, 0.3)
    whole = pull.next_costs(0, 6)
    np.testing.assert_array_equal(pull.next_costs(2, 3), whole[2:5])
    last = pull.next_costs(4, 32)
    assert last.shape == (32, len(colours)) and last.dtype == np.float32
    np.testing.assert_array_equal(last[:2], whole[4:])
    assert not last[2:].any()


@pytest.fixture(scope="module")
def grey_pull() -> Pull:
    """Of 40 pixels that should be grey, with tokens that are black, grey and white."""
    colours = np.uint8([[0] * 3, [0] * 3, [0] * 3, [119] * 3, [255] * 3])
    return Pull(np.full((40, 3), 119, np.uint8), colours, 0.1)


def test_it_is_drawn_from_what_is_left_and_judged_by_the_model(grey_pull: Pull) -> None:
    temperatures = np.repeat([1.0, 0.5, 0.0], 40)
    *_, last = complete(constant(120), None, 40, temperatures=temperatures, seed=0, pull=grey_pull)
    logits = np.log(PROBABILITIES) - grey_pull.next_costs(0, 1)[0]
    for number, temperature in enumerate((1.0, 0.5)):
        tokens = last.tokens[40 * number :][:40]
        shares = np.exp((logits - logits.max()) / temperature)
        expected = shares / shares.sum() * tokens.size
        spread = 4 * np.sqrt(expected) + 1
        assert (abs(np.bincount(tokens.ravel(), minlength=5) - expected) < spread).all()
    assert (last.tokens[80:] == logits.argmax()).all()
    own = np.log(PROBABILITIES)[last.tokens].sum(axis=1)
    np.testing.assert_allclose(last.log_likelihood, own, rtol=1e-5)
