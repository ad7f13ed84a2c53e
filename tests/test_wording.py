"""How names, values, sizes, times and reasons are spelt in messages."""

import os

import pytest

from pixace.wording import (
    clock_time,
    duration,
    first_cause,
    image_rate,
    memory_size,
    one_line,
    printable,
    quoted,
    quoted_text,
    reason,
    rounded_count,
    shortage,
    shown,
    shown_url,
    spell,
    without_middle,
)

STRANGE = "a\x1b[31m\nb\x00"


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


def test_an_address_is_shown_without_a_password_and_not_at_any_length():
    assert shown_url("http://me:secret@host/p@th?a=b@c") == "http://host/p@th?a=b@c"
    assert shown_url("http://host?a@b") == "http://host?a@b"
    assert shown_url("http://host/" + "x" * 288) == "http://host/" + "x" * 288
    assert shown_url("http://host/" + "x" * 999) == "http://host/" + "x" * 288 + "..."


def test_of_a_long_path_both_ends_are_shown():
    assert without_middle("p" * 200) == "p" * 200
    assert without_middle("begin" + "p" * 500 + "end") == f"begin{'p' * 115}...{'p' * 37}end"


def test_a_setting_is_spelt_as_its_flag():
    assert [spell(value) for value in ((5, 4, 4), [1.0], "grid", None, 2)] == [
        *("5,4,4", "1.0", "grid", "None", "2")
    ]


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        ("grid", "'grid'"),
        (STRANGE, repr(STRANGE)),
        ("x" * 500, f"'{'x' * 27}...{'x' * 28}'"),
        pytest.param(10**5000, "a number of thousands of digits", id="huge"),
        ([1, [2, [3]]], "[1, [2, [3]]]"),
    ],
)
def test_a_value_that_may_be_a_strangers_is_short(value, spelt):
    assert quoted(value) == spelt


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        ("été", r"'\xe9t\xe9'"),
        (-3, "-3"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 76}..."),
        (True, "a bool"),
        ([1], "a list"),
        (None, "a NoneType"),
    ],
)
def test_of_what_is_no_text_and_no_number_the_kind_is_told(value, spelt):
    assert quoted_text(value) == spelt


def test_text_of_strangers_is_one_line():
    assert one_line(STRANGE) == r"a\x1b[31m\nb\x00"
    assert printable(STRANGE) == "a[31mb"
    assert printable(STRANGE, instead=" ") == "a [31m b "
    assert printable(STRANGE, 3) == "a[3"


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [(21e6, "21 MB"), (1.84e6, "1.84 MB"), (1.25e9, "1.2 GB"), (46.9e9, "46.9 GB")],
)
def test_sizes(n_bytes, words):
    assert memory_size(n_bytes) == words


@pytest.mark.parametrize(
    ("seconds", "words", "clock"),
    [
        (0.04, "0.0 seconds", "0:00:00"),
        (119, "119.0 seconds", "0:01:59"),
        (120, "2.0 minutes", "0:02:00"),
        (9000, "2.5 hours", "2:30:00"),
        (3 * 86400 + 1, "3.0 days", "3 days, 0:00:01"),
    ],
)
def test_times(seconds, words, clock):
    assert duration(seconds) == words
    assert clock_time(seconds) == clock


@pytest.mark.parametrize(
    ("count", "words"),
    [(999, "999"), (1000, "1 k"), (999_600, "1 M"), (27_812_354, "27.8 M"), (2 * 10**9, "2 G")],
)
def test_counts(count, words):
    assert rounded_count(count) == words


@pytest.mark.parametrize(("rate", "words"), [(0.123456, "0.123"), (99.96, "100"), (1234.5, "1234")])
def test_speeds(rate, words):
    assert image_rate(rate) == f"{words} images/s"


def test_what_the_machine_refuses_is_told_with_its_name():
    assert reason(PermissionError(13, "Permission denied", "a\nb")) == r"a\nb: Permission denied"
    assert reason(OSError(28, "No space left on device")) == "No space left on device"
    assert reason(OSError("odd")) == "odd"
    assert reason(FileNotFoundError(2, "No such file")).startswith("the folder that this command")


def test_of_a_failure_the_first_cause_is_told():
    def fail():
        try:
            raise ConnectionRefusedError(111, "Connection\nrefused")
        except OSError as error:
            raise ValueError("a page of text") from error

    with pytest.raises(ValueError, match="a page") as caught:
        fail()
    assert first_cause(caught.value) == "Connection refused"
    assert first_cause(KeyError()) == "KeyError"


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
