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


def test_another_pictures_caption_is_that_half_the_set_further_on_or_the_next_that_differs():
    captions = Captions([["a"], ["b"], ["c", "d"], ["a"], [], ["b"]])
    # Of 0 it would be 3, which has the same; 4 has none; of 1 it would be 4, which has none.
    assert [*captions.of_others()] == [("b",), ("a",), ("b",), ("b",), (), ("c",)]
    # Alternatives are a picture's own, too; the set goes on at its start.
    assert [*Captions([["c"], ["a", "b"], ["b"], ["b"]]).of_others()] == [
        ("b",),
        ("c",),
        ("c",),
        ("a",),
    ]


@pytest.mark.parametrize(
    "texts", [[], [["a"]], [[], []], [["a"], ["a"], []], [["a", "b"], ["b", "a"]]]
)
def test_where_all_have_the_same_there_is_no_other(texts):
    assert [*Captions(texts).of_others()] == [()] * len(texts)


def test_the_other_is_the_same_that_a_walk_through_the_set_finds():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 40):
        rows = [[*map(str, rng.permutation(4)[: rng.integers(0, 4)])] for _ in range(size)]
        expected = []
        for number, own in enumerate(rows):
            walk = [rows[(number + size // 2 + step) % size][:1] for step in range(size)]
            others = [first for first in walk if first and first[0] not in own]
            expected.append(tuple(others[0]) if own and others else ())
        assert [*Captions(rows).of_others()] == expected


def test_pictures_of_two_captions_that_alternate_cost_no_walk_each():
    rows = [["a", "b", str(n)] if n % 2 else ["b", "a", str(n)] for n in range(30_000)]
    *others, last = Captions([*rows, ["c"]]).of_others()
    assert {*others} == {("c",)} and last == ("a",)
