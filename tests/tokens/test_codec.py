import numpy as np
import pytest
from PIL import Image

from pixace.errors import UsageError
from pixace.settings.colours import hsv
from pixace.settings.pictures import PictureSettings
from pixace.tokens import token_count, tokens_to_image_array
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED, PAD_ID, TRANSPARENT_ID

BITDEPTHS = [(5, 4, 4), (4, 3, 3), (3, 2, 2), (0, 0, 1), (8, 0, 0)]
# Colours, and how many there are.
OTHERS = {
    "rgb:3,3,2": 256,
    "rgb:1,8,1": 1024,
    "rgb:5,6,5": 65536,
    "grey:1": 2,
    "grey:4": 16,
    "grey:8": 256,
    "palette:ff004d": 1,
    "palette:ff004d,000000,1d2b53": 3,
}


def codec(colours: str):
    return codec_of(PictureSettings(4, 4, colours))


@pytest.mark.parametrize("bitdepth", BITDEPTHS)
def test_a_codec_spells_what_it_was_made_from(bitdepth):
    made = codec(hsv(bitdepth))
    assert made.spelled() == hsv(bitdepth)
    assert made.n_tokens == token_count(bitdepth)


@pytest.mark.parametrize("bitdepth", BITDEPTHS)
def test_the_colours_are_those_that_tokens_decode_to(bitdepth):
    made = codec(hsv(bitdepth))
    colours, ids = made.colours(), np.arange(made.n_tokens)
    assert colours.dtype == np.uint8
    assert colours.shape == (made.n_tokens, 3)
    np.testing.assert_array_equal(colours, made.decode(ids))
    for start in range(0, made.n_tokens, 1000):  # one by one, as the public function has it
        exact = [tokens_to_image_array(ids[[k]], bitdepth)[0, 0] for k in ids[start : start + 10]]
        np.testing.assert_array_equal(colours[start : start + 10], np.round(np.array(exact) * 255))


@pytest.mark.parametrize("colours", OTHERS)
def test_other_codecs_spell_what_they_were_made_from(colours):
    made = codec(colours)
    assert made.spelled() == colours
    assert made.n_tokens == OTHERS[colours] + N_RESERVED
    of_tokens = made.colours()
    assert of_tokens.dtype == np.uint8
    assert of_tokens.shape == (made.n_tokens, 3)
    assert not of_tokens[:N_RESERVED].any()
    assert len(np.unique(of_tokens[N_RESERVED:], axis=0)) == OTHERS[colours]
    ids = np.arange(made.n_tokens)
    np.testing.assert_array_equal(made.encode(of_tokens)[N_RESERVED:], ids[N_RESERVED:])
    assert not made.decode(np.array([-1, -(2**31), made.n_tokens, 10**9])).any()


@pytest.mark.parametrize("colours", OTHERS)
def test_pixels_of_any_shape_become_colours_of_other_codecs(colours):
    made = codec(colours)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    tokens = made.encode(pixels)
    assert tokens.dtype == np.int32
    assert tokens.shape == (2, 3, 5)
    assert tokens.min() >= N_RESERVED and tokens.max() < made.n_tokens
    np.testing.assert_array_equal(tokens[1, 2], made.encode(pixels[1, 2]))
    np.testing.assert_array_equal(made.decode(tokens), made.colours()[tokens])


@pytest.mark.parametrize("colours", OTHERS)
def test_other_colours_come_apart_or_are_numbered(colours):
    factors = codec(colours).factors()
    assert factors.dtype == np.int32
    assert (factors[:N_RESERVED] == -1).all()
    levels = factors[N_RESERVED:]
    assert factors.shape[1] == (3 if colours.startswith("rgb") else 1)
    assert len(np.unique(levels, axis=0)) == len(levels) == np.prod(levels.max(axis=0) + 1)


def test_levels_of_red_green_and_blue_are_even():
    made = codec("rgb:3,3,2")
    pixels = np.array([[0, 0, 0], [255, 255, 255], [36, 73, 85], [109, 0, 170]], np.uint8)
    levels = [[0, 0, 0], [7, 7, 3], [1, 2, 1], [3, 0, 2]]
    tokens = made.encode(pixels)
    np.testing.assert_array_equal(made.factors()[tokens], levels)
    np.testing.assert_array_equal(made.decode(tokens), pixels)


def test_greys_are_pillow_s_and_all_of_them_exact_with_8_bits():
    made = codec("grey:8")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    seen = made.decode(made.encode(pixels))
    np.testing.assert_array_equal(seen[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    np.testing.assert_array_equal(made.decode(made.encode(greys)), greys)


@pytest.mark.parametrize("bitdepth", BITDEPTHS)
def test_each_combination_of_levels_is_one_token(bitdepth):
    factors = codec(hsv(bitdepth)).factors()
    assert factors.dtype == np.int32
    assert (factors[:N_RESERVED] == -1).all()
    levels = factors[N_RESERVED:]
    assert (levels.min(axis=0) == 0).all()
    assert (levels.max(axis=0) == [2**bits - 1 for bits in bitdepth]).all()
    assert len(np.unique(levels, axis=0)) == len(levels) == np.prod(levels.max(axis=0) + 1)


def test_factors_are_hue_saturation_and_value():
    """Greys differ in value, reds of one value in saturation, colours of the wheel in hue."""
    made = codec("hsv:3,2,2")
    wheel = [[255, 0, 0], [255, 192, 0], [0, 255, 0], [0, 0, 255]]
    for pixels, levels in (
        ([[0, 0, 0], [85, 85, 85], [255, 255, 255]], [[0, 0, 0], [0, 0, 1], [0, 0, 3]]),
        ([[255, 255, 255], [255, 170, 170], [255, 0, 0]], [[0, 0, 3], [0, 1, 3], [0, 3, 3]]),
        (wheel, [[0, 3, 3], [1, 3, 3], [2, 3, 3], [5, 3, 3]]),
    ):
        tokens = made.encode(np.array(pixels, np.uint8))
        np.testing.assert_array_equal(made.factors()[tokens], levels)


def test_ids_that_name_no_colour_are_black():
    made = codec("hsv:3,2,2")
    ids = np.array([[PAD_ID, TRANSPARENT_ID, -1], [made.n_tokens, 10**9, -(2**31)]])
    assert not made.decode(ids).any()


def test_pixels_of_any_shape_become_colours_of_the_codec():
    made = codec("hsv:3,2,2")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    tokens = made.encode(pixels)
    assert tokens.dtype == np.int32
    assert tokens.shape == (2, 3, 5)
    assert tokens.min() >= N_RESERVED and tokens.max() < made.n_tokens
    np.testing.assert_array_equal(tokens[1, 2], made.encode(pixels[1, 2]))
    np.testing.assert_array_equal(made.decode(tokens), made.colours()[tokens])


def test_a_codec_is_made_once():
    pictures = PictureSettings(4, 4, "hsv:5,4,4")
    assert codec_of(pictures) is codec_of(PictureSettings(4, 4, "hsv:5,4,4"))


@pytest.mark.parametrize(
    ("colours", "message"),
    [
        ("cmyk:4,4,4,4", "the kind of colours must be one of hsv, rgb, grey, palette, not 'cmyk'"),
        ("hsv:5,4", "bitdepth must be three numbers"),
        ("hsv:5,4,x", "hsv needs bits, such as 5,4,4, not '5,4,x'"),
        ("hsv:9,4,4", "bitdepth must be from 0 to 8, not 9"),
        ("hsv:0,0,0", "bitdepth must sum to 1 to 16 bits, not 0"),
        ("rgb:3,3", "rgb needs three numbers of bits, such as 3,3,2, not '3,3'"),
        ("rgb:0,4,4", "the bits of a channel of rgb must be from 1 to 8, not 0"),
        ("rgb:6,6,5", "the bits of rgb must sum to at most 16, not 17"),
        ("grey:9", "the bits of grey must be from 1 to 8, not 9"),
        ("grey:4,4", "grey needs one number of bits, such as 4, not '4,4'"),
        ("grey:x", "grey needs bits, such as 4, not 'x'"),
        ("palette:mine.gpl", "'mine.gpl' is no colour of a palette, such as ff004d"),
        ("palette:FF004D", "'FF004D' is no colour of a palette"),
        ("palette:ff004d,ff004d", "a colour of the palette is there twice"),
        (
            "palette:" + ",".join(f"{number:06x}" for number in range(4097)),
            "a palette must have 1 to 4096 colours, not 4097",
        ),
        ("palette:auto", "palette:auto stands for colours that a new training finds"),
        ("palette:auto:0", "the colours of palette:auto must be from 1 to 4096, not 0"),
    ],
)
def test_colours_that_there_are_not(colours, message):
    with pytest.raises(UsageError, match=message):
        codec(colours)


# --- transparency -------------------------------------------------------------------------------

WITH_ALPHA = ["hsv:3,2,2", "hsv:5,4,4", "hsv:3,2,0", "rgb:3,3,2", "grey:4", "palette:ff004d,1d2b53"]


@pytest.fixture(params=WITH_ALPHA)
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
