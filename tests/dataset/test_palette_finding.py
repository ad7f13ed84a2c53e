"""The palette of a folder of images."""

import logging

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.palette_finding import few_colours, found_colours, with_found_colours
from pixace.dataset.reading import load_images
from pixace.errors import ImageError
from pixace.pictures.colour_error import colour_error
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.tiles import picture_of

FEW = ["000000", "1d2b53", "0000ff", "fff1e8"]  # from dark to light


@pytest.fixture(scope="module")
def sprites(tmp_path_factory):
    """Six pictures of 8x8 pixels in four colours, of which the last one has all."""
    folder = tmp_path_factory.mktemp("sprites")
    rng = np.random.default_rng(0)
    entries = np.frombuffer(bytes.fromhex("".join(FEW)), np.uint8).reshape(-1, 3)
    for number in range(6):
        chosen = rng.integers(0, 4 if number == 5 else 2, (8, 8))
        Image.fromarray(entries[chosen]).save(folder / f"{number}.png")
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of many colours, most of them of some hue."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(8):
        pixels = rng.normal([200 - 10 * number, 60, 20 * number], 30, (16, 16, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def colours_of(folder, colours: str, edge: int = 8) -> list[str]:
    found = found_colours(find_images(folder), PictureSettings(edge, edge, colours))
    return found.removeprefix("palette:").split(",")


@pytest.mark.parametrize("colours", ["palette:auto", "palette:auto:4", "palette:auto:4096"])
def test_few_colours_are_those_that_are_there(colours, sprites):
    assert colours_of(sprites, colours) == FEW
    assert few_colours(find_images(sprites), PictureSettings(8, 8, colours)) == FEW


def test_all_pictures_of_few_colours_come_back_exactly(sprites, caplog):
    with caplog.at_level(logging.INFO, "pixace"):
        config = with_found_colours(ModelConfig(image_size=8, colours="palette:auto"), sprites)
    assert "colours: palette:000000,1d2b53,0000ff,... (4 colours)" in caplog.text
    images = load_images(sprites, config)
    assert len(images.paths) == 6
    for path, row in zip(images.paths, images.tokens, strict=True):
        assert picture_of(row, config.pictures) == open_image(path)


def test_hidden_colours_are_not_found(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    pixels[..., 3] //= 2  # of 255: mostly transparent
    pixels[2, 2:5] = [[255, 0, 77, 255], [29, 43, 83, 128], [99, 99, 99, 127]]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    paths, pictures = find_images(tmp_path), PictureSettings(8, 8, "palette:auto:2", alpha=True)
    assert found_colours(paths, pictures) == "palette:1d2b53,ff004d"
    Image.fromarray(pixels * np.array([1, 1, 1, 0], np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="none of its images can be read, or shows anything"):
        found_colours(paths, pictures)


def test_many_colours_are_learned_from_those_that_are_there(photos):
    pixels = [np.asarray(open_image(path)).reshape(-1, 3) for path in find_images(photos)]
    there = {bytes(pixel).hex() for pixel in np.concatenate(pixels)}
    for most in (1, 16, 64):
        found = colours_of(photos, f"palette:auto:{most}", 16)
        assert 0.8 * most <= len(found) <= most
        assert set(found) <= there
        assert found == colours_of(photos, f"palette:auto:{most}", 16), "the same each time"
    assert len(colours_of(photos, "palette:auto", 16)) > 200


@pytest.mark.parametrize("most", [16, 64])
def test_learned_colours_come_nearer_than_those_of_median_cut(most, photos):
    pixels = np.array([np.asarray(open_image(path)) for path in find_images(photos)])
    cut = Image.fromarray(pixels.reshape(-1, 16, 3)).quantize(most, Image.Quantize.MEDIANCUT)
    levels = bytes(cut.getpalette()[: 3 * most])
    others = {levels[start : start + 3].hex(): None for start in range(0, len(levels), 3)}
    errors = []
    for colours in (colours_of(photos, f"palette:auto:{most}", 16), [*others]):
        codec = codec_of(PictureSettings(16, 16, "palette:" + ",".join(colours)))
        errors.append(colour_error(pixels, codec.decode(codec.encode(pixels))))
    assert errors[0] < 0.95 * errors[1]


def test_frequent_colours_count_for_more(tmp_path):
    grey = np.full((8, 8), 100, np.uint8)
    grey[0, :3] = 0, 10, 250
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert colours_of(tmp_path, "palette:auto:1") == ["646464"]


def test_each_of_some_groups_of_colours_is_found(tmp_path):
    levels = np.arange(16, dtype=np.uint8)
    pixels = np.zeros((4, 16, 3), np.uint8)
    pixels[0, :, 0] = pixels[1, :, 1] = pixels[2, :, 2] = 255 - levels
    pixels[3] = 255 - levels[:, None]
    Image.fromarray(pixels.reshape(8, 8, 3)).save(tmp_path / "a.png")
    found = np.array(
        [[*bytes.fromhex(colour)] for colour in colours_of(tmp_path, "palette:auto:4")]
    )
    assert {*map(tuple, found > 128)} == {*map(tuple, pixels[:, 0] > 128)}


def test_what_is_scaled_is_scaled_before(sprites):
    (one,) = colours_of(sprites, "palette:auto:1", 1)
    assert one not in FEW


def test_where_no_image_can_be_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match="no colours to find, as none of its images can be read"):
        colours_of(tmp_path, "palette:auto")


def test_other_colours_are_left_alone(tmp_path):
    config = ModelConfig(colours="rgb:3,3,2")
    assert with_found_colours(config, tmp_path / "nowhere") is config


@pytest.mark.parametrize(("colours", "most"), [("palette:auto:5", 5), ("palette:auto", 256)])
def test_without_images_there_are_as_many_colours_as_there_may_be(colours, most):
    config = with_found_colours(ModelConfig(colours=colours), None)
    assert codec_of(config.pictures).n_tokens == most + 2
