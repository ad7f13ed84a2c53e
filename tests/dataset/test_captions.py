"""The captions of many pictures."""

import numpy as np
import pytest

from pixace.dataset.captions import Captions

FEW = Captions([["a cat", "größe"], [], ["dog"]])


def test_each_picture_has_its_alternatives():
    assert [*FEW] == [("a cat", "größe"), (), ("dog",)]
    assert len(FEW) == 3
    assert FEW[np.int64(2)] == ("dog",)
    for number in (3, -1):
        with pytest.raises(IndexError):
            FEW[number]


def test_some_are_selected_and_minus_one_has_none():
    assert [*FEW.select([2, -1, 0, 2])] == [("dog",), (), ("a cat", "größe"), ("dog",)]


def test_the_first_of_each_are_read_by_the_model():
    tokens = FEW.spread_tokens(3, 4)
    assert tokens.tolist() == [[98, 0, 0, 0], [0] * 4, [101, 112, 104, 0]]
    assert FEW.spread_tokens(2, 4).tolist() == tokens[:2].tolist()


def test_different_ones_are_from_all_over_the_set():
    many = Captions([[f"number {n}", "another"] if n % 3 else [] for n in range(90)])
    assert many.different(3) == ["number 1", "number 31", "number 61"]
    classes = Captions([[name] for name in ["cat"] * 50 + ["dog"] * 3 + ["eel"] * 7])
    assert sorted(classes.different(8)) == ["cat", "dog", "eel"]
    assert classes.different(2) == ["cat", "dog"]
    for nothing in (Captions(), Captions([[], []])):
        assert nothing.different(8) == []
