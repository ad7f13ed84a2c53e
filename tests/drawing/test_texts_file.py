"""A file of texts to draw, which may be anybody's."""

import os

import pytest

from pixace.drawing.texts_file import read_texts
from pixace.errors import UsageError

pytestmark = pytest.mark.usefixtures("here")


def write(data: bytes) -> str:
    with open("texts.txt", "wb") as file:
        file.write(data)
    return "texts.txt"


def test_a_row_for_each_line_that_says_something():
    path = write("\ufefffrog\r\n\n \n  red heart:2\nKätzchen #pixelart".encode())
    assert read_texts(path) == ("frog", "  red heart:2", "Kätzchen #pixelart")


@pytest.mark.parametrize(
    ("data", "wording"),
    [
        (b"", "no text in it; write one in each line"),
        (b" \n", "no text in it"),
        (b"\xff\xfea\0", "no text in UTF-8"),
        (b"x" * 70_000, "cannot read: larger than 65,536 bytes"),
    ],
)
def test_what_is_no_such_file_is_told(data, wording):
    with pytest.raises(UsageError, match=f"^texts texts.txt: {wording}"):
        read_texts(write(data))


def test_what_is_no_file_is_told_and_waits_for_nobody():
    os.mkfifo("fifo")
    for name, wording in (("fifo", "not a regular file"), ("gone", "No such file")):
        with pytest.raises(UsageError, match=f"^texts {name}: cannot read: {wording}"):
            read_texts(name)
    for name in ("", "a\0b", 5):
        with pytest.raises(UsageError, match="texts must name a file"):
            read_texts(name)
