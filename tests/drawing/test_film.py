"""Films: what each frame shows, how long, how many there are, and that the file is small."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from pixace.drawing.film import check_film, frame_times, write_film, write_sweep
from pixace.drawing.recipe import read_recipe
from pixace.errors import ImageError, UsageError
from pixace.tokens import tokens_to_image
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import PAD_ID, TRANSPARENT_ID
from tests.tools.drawings import a_drawing, a_recipe

BITDEPTH = (4, 2, 2)
BRIGHT = 2 + (0b11 << 6)  # tokens from here on have full value: none is black


def random_tokens(n_rows, length, seed):
    return np.random.default_rng(seed).integers(BRIGHT, 2 + 256, (n_rows, length), np.int32)


def frames_of(path):
    """Returns the frames as RGB arrays, and their durations in ms."""
    arrays, durations = [], []
    with Image.open(path) as film:
        assert film.format == "GIF"
        assert film.n_frames == 1 or film.info["loop"] == 0, "for ever"
        for index in range(film.n_frames):
            film.seek(index)
            arrays.append(np.asarray(film.convert("RGB")))
            durations.append(film.info.get("duration"))
    return arrays, durations


def pixels_of(frame, n_rows, n_columns, scale, edge):
    """Takes the centre of each drawn pixel: (n_rows, n_columns, L, 3). scale = k (edge + 2)."""
    small = scale // (edge + 2)
    tiles = frame[small // 2 :: small, small // 2 :: small]
    tiles = tiles.reshape(n_rows, edge + 2, n_columns, edge + 2, 3).swapaxes(1, 2)
    return tiles[:, :, 1:-1, 1:-1].reshape(n_rows, n_columns, -1, 3)


def decoded(tokens):
    """RGB (N, L, 3) of tokens (N, L)."""
    return np.stack([np.asarray(tokens_to_image(row, BITDEPTH)).reshape(-1, 3) for row in tokens])


@pytest.mark.parametrize("n_kept", [0, 5, 15])
def test_each_frame_shows_one_pixel_more(tmp_path, n_kept):
    originals = random_tokens(2, 16, seed=0)
    results = [random_tokens(2, 16, seed=1), random_tokens(2, 16, seed=2)]
    for result in results:
        result[:, :n_kept] = originals[:, :n_kept]
    drawing = a_drawing(results, originals, n_kept, scale=12)
    write_film(drawing, tmp_path / "out.gif")
    frames, durations = frames_of(tmp_path / "out.gif")
    assert len(frames) == 16 - n_kept + 1
    assert durations[-1] == 3000
    assert set(durations[:-1]) == {100}
    for index, frame in enumerate(frames):
        assert frame.shape == (2 * 12, 4 * 12, 3)
        shown = pixels_of(frame, 2, 4, scale=12, edge=4)
        there = n_kept + index
        np.testing.assert_array_equal(shown[:, 0], decoded(originals))
        np.testing.assert_array_equal(shown[:, 1, :n_kept], decoded(originals)[:, :n_kept])
        assert not shown[:, 1, n_kept:].any(), "the prompt's column stays cut off"
        for column, result in enumerate(results, start=2):
            np.testing.assert_array_equal(shown[:, column, :there], decoded(result)[:, :there])
            assert not shown[:, column, there:].any(), "not yet drawn"


def test_without_prompts_it_starts_black_and_ends_with_the_collage(tmp_path):
    drawing = a_drawing([random_tokens(1, 16, seed=1)], scale=6)
    write_film(drawing, tmp_path / "out.gif")
    frames, _ = frames_of(tmp_path / "out.gif")
    assert not frames[0].any()
    np.testing.assert_array_equal(frames[-1], np.asarray(drawing.collage()))


def test_transparent_pixels_show_nothing_and_what_is_still_to_come_does_neither(tmp_path):
    originals, results = random_tokens(2, 16, seed=0), random_tokens(2, 16, seed=1)
    originals[:, ::3] = results[0, ::5] = TRANSPARENT_ID
    results[:, :6] = originals[:, :6]
    options = {"config": {"alpha": True}, "scale": 12}
    drawing = a_drawing([results], originals, 6, **options)
    write_film(drawing, tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as film:
        assert film.n_frames == 11 and film.info["loop"] == 0
        frames = []
        for index in range(11):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGBA")))
    palette = codec_of(drawing.recipe.config.pictures).colours()
    black = palette[PAD_ID]
    for index, frame in enumerate(frames):
        tiles = frame[1::2, 1::2].reshape(2, 6, 3, 6, 4).swapaxes(1, 2)
        assert (tiles[:, :, 0] == black).all() and (tiles[..., -1, :] == black).all(), "borders"
        shown = tiles[:, :, 1:-1, 1:-1].reshape(2, 3, 16, 4)
        np.testing.assert_array_equal(shown[:, 0], palette[originals])
        np.testing.assert_array_equal(shown[:, 1, :6], palette[originals[:, :6]])
        assert (shown[:, 1, 6:] == black).all(), "the prompt's column stays cut off"
        np.testing.assert_array_equal(shown[:, 2, : 6 + index], palette[results[:, : 6 + index]])
        assert not shown[:, 2, 6 + index :].any(), "not yet drawn"


def test_a_sweep_shows_nothing_of_the_picture_before(tmp_path):
    columns = [random_tokens(1, 16, seed=seed) for seed in range(3)]
    columns[0][:, :4] = columns[1][:, ::2] = TRANSPARENT_ID
    columns[2][:, 1::2] = TRANSPARENT_ID
    alpha = {"config": {"alpha": True}, "scale": "2x"}
    recipe = a_recipe(sweep="temperature:0.5:1:3", **alpha)
    drawing = dataclasses.replace(a_drawing(columns, **alpha), recipe=recipe)
    write_sweep(drawing, tmp_path / "out.gif")
    palette = codec_of(recipe.config.pictures).colours()
    with Image.open(tmp_path / "out.gif") as film:
        for index, (tokens,) in enumerate(columns):
            film.seek(index)
            frame = np.asarray(film.convert("RGBA"))[::2, ::2].reshape(16, 4)
            is_clear = tokens == TRANSPARENT_ID
            assert not frame[is_clear, 3].any()
            np.testing.assert_array_equal(frame[~is_clear], palette[tokens[~is_clear]])


def test_pixels_enlarged_exactly_have_no_borders(tmp_path):
    drawing = a_drawing([random_tokens(2, 16, seed=1)] * 2, scale="3x")
    write_film(drawing, tmp_path / "out.gif")
    frames, _ = frames_of(tmp_path / "out.gif")
    assert len(frames) == 17 and not frames[0].any()
    assert frames[-1].shape == (2 * 4 * 3, 2 * 4 * 3, 3)
    np.testing.assert_array_equal(frames[-1], np.asarray(drawing.collage()))


def test_nothing_drawn_is_a_film_of_one_frame(tmp_path):
    originals = random_tokens(1, 16, seed=0)
    write_film(a_drawing([originals], originals, 16), tmp_path / "out.gif")
    frames, _ = frames_of(tmp_path / "out.gif")
    assert len(frames) == 1
    np.testing.assert_array_equal(pixels_of(frames[0], 1, 3, 12, 4)[:, 2], decoded(originals))


def test_long_films_have_at_most_600_frames(tmp_path):
    drawing = a_drawing([random_tokens(1, 64 * 64, seed=3)], scale=66)
    times = frame_times(drawing)
    assert 300 < len(times) <= 600
    assert times[0] == 0 and times[-1] == 64 * 64
    steps = np.diff(times)
    assert set(steps[:-1]) == {steps[0]} and 0 < steps[-1] <= steps[0]
    write_film(drawing, tmp_path / "out.gif")
    frames, durations = frames_of(tmp_path / "out.gif")
    assert len(frames) == len(times)
    assert set(durations[:-1]) == {20}
    assert (tmp_path / "out.gif").stat().st_size < 300_000


def test_large_films_have_fewer_frames():
    tokens = random_tokens(1, 32 * 32, seed=3)
    sizes = [len(frame_times(a_drawing([tokens], scale=scale))) for scale in (34, 1024, 3400)]
    assert sizes == sorted(sizes, reverse=True)
    assert 20 <= sizes[-1] < sizes[0] <= 600


def test_more_colours_than_a_gif_holds_are_close(tmp_path):
    tokens = np.arange(2, 2 + 32 * 32, dtype=np.int32)[None] * 8  # 13 bits
    drawing = a_drawing([tokens], scale=34, bitdepth=(5, 4, 4))
    write_film(drawing, tmp_path / "out.gif")
    (*_, last), _ = frames_of(tmp_path / "out.gif")
    difference = np.abs(last.astype(int) - np.asarray(drawing.collage()))
    assert difference.mean() < 8
    assert not last[0].any() and not last[:, 0].any(), "the border stays black"


def test_it_carries_the_recipe(tmp_path):
    drawing = a_drawing([random_tokens(1, 16, seed=1)])
    write_film(drawing, tmp_path / "out.gif")
    assert read_recipe(tmp_path / "out.gif") == drawing.recipe


def test_a_film_that_cannot_be_is_refused_in_advance(tmp_path):
    check_film(tmp_path / "new" / "a.GIF", (100, 100))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    for name in ("a.png", "a", "gif"):
        with pytest.raises(UsageError, match=r"film must end in \.gif"):
            check_film(tmp_path / name, (100, 100))
    with pytest.raises(UsageError, match="too large"):
        check_film(tmp_path / "a.gif", (4096, 4096))
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="cannot write"):
        check_film(tmp_path / "file" / "a.gif", (100, 100))


def test_a_film_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "out.gif").mkdir()
    drawing = a_drawing([random_tokens(1, 16, seed=1)])
    with pytest.raises(ImageError, match=r"out\.gif: cannot write: "):
        write_film(drawing, tmp_path / "out.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["out.gif"]
