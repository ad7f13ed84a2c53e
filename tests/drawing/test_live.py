"""A drawing under way, as pictures."""

from dataclasses import MISSING, fields

import numpy as np

from pixace.drawing.live import LiveView
from pixace.drawing.prompts import Prompt
from pixace.drawing.stream import DrawingStep
from pixace.settings.pictures import PictureSettings
from pixace.tokens.tiles import picture_of, recoloured
from pixace.tokens.vocabulary import PAD_ID

PICTURES = PictureSettings(2, 3, "hsv:2,2,2")
NOISE = np.random.default_rng(0)


def step(places, tokens, n_done=1, n_total=6) -> DrawingStep:
    """Returns a step of which only what a view needs is told."""
    told = {"places": np.array(places), "tokens": np.array(tokens)}
    needed = [field.name for field in fields(DrawingStep) if field.default is MISSING]
    nothing = dict.fromkeys(needed, np.zeros(len(places)))
    return DrawingStep(**{**nothing, **told, "n_done": n_done, "n_total": n_total})


def pixels(picture) -> list:
    return np.asarray(picture).tolist()


def whole(*tokens):
    filled = np.full(6, PAD_ID)
    filled[: len(tokens)] = tokens
    return pixels(picture_of(filled, PICTURES))


def test_what_is_still_to_come_is_black():
    view = LiveView(PICTURES)
    view.add(step([(0, 0, 0), (1, 0, 0)], [[33, 40, 50], [34, 41, 51]], 3))
    assert (view.n_done, view.n_total, view.shape, view.size) == (3, 6, (2, 1), (3, 2))
    first, second = view.pictures(9)
    assert (pixels(first), pixels(second)) == (whole(33, 40, 50), whole(34, 41, 51))
    assert pixels(first)[1] == [[0, 0, 0]] * 3


def test_of_candidates_the_first_is_shown_and_finished_pictures_stay():
    view = LiveView(PICTURES)
    view.add(step([(0, 0, 0), (0, 0, 1), (0, 1, 0)], [[33], [34], [35]]))
    assert [pixels(picture) for picture in view.pictures(9)] == [whole(33), whole(35)]
    view.add(step([(0, 1, 1), (1, 0, 0)], [[36], [37]]))
    assert [pixels(picture) for picture in view.pictures(9)] == [whole(33), whole(36), whole(37)]
    assert [pixels(picture) for picture in view.pictures(2)] == [whole(36), whole(37)]
    assert view.shape == (2, 2)


def test_kept_pixels_are_there_from_the_start():
    kept = np.array([True, False, False, False, True, True])
    prompts = [Prompt(None, NOISE.integers(33, 60, 6), kept) for _ in range(2)]
    view = LiveView(PICTURES, prompts, first_row=1)
    view.add(step([(0, 0, 0)], [[prompts[1].tokens[0], 50]]))
    tokens = np.where(kept, prompts[1].tokens, PAD_ID)
    tokens[1] = 50
    assert pixels(*view.pictures(9)) == pixels(picture_of(tokens, PICTURES))


def test_a_palette_holds_while_it_is_drawn():
    view = LiveView(PICTURES, palette="000000,ff004d")
    view.add(step([(0, 0, 0)], [[33, 40]]))
    expected = recoloured([[picture_of(np.array([33, 40, 0, 0, 0, 0]), PICTURES)]], "000000,ff004d")
    assert pixels(*view.pictures(1)) == pixels(expected[0][0])
