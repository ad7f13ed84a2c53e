"""Drawings under way: what each step shows, and which candidates are kept."""

import numpy as np
import pytest

from pixace.drawing.particles import FREE
from pixace.drawing.stream import BestPictures, DrawingStep, drawing_steps, whole_prompts
from pixace.settings.drawing import DrawingSettings
from tests.drawing.test_sampler import constant

NOTHING = np.full((3, 6), FREE, np.int32)  # is known of three rows of pictures
SETTINGS = DrawingSettings(temperature=(1.0, 0.5), best_of=2, seed=3)


def places(n_rows: int, n_columns: int, n_candidates: int) -> list[list[int]]:
    return np.argwhere(np.ones((n_rows, n_columns, n_candidates))).tolist()


@pytest.mark.parametrize("n_kept", [0, 2])
def test_a_step_for_each_pixel_of_each_batch(n_kept):
    known = np.where(np.arange(6) < n_kept, 4, NOTHING)
    steps = [*drawing_steps(constant(5), SETTINGS, known)]  # 12 pictures: 5, 5 and 2
    n_steps = 6 - n_kept
    assert len(steps) == 3 * (n_steps + 1)
    for number, step in enumerate(steps):
        batch, n_drawn = divmod(number, n_steps + 1)
        assert step.tokens.shape == (5 if batch < 2 else 2, n_kept + n_drawn)
        assert step.log_likelihood.shape == step.tokens.shape[:1]
        assert (step.n_done, step.n_total) == (batch * n_steps + n_drawn, 3 * n_steps)
        assert step.drawing is None
        assert (step.tokens[:, :n_kept] == 4).all()
        before = steps[number - 1]
        if n_drawn:
            np.testing.assert_array_equal(step.tokens[:, :-1], before.tokens)
            assert (step.log_likelihood < before.log_likelihood).all()
        else:
            assert not step.log_likelihood.any()
    last = steps[n_steps :: n_steps + 1]
    assert np.concatenate([step.places for step in last]).tolist() == places(3, 2, 2)


def test_batches_change_no_picture():
    pictures = []
    for batch_size in (1, 5, 12):
        likeliest = BestPictures(3, 2, 6)
        for step in drawing_steps(constant(batch_size), SETTINGS, NOTHING):
            likeliest.add(step)
        pictures.append((*likeliest.columns, likeliest.log_likelihood))
    for other in pictures[1:]:
        for one, two in zip(pictures[0], other, strict=True):
            np.testing.assert_allclose(one, two)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 12])
def test_one_tile_is_drawn_as_among_the_others_and_in_the_same_batches(batch_size):
    together = BestPictures(3, 2, 6)
    for step in drawing_steps(constant(batch_size), SETTINGS, NOTHING):
        together.add(step)
    for row, column in np.ndindex(3, 2):
        alone = BestPictures(1, 1, 6)
        steps = [*drawing_steps(constant(batch_size), SETTINGS, NOTHING, (row, column))]
        for step in steps:
            alone.add(step)
            assert not step.places[:, :2].any()
        assert (steps[-1].n_done, steps[0].n_total) == (steps[-1].n_total, steps[-1].n_total)
        assert steps[-1].n_total <= 6 * 2, "two candidates are in two batches at most"
        np.testing.assert_array_equal(alone.columns[0][0], together.columns[column][row])
        assert alone.log_likelihood[0, 0] == together.log_likelihood[row, column]


def test_of_the_candidates_the_likeliest_is_kept_of_equals_the_first():
    likeliest = BestPictures(1, 2, 1)
    tokens = np.array([[10], [11], [12], [20], [21], [22]], np.int32)
    nats = np.array([-3.0, -1.0, -1.0, -2.0, -2.0, -9.0])
    where = np.array(places(1, 2, 3))
    for part in (slice(2), slice(2, 6)):  # a tile's candidates may be in two batches
        log_probs = nats[part, None]
        step = DrawingStep(where[part], tokens[part], nats[part], nats[part], log_probs, 1, 1)
        likeliest.add(step)
    assert [column.tolist() for column in likeliest.columns] == [[[11]], [[20]]]
    assert likeliest.log_likelihood.tolist() == [[-1.0, -2.0]]
    assert likeliest.log_probs.tolist() == [[[-1.0], [-2.0]]]


def test_unfinished_pictures_are_not_kept():
    likeliest = BestPictures(1, 1, 2)
    likeliest.add(
        DrawingStep(
            np.zeros((1, 3), int),
            np.ones((1, 1), np.int32),
            -np.ones(1),
            np.zeros(1),
            -np.ones((1, 1)),
            1,
            2,
        )
    )
    assert not likeliest.columns[0].any() and not likeliest.log_likelihood.any()


def test_where_all_is_kept_there_is_one_step():
    prompts = np.array([[5, 6], [7, 8]], np.int32)
    step = whole_prompts(prompts, 3)
    assert step.places.tolist() == places(2, 3, 1)
    assert step.tokens.tolist() == [[5, 6]] * 3 + [[7, 8]] * 3
    assert (step.n_done, step.n_total) == (0, 0)
    likeliest = BestPictures(2, 3, 2)
    likeliest.add(step)
    assert [column.tolist() for column in likeliest.columns] == [prompts.tolist()] * 3
