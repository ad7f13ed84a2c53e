"""How names are spelt in messages."""

import os

import pytest

from pixace.wording import shortage, shown


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("images/été 1.png", "images/été 1.png"),
        ("two\nlines.png", r"two\nlines.png"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        ("\ud800", r"\ud800"),
        ("http://me:secret@host/p@th?a=b@c", "http://host/p@th?a=b@c"),
        ("a@b.png", "a@b.png"),
    ],
)
def test_a_name_is_one_line_without_a_password(name, spelt):
    assert shown(name) == spelt


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "out of memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), "out of memory"),
        (RuntimeError("can't start new thread"), "no more threads"),
    ],
)
def test_what_the_machine_lacks_is_told_in_one_line(error, words):
    line = shortage(error)
    assert line.startswith(words) and "\n" not in line


def test_other_errors_are_no_shortage():
    assert shortage(RuntimeError("a mistake")) is None
