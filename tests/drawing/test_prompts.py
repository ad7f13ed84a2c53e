"""Prompts: each is opened once, knows what it is called and which of its pixels are kept."""

import dataclasses
import functools
import http.server
import threading

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.reading import load_images
from pixace.drawing.prompts import Prompt, kept_of_all, listed, name_of, open_prompts
from pixace.errors import ImageError, UsageError
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from tests.conftest import paint_stripes

PICTURES = PictureSettings(3, 3, "hsv:2,1,2")
NOTHING = np.zeros(9, bool)  # is kept


def a_prompt(kept: list[int]) -> Prompt:
    return Prompt(None, np.full(len(kept), 5, np.int32), np.array(kept, bool))


def test_a_prompt_has_the_tokens_that_training_would_give_it(tmp_path):
    """Also a large JPEG, which is not decoded in full."""
    paint_stripes(tmp_path / "large.jpg")
    config = ModelConfig(image_size=6, bitdepth=(2, 1, 2))
    (prompt,) = open_prompts([tmp_path / "large.jpg"], config.pictures, np.arange(36) < 20)
    (learned,) = load_images(tmp_path, config).tokens
    assert prompt.tokens.dtype == np.int32
    np.testing.assert_array_equal(prompt.tokens, learned)
    np.testing.assert_array_equal(prompt.kept, np.arange(36) < 20)


def test_all_prompts_keep_the_same_pixels():
    picture, kept = Image.new("RGB", (4, 4), "red"), np.arange(9) % 2 == 0
    prompts = open_prompts([picture, picture], PICTURES, kept)
    np.testing.assert_array_equal(kept_of_all(prompts, 9), kept)


def test_prompts_are_named_as_given_without_passwords(tmp_path):
    sources = ["a.png", tmp_path / "b.png", "https://me:secret@example.com/c.png"]
    names = ["a.png", str(tmp_path / "b.png"), "https://example.com/c.png", None]
    assert [name_of(source) for source in [*sources, Image.new("RGB", (1, 1))]] == names


def test_files_addresses_and_pictures_are_all_the_same(tmp_path, monkeypatch):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    monkeypatch.chdir(tmp_path)
    picture = Image.effect_noise((4, 4), 90)
    picture.save("a.png")
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.png"
        sources = ["a.png", tmp_path / "a.png", url, picture]
        with pytest.raises(ImageError, match="unless --allow_private_urls is given"):
            open_prompts(sources, PICTURES, NOTHING)
        prompts = open_prompts(sources, PICTURES, NOTHING, allow_private_urls=True)
        server.shutdown()
    assert [prompt.name for prompt in prompts] == ["a.png", str(tmp_path / "a.png"), url, None]
    for prompt in prompts[1:]:
        np.testing.assert_array_equal(prompt.tokens, prompts[0].tokens)


def test_a_bad_prompt_is_named(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"bad\.png: empty, a file of 0 bytes"):
        open_prompts([tmp_path / "good.png", tmp_path / "bad.png"], PICTURES, NOTHING)
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        open_prompts([tmp_path / "gone.png"], PICTURES, NOTHING)


@pytest.mark.parametrize("source", [3, "", None, "a\0b", b"a.png"])
def test_what_names_no_prompt_is_refused_before_any_is_opened(source):
    with pytest.raises(UsageError, match="prompts must name a file or folder"):
        open_prompts(["gone.png", source], PICTURES, NOTHING)


def test_one_prompt_is_a_list_of_one():
    picture = Image.new("RGB", (1, 1))
    assert listed(None) == listed([]) == listed(()) == []
    assert listed("a.png") == listed(["a.png"]) == listed(("a.png",)) == ["a.png"]
    assert listed(picture) == [picture]


def test_prompts_that_cannot_be_completed_together_are_told():
    assert not kept_of_all([], 4).any()
    assert kept_of_all([a_prompt([0, 1, 1, 0])] * 2, 4).tolist() == [False, True, True, False]
    for masks in ([[1, 0, 0, 0], [1, 1, 0, 0]], [[1, 0, 0, 0], [0, 0, 0, 1]]):
        with pytest.raises(UsageError, match="all prompts must keep the same pixels"):
            kept_of_all([a_prompt(kept) for kept in masks], 4)
    with pytest.raises(UsageError, match="a prompt of 3 pixels for a model of 4"):
        kept_of_all([a_prompt([1, 0, 0, 0]), a_prompt([1, 0, 0])], 4)


def test_a_prompt_says_of_every_pixel_whether_it_is_kept():
    with pytest.raises(ValueError, match="kept"):
        Prompt(None, np.zeros(4, np.int32), np.ones(3, bool))


def test_prompts_made_larger_are_taken_back_where_that_is_asked_for():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (3, 3, 3), np.uint8))
    large = small.resize((24, 24), Image.Resampling.NEAREST)
    unscaled = dataclasses.replace(PICTURES, unscale=True)
    (exact,) = open_prompts([small], PICTURES, ~NOTHING)
    (taken_back,) = open_prompts([large], unscaled, ~NOTHING)
    (scaled,) = open_prompts([large], PICTURES, ~NOTHING)
    np.testing.assert_array_equal(taken_back.tokens, exact.tokens)
    assert (scaled.tokens != exact.tokens).any()
