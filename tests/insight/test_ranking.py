"""The order of images, apart from the model that finds it."""

import math
from pathlib import Path

import numpy as np

from pixace.dataset.captions import Captions
from pixace.insight.classification import Classifier
from pixace.insight.ranking import Ranker
from pixace.pictures.folder import ImagePaths, Unreadable

PATHS = ImagePaths(Path("all"), [b"a.png", b"b.png", b"c.png", b"d.png"])
NATS = np.array([[1.0, 3], [5, 7], [3, 1]])  # of a, c and d: b cannot be read
TOKENS = np.arange(6).reshape(3, 2)


def ranked(n_surprises, classifier=None):
    ranker = Ranker(PATHS, n_surprises)
    ranker.add([*zip([0, 2], TOKENS, strict=False)], NATS)  # of which two rows count
    ranker.add([(3, TOKENS[2])], NATS[2:])
    return ranker.ranking([Unreadable(PATHS[1], "broken")], classifier)


def test_the_most_surprising_are_first_and_equal_ones_in_the_order_of_their_names():
    ranking = ranked(2)
    assert [path.name for path in ranking.paths] == ["c.png", "a.png", "d.png"]
    assert ranking.nats_per_pixel.tolist() == [6, 2, 2]
    np.testing.assert_allclose(ranking.bits_per_pixel, np.array([6, 2, 2]) / math.log(2))
    assert [(row.name, row.tokens.tolist()) for row in ranking.surprises] == [
        ("c.png", [2, 3]),
        ("a.png", [0, 1]),
    ]
    assert ranking.classification is None
    assert ranked(0).surprises == []


def test_the_likeliest_captions_are_in_the_same_order():
    classifier = Classifier(["x", "y"], 4)
    classifier.add(np.array([[1.0, 2], [2, 1], [1, 2]]), Captions([["x"], ["x"], []]))
    found = ranked(0, classifier).classification
    assert [found.text(number) for number in range(3)] == ["y", "x", "x"]
    assert found.is_right == [False, True, None]
