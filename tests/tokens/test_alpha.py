"""Transparent pixels as a token of their own, beside the colours of any codec."""

import numpy as np
import pytest

from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED, PAD_ID, TRANSPARENT_ID

COLOURS = ["hsv:3,2,2", "hsv:5,4,4", "hsv:3,2,0", "rgb:3,3,2", "grey:4", "palette:ff004d,1d2b53"]


@pytest.fixture(params=COLOURS)
def codecs(request):
    """The same colours with transparency and without."""
    settings = {"height": 4, "width": 4, "colours": request.param}
    return codec_of(PictureSettings(**settings, alpha=True)), codec_of(PictureSettings(**settings))


def test_the_vocabulary_is_that_of_the_colours(codecs):
    with_alpha, plain = codecs
    assert with_alpha.n_tokens == plain.n_tokens
    assert with_alpha.spelled() == plain.spelled()


def test_a_mostly_transparent_pixel_has_no_colour_and_any_other_one_its_own(codecs):
    with_alpha, plain = codecs
    rgb = np.random.default_rng(0).integers(0, 256, (6, 3), dtype=np.uint8)
    for alpha, is_seen in ((0, False), (1, False), (127, False), (128, True), (255, True)):
        rgba = np.insert(rgb, 3, alpha, axis=1)
        tokens = with_alpha.encode(rgba)
        assert tokens.dtype == np.int32
        expected = plain.encode(rgb) if is_seen else np.full(6, TRANSPARENT_ID)
        np.testing.assert_array_equal(tokens, expected)


def test_tokens_become_rgba_and_come_back(codecs):
    with_alpha, plain = codecs
    colours = with_alpha.colours()
    assert (colours.shape, colours.dtype) == ((plain.n_tokens, 4), np.uint8)
    np.testing.assert_array_equal(colours[:, :3], plain.colours())
    assert colours[TRANSPARENT_ID].tolist() == [0, 0, 0, 0]
    assert colours[PAD_ID].tolist() == [0, 0, 0, 255], "what is missing stays black"
    assert (colours[N_RESERVED:, 3] == 255).all()
    tokens = np.arange(6).reshape(2, 3) % min(6, plain.n_tokens)
    np.testing.assert_array_equal(with_alpha.decode(tokens), colours[tokens])
    expected = plain.encode(plain.colours())
    expected[TRANSPARENT_ID] = TRANSPARENT_ID
    np.testing.assert_array_equal(with_alpha.encode(colours), expected)


def test_transparency_is_a_level_of_its_own(codecs):
    with_alpha, plain = codecs
    ours, theirs = with_alpha.factors(), plain.factors()
    np.testing.assert_array_equal(
        np.delete(ours, TRANSPARENT_ID, 0), theirs[[0, *range(2, len(theirs))]]
    )
    *others, last = ours[TRANSPARENT_ID]
    assert (others, last) == ([-1] * len(others), theirs[:, -1].max() + 1)
    assert len(np.unique(ours, axis=0)) == len(ours)
