"""How names are spelt in messages."""

import os

import pytest

from pixace.errors import shown


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
