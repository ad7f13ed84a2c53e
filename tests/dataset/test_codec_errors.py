"""How far colours are off, by codec."""

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.codec_errors import compare_codecs, quantisation_errors
from pixace.dataset.palette_finding import found_colours
from pixace.pictures.folder import find_images
from pixace.settings.pictures import PictureSettings


def test_quantisation_errors(tmp_path):
    Image.new("RGB", (5, 5), (100, 100, 100)).save(tmp_path / "grey.png")
    colours = {name: f"hsv:{name}" for name in ("1,1,1", "0,0,8", "3,2,0")}
    pictures = PictureSettings(4, 4, "hsv:1,1,1")
    errors = quantisation_errors(find_images(tmp_path), pictures, colours)
    assert list(errors) == ["1,1,1", "3,2,0", "0,0,8"], "the coarsest first"
    # As black; this grey has the lightness L* = 42.37 (CIE 1976).
    black = pytest.approx(42.37, abs=0.01)
    assert errors == {"1,1,1": black, "0,0,8": pytest.approx(0), "3,2,0": black}


def test_palettes_are_those_that_a_training_would_find(tmp_path):
    levels = np.arange(0, 240, 12, np.uint8)  # 20 colours: too many for the first palette
    Image.fromarray(np.stack([levels, levels[::-1], levels], axis=-1).reshape(4, 5, 3)).save(
        tmp_path / "a.png"
    )
    paths, pictures = find_images(tmp_path), PictureSettings(4, 5, "hsv:4,3,3")
    errors = compare_codecs(paths, pictures)
    assert errors.n_colours == 20
    assert [*errors.of_bits] == ["3,2,2", "4,3,3", "5,4,4"]
    palettes = {
        name: found_colours(paths, PictureSettings(4, 5, name)) for name in errors.of_palettes
    }
    assert errors.of_palettes == quantisation_errors(paths, pictures, palettes)
    first, *others = errors.of_palettes.values()
    assert first > 0 and others == [0, 0]
