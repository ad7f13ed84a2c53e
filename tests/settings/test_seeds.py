"""Words as seeds."""

import hashlib
import logging

import pytest

from pixace.errors import UsageError
from pixace.settings.checks import MAX_SEED
from pixace.settings.seeds import seed_of


def test_words_stand_for_a_number_that_is_said(caplog):
    with caplog.at_level(logging.INFO):
        seed = seed_of("a red heart")
    digest = hashlib.sha512(b"a red heart").hexdigest()
    assert seed == int(digest, 16) % 2**31
    assert caplog.messages == [f"seed 'a red heart' is {seed}"]


@pytest.mark.parametrize(
    "words", ["ä", "日本", "3 hearts", "-", "nan", "a\nb", "\udcff", "x" * 10**5, "1" * 10**5 + "x"]
)
def test_any_words_will_do(words):
    assert 0 <= seed_of(words) <= MAX_SEED
    assert seed_of(words) == seed_of(words) != seed_of(words + ".")


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("007", 7), (" 7 ", 7), ("-7", -7), ("0x1F", 31), ("0o17", 15)]
)
def test_digits_are_their_number(text, number, caplog):
    assert seed_of(text) == number
    assert not caplog.messages


@pytest.mark.parametrize("value", [None, 3, 1.5, True])
def test_what_is_no_text_is_left_to_the_settings(value):
    assert seed_of(value) is value


@pytest.mark.parametrize("text", ["", "  ", "1__2", "1.5", "-1e3", "9" * 5000, "a\ud800"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(UsageError, match="seed"):
        seed_of(text)
