"""Tokens: bit-exact with the reference, and what a trip through 8-bit colours keeps of them."""

import colorsys
import doctest
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import pixace.tokens.vocabulary
from pixace.errors import UsageError
from pixace.settings.pictures import size_of
from pixace.tokens import image_to_tokens, tokens_to_image, tokens_to_image_array
from pixace.tokens.vocabulary import N_RESERVED, PAD_ID, TRANSPARENT_ID, token_count
from tests.tools.places import FIXTURES

GOLDEN = np.load(FIXTURES / "tokens_golden.npz")
GOLDEN_KEYS = sorted(key.removeprefix("tokens/") for key in GOLDEN if key.startswith("tokens/"))


# --- the reference's own values -----------------------------------------------------------------


def test_the_golden_file_is_whole():
    names = {key.split("/")[0] for key in GOLDEN_KEYS}
    assert names == {"noise", "gradient", "hues", "grey", "primaries"}
    assert len(GOLDEN_KEYS) == 20


@pytest.mark.parametrize("key", GOLDEN_KEYS)
def test_encoding_is_bit_exact(key):
    name, size, bits = key.split("/")
    img = Image.fromarray(GOLDEN[f"rgb/{name}"])
    tokens = image_to_tokens(img, size=int(size), bitdepth=tuple(map(int, bits)))
    assert tokens.dtype == np.int32
    assert tokens.shape == (int(size) ** 2,)
    np.testing.assert_array_equal(tokens, GOLDEN[f"tokens/{key}"])


@pytest.mark.parametrize("key", GOLDEN_KEYS)
def test_decoding_is_bit_exact(key):
    bitdepth = tuple(map(int, key.split("/")[2]))
    img = tokens_to_image(GOLDEN[f"tokens/{key}"], bitdepth=bitdepth)
    assert img.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(img), GOLDEN[f"decoded/{key}"])


def test_reserved_ids_decode_as_in_the_reference():
    img = tokens_to_image(GOLDEN["special/tokens"], bitdepth=tuple(GOLDEN["special/bitdepth"]))
    np.testing.assert_array_equal(np.asarray(img), GOLDEN["special/decoded"])


# --- encoding and decoding ----------------------------------------------------------------------


def test_ids_that_name_no_colour_decode_to_black():
    beyond = token_count((3, 2, 2))
    tokens = np.array([PAD_ID, TRANSPARENT_ID, -1, beyond, beyond + 1000, -(2**31), 2**31 - 1, 2])
    picture = tokens_to_image_array(np.append(tokens, beyond - 1), bitdepth=(3, 2, 2))
    assert not picture.reshape(9, 3)[:8].any()
    assert picture.reshape(9, 3)[8].max() == 1.0, "the last id of the vocabulary is bright"


def test_decoded_floats_are_the_picture_before_rounding():
    tokens = GOLDEN["tokens/noise/32/544"]
    floats = tokens_to_image_array(tokens, bitdepth=(5, 4, 4))
    assert floats.shape == (32, 32, 3)
    assert floats.dtype == np.float64
    assert floats.min() >= 0.0
    assert floats.max() <= 1.0
    np.testing.assert_array_equal(np.round(floats * 255), GOLDEN["decoded/noise/32/544"])


@pytest.mark.parametrize("n_tokens", [2, 3, 5, 1023])
def test_tokens_of_no_square_picture_are_refused(n_tokens):
    with pytest.raises(ValueError, match=f"{n_tokens} tokens are no square picture"):
        tokens_to_image(np.full(n_tokens, 2), bitdepth=(5, 4, 4))


def test_pixels_are_read_row_by_row_from_the_top_left():
    img = Image.new("RGB", (2, 2))
    for place, colour in {(0, 0): "red", (1, 0): "lime", (0, 1): "blue", (1, 1): "white"}.items():
        img.paste(colour, (*place, place[0] + 1, place[1] + 1))
    # Hue in 0..7 thirds of a turn (round(7/3) = 2, round(14/3) = 5), saturation and value in 0..3.
    full = 3 << 3 | 3 << 5
    expected = [full, full | 2, full | 5, 3 << 5]
    assert image_to_tokens(img, size=2, bitdepth=(3, 2, 2)).tolist() == [t + 2 for t in expected]


def test_value_alone_keeps_every_grey():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tokens = image_to_tokens(Image.fromarray(ramp), size=16, bitdepth=(0, 0, 8))
    np.testing.assert_array_equal(tokens, ramp.reshape(-1).astype(np.int32) + N_RESERVED)
    decoded = np.asarray(tokens_to_image(tokens, bitdepth=(0, 0, 8)))
    np.testing.assert_array_equal(decoded, np.repeat(ramp[..., None], 3, axis=2))


def test_one_bit_of_value_is_a_threshold():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tokens = image_to_tokens(Image.fromarray(ramp), size=16, bitdepth=(0, 0, 1))
    assert tokens.tolist() == [2] * 128 + [3] * 128
    assert set(tokens_to_image(tokens, bitdepth=(0, 0, 1)).tobytes()) == {0, 255}


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P", "1", "I;16"])
def test_black_and_white_stay_black_and_white(mode):
    board = np.random.default_rng(0).integers(0, 2, (9, 9), dtype=np.uint8) * 255
    grey = Image.fromarray(board)
    img = Image.fromarray(board.astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    for bitdepth in ((0, 0, 1), (0, 0, 8)):
        tokens = image_to_tokens(img, size=9, bitdepth=bitdepth)
        np.testing.assert_array_equal(tokens.reshape(9, 9) > N_RESERVED, board > 0)
        decoded = np.asarray(tokens_to_image(tokens, bitdepth))
        np.testing.assert_array_equal(decoded, np.repeat(board[..., None], 3, axis=2))


def test_value_is_the_brightest_channel_and_not_luminance():
    colours = np.array([[[255, 0, 0], [0, 0, 255]], [[10, 90, 30], [255, 255, 255]]], np.uint8)
    tokens = image_to_tokens(Image.fromarray(colours), size=2, bitdepth=(0, 0, 8))
    assert (tokens - N_RESERVED).tolist() == [255, 255, 90, 255]


@pytest.mark.parametrize("bitdepth", [(3, 0, 0), (0, 2, 0), (8, 8, 0), (3, 0, 3), (0, 2, 3)])
def test_a_channel_without_bits_is_zero(bitdepth):
    """Without value all is black, without saturation grey, without hue tinted red."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    pixels[0, :2] = [[0], [255]]
    with np.errstate(all="raise"):
        tokens = image_to_tokens(Image.fromarray(pixels), size=16, bitdepth=bitdepth)
        decoded = np.asarray(tokens_to_image(tokens, bitdepth)).astype(int)
    red, green, blue = np.moveaxis(decoded, -1, 0)
    assert N_RESERVED <= tokens.min() < tokens.max() < token_count(bitdepth)
    assert decoded.any() == (bitdepth[2] > 0)
    assert (green == blue).all() and (red >= green).all()
    assert (red > green).any() == (bitdepth[1] > 0 and bitdepth[2] > 0)


def test_eight_bits_of_hue_keep_the_primaries():
    img = Image.new("RGB", (2, 2), "red")
    img.putpixel((1, 0), (0, 255, 0))
    img.putpixel((0, 1), (0, 0, 255))
    img.putpixel((1, 1), (255, 255, 255))
    tokens = image_to_tokens(img, size=2, bitdepth=(8, 4, 4))
    full = 15 << 8 | 15 << 12
    assert tokens.tolist() == [full + 2, full + 85 + 2, full + 170 + 2, (15 << 12) + 2]
    assert tokens_to_image(tokens, bitdepth=(8, 4, 4)).tobytes() == img.tobytes()


@pytest.mark.parametrize(
    "bitdepth", [(0, 0, 1), (0, 0, 8), (1, 0, 0), (0, 1, 0), (8, 0, 0), (0, 8, 8), (8, 4, 4)]
)
def test_any_bitdepth_stays_inside_its_vocabulary(bitdepth):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1] = 0, 255
    tokens = image_to_tokens(Image.fromarray(pixels), size=16, bitdepth=bitdepth)
    assert tokens.min() >= N_RESERVED
    assert tokens.max() < token_count(bitdepth) == 2 ** sum(bitdepth) + 2
    # A second trip changes nothing that the first one kept: colours have settled.
    once = np.asarray(tokens_to_image(tokens, bitdepth)).astype(int)
    again = image_to_tokens(Image.fromarray(once.astype(np.uint8)), size=16, bitdepth=bitdepth)
    assert np.abs(np.asarray(tokens_to_image(again, bitdepth)).astype(int) - once).max() <= 1


def test_decoding_agrees_with_the_standard_library():
    vocabulary = np.arange(2, 1026)
    floats = tokens_to_image_array(vocabulary, bitdepth=(4, 3, 3)).reshape(-1, 3)
    for code, colour in enumerate(floats):
        hsv = (code & 15) / 15, (code >> 4 & 7) / 7, (code >> 7) / 7
        assert tuple(colour) == pytest.approx(colorsys.hsv_to_rgb(*hsv), abs=1e-12)


def test_transparent_pixels_take_the_background():
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    white = image_to_tokens(clear, size=2, bitdepth=(3, 2, 2), background="white")
    black = image_to_tokens(clear, size=2, bitdepth=(3, 2, 2))
    assert white.tolist() == [(3 << 5) + 2] * 4
    assert black.tolist() == [2] * 4


def test_the_module_s_own_examples_run():
    result = doctest.testmod(pixace.tokens.vocabulary)
    assert result.attempted >= 1
    assert result.failed == 0


# --- the whole vocabulary through 8-bit colours -------------------------------------------------
#
# A token survives "decode, round to 8 bits, encode" unless its colour does not show all of it:
#
#   black    value level 0 shows neither hue nor saturation: only token 2 (0, 0, 0) survives;
#   grey     saturation level 0 shows no hue: only hue level 0 survives;
#   wrapped  the highest hue level is a full turn, red again: none survives;
#   faint    a visible colour of chroma C (of 255) has 6*C hues; where these are too few to tell
#            the hue levels apart, which takes C <= 6 and happens for 31 hues only, some fall on a
#            neighbouring level.
#
# Everything else survives exactly. The survivors are therefore
#   (2**h - 1) * (2**s - 1) * (2**v - 1) colours + (2**v - 1) greys + 1 black - the faint ones.

VOCABULARIES = {  # bitdepth -> faint tokens, survivors, largest error of a channel (of 255)
    (5, 4, 4): (122, 6869, 1),
    (4, 3, 3): (0, 743, 0),
    (3, 2, 2): (0, 67, 0),
}


def every_token(bitdepth):
    """Returns all tokens that are colours, and their levels of hue, saturation and value."""
    tokens = np.arange(N_RESERVED, token_count(bitdepth))
    bits_h, bits_s, _ = bitdepth
    codes = tokens - N_RESERVED
    return tokens, (
        codes % 2**bits_h,
        codes // 2**bits_h % 2**bits_s,
        codes // 2 ** (bits_h + bits_s),
    )


def decoded(tokens, bitdepth):
    """Decodes any number of tokens to 8-bit pixels (N, 3)."""
    edge = int(np.ceil(len(tokens) ** 0.5))
    padded = np.pad(tokens, (0, edge * edge - len(tokens)))
    return np.asarray(tokens_to_image(padded, bitdepth)).reshape(-1, 3)[: len(tokens)].astype(int)


def encoded(pixels, bitdepth):
    """Encodes 8-bit pixels (N, 3)."""
    edge = int(np.ceil(len(pixels) ** 0.5))
    square = np.zeros((edge * edge, 3), np.uint8)
    square[: len(pixels)] = pixels
    img = Image.fromarray(square.reshape(edge, edge, 3))
    return image_to_tokens(img, size=edge, bitdepth=bitdepth)[: len(pixels)]


def hue_after_8_bits(hue, saturation, value, bitdepth):
    """Computes, in exact fractions, the hue level that is left of a visible, unwrapped colour."""
    top_h, top_s, top_v = (2**bits - 1 for bits in bitdepth)
    s, v = Fraction(saturation, top_s), Fraction(value, top_v)
    sextant, fraction = divmod(Fraction(6 * hue, top_h), 1)
    highest, lowest = round(255 * v), round(255 * v * (1 - s))
    # Even sextants go up (red to yellow), odd ones down (yellow to green).
    share = 1 - fraction if sextant % 2 == 0 else fraction
    middle = round(255 * v * (1 - share * s))
    part = Fraction(middle - lowest, highest - lowest)
    turn = sextant + (part if sextant % 2 == 0 else 1 - part)
    return round(top_h * (turn / 6 % 1))


@pytest.mark.parametrize("bitdepth", VOCABULARIES)
def test_exactly_the_stated_tokens_survive(bitdepth):
    n_faint, n_survivors, _ = VOCABULARIES[bitdepth]
    tokens, (hue, saturation, value) = every_token(bitdepth)
    lost = encoded(decoded(tokens, bitdepth), bitdepth) != tokens

    highest_hue = 2 ** bitdepth[0] - 1
    black = (value == 0) & (tokens != N_RESERVED)
    grey = (saturation == 0) & (hue != 0)
    wrapped = hue == highest_hue
    visible = (value > 0) & (saturation > 0) & ~wrapped
    faint = np.zeros(len(tokens), bool)
    for index in np.flatnonzero(visible):
        levels = int(hue[index]), int(saturation[index]), int(value[index])
        faint[index] = hue_after_8_bits(*levels, bitdepth) != levels[0]

    np.testing.assert_array_equal(tokens[lost], tokens[black | grey | wrapped | faint])
    assert np.count_nonzero(faint) == n_faint
    n_hues, n_saturations, n_values = (2**bits - 1 for bits in bitdepth)
    assert np.count_nonzero(~lost) == n_survivors
    assert n_survivors == n_hues * n_saturations * n_values + n_values + 1 - n_faint


def test_only_colours_that_are_nearly_grey_or_nearly_black_are_faint():
    tokens, (hue, saturation, value) = every_token((5, 4, 4))
    lost = encoded(decoded(tokens, (5, 4, 4)), (5, 4, 4)) != tokens
    visible = (value > 0) & (saturation > 0) & (hue < 31)
    # Chroma is 255 * (saturation / 15) * (value / 15): below 6.8 where the product is 5 or less.
    assert not lost[visible & (saturation * value >= 6)].any()
    assert lost[visible & (saturation * value == 5)].any()


@pytest.mark.parametrize("bitdepth", VOCABULARIES)
def test_a_token_that_does_not_survive_keeps_its_colour(bitdepth):
    tokens, _ = every_token(bitdepth)
    before = decoded(tokens, bitdepth)
    after = decoded(encoded(before, bitdepth), bitdepth)
    assert np.abs(after - before).max() == VOCABULARIES[bitdepth][2]


@pytest.mark.parametrize("bitdepth", VOCABULARIES)
def test_what_is_lost_is_hue_and_never_brightness(bitdepth):
    tokens, (_, saturation, value) = every_token(bitdepth)
    after = encoded(decoded(tokens, bitdepth), bitdepth) - N_RESERVED
    bits_h, bits_s, _ = bitdepth
    np.testing.assert_array_equal(after // 2 ** (bits_h + bits_s), value)
    np.testing.assert_array_equal(
        after // 2**bits_h % 2**bits_s, np.where(value == 0, 0, saturation)
    )


# --- pictures that are not square ---------------------------------------------------------------


@pytest.mark.parametrize("size", ["24x16", "16x24", (24, 16)])
def test_an_oblong_picture_goes_both_ways(size):
    width, height = size_of(size)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    tokens = image_to_tokens(Image.fromarray(pixels), size, (0, 0, 4))
    assert tokens.shape == (width * height,)
    picture = tokens_to_image(tokens, (0, 0, 4), size=size)
    assert picture.size == (width, height)
    np.testing.assert_array_equal(image_to_tokens(picture, size, (0, 0, 4)), tokens)
    assert tokens_to_image_array(tokens, (0, 0, 4), size=size).shape == (height, width, 3)
    second_row = Image.fromarray(pixels[1:2])
    np.testing.assert_array_equal(
        tokens[width : 2 * width], image_to_tokens(second_row, (width, 1), (0, 0, 4))
    )


def test_a_size_that_is_not_that_of_the_tokens_is_refused():
    with pytest.raises(ValueError, match="24 tokens are no picture of 6x5 pixels"):
        tokens_to_image(np.full(24, 2), (2, 1, 2), size=(6, 5))
    with pytest.raises(ValueError, match="24 tokens are no square picture"):
        tokens_to_image(np.full(24, 2), (2, 1, 2))
    with pytest.raises(UsageError, match="image_size must be one number"):
        tokens_to_image(np.full(24, 2), (2, 1, 2), size="6x")
