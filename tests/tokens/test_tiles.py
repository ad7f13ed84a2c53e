import numpy as np
from PIL import Image

from pixace.settings.pictures import PictureSettings
from pixace.tokens.reading import tokens_of
from pixace.tokens.tiles import picture_of, recoloured, token_rows

PICTURES = PictureSettings(2, 3, "hsv:4,2,2")
RED, BLUE, BLACK = [255, 0, 0], [0, 0, 255], [0, 0, 0]


def tokens(colour: str) -> np.ndarray:
    return tokens_of(Image.new("RGB", (3, 2), colour), PICTURES)


def test_a_picture_has_its_width_and_height():
    half_red = np.concatenate([tokens("red")[:3], tokens("blue")[:3]])
    picture = picture_of(half_red, PICTURES)
    assert picture.size == (3, 2)
    assert np.asarray(picture).tolist() == [[RED] * 3, [BLUE] * 3]


def test_columns_of_tokens_become_rows_of_pictures():
    originals = np.stack([tokens("red"), tokens("blue")])
    rows = token_rows([originals, originals[:, :1], originals[:, :0]], PICTURES)
    pixels = [[np.asarray(picture).reshape(6, 3).tolist() for picture in row] for row in rows]
    assert pixels == [
        [[RED] * 6, [RED] + [BLACK] * 5, [BLACK] * 6],
        [[BLUE] * 6, [BLUE] + [BLACK] * 5, [BLACK] * 6],
    ]


def test_each_pixel_takes_the_nearest_colour_and_keeps_its_alpha():
    pixels = np.array([[[250, 5, 5], [9, 9, 250], [3, 3, 3]]], np.uint8)
    ((picture,),) = recoloured([[Image.fromarray(pixels)]], "000000,ff0000,0000ff")
    assert np.asarray(picture).tolist() == [[RED, BLUE, BLACK]]
    alpha = np.array([[[255], [0], [128]]], np.uint8)
    ((picture,),) = recoloured(
        [[Image.fromarray(np.concatenate([pixels, alpha], axis=-1))]], "000000,ff0000,0000ff"
    )
    assert np.asarray(picture).tolist() == [[[*RED, 255], [9, 9, 250, 0], [*BLACK, 128]]]
