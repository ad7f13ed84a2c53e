"""Captions to the tokens that a model reads."""

import numpy as np
import pytest

from pixace.tokens.text import N_TEXT_TOKENS, TEXT_PAD_ID, normalised, shortened, text_tokens


@pytest.mark.parametrize(
    ("caption", "known_as"),
    [
        ("a red heart", "a red heart"),
        ("  A Red\tHEART\n", "a red heart"),
        ("Cafe\u0301", "caf\u00e9"),
        ("STRASSE, Straße", "strasse, strasse"),
        ("\u03aa\u0301", "\u0390"),  # folding takes it apart
        ("", ""),
    ],
)
def test_captions_that_mean_the_same_are_the_same(caption, known_as):
    assert normalised(caption) == known_as
    assert normalised(known_as) == known_as


@pytest.mark.parametrize(
    ("caption", "length", "kept"),
    [
        ("red heart", 9, "red heart"),
        ("red heart", 8, "red"),
        ("red heart", 3, "red"),
        ("cat dog x", 7, "cat dog"),
        ("red heart", 2, "re"),
        ("红心 heart", 6, "红心"),
        ("红心", 5, "红"),
        ("ää", 1, ""),
    ],
)
def test_captions_are_cut_at_a_word(caption, length, kept):
    assert shortened(caption, length) == kept


def test_tokens_are_bytes_and_pads():
    tokens = text_tokens(["A b", None, "é", ""], 4)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [[98, 33, 99, 0], [0] * 4, [196, 170, 0, 0], [0] * 4]
    assert TEXT_PAD_ID == 0 and tokens.max() < N_TEXT_TOKENS


def test_any_text_has_tokens():
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    tokens = text_tokens([every], 1 << 20)
    assert tokens.min() >= 0 and tokens.max() < N_TEXT_TOKENS
