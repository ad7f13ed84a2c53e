"""The figures of a folder, under the names that programs read."""

import math

import pytest

from pixace.insight.evaluation import Evaluation
from pixace.insight.likelihood import Likelihood


def test_units():
    right, without, wrong = (Likelihood(bits * math.log(2), 7) for bits in (3, 4, 5))
    plain = {
        "nats_per_pixel": pytest.approx(3 * math.log(2)),
        "bits_per_pixel": pytest.approx(3),
        "bits_per_subpixel": pytest.approx(1),
        "n_images": 7,
        "bits_per_pixel_without_caption": None,
        "bits_per_pixel_wrong_caption": None,
    }
    assert Evaluation(right).to_dict() == plain
    assert Evaluation(right, without, wrong).to_dict() == {
        **plain,
        "bits_per_pixel_without_caption": pytest.approx(4),
        "bits_per_pixel_wrong_caption": pytest.approx(5),
    }
