"""What a terminal shows: a real pseudo-terminal, and a small one of our own to read its screen."""

import contextlib
import io
import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from pixace.system.terminal import (
    LiveLine,
    can_redraw,
    columns,
    half_blocks,
    has_all_colours,
    rows,
    why_no_pictures,
)
from tests.tools.screens import lines_on_screen, output_until, resize, terminal

COLOURS = {"TERM": "xterm-256color"}


def shown(stream, screen, width: int) -> list[str]:
    """Returns the lines on the screen once everything written up to now has arrived there."""
    stream.write("\a")
    stream.flush()
    output = output_until(screen.fileno(), lambda text: text.endswith("\a"))
    return lines_on_screen(output.removesuffix("\a"), width)


def test_what_a_stream_can_show():
    with terminal(60) as (stream, screen):
        assert can_redraw(stream, COLOURS)
        assert why_no_pictures(stream, COLOURS) is None
        assert (columns(stream), rows(stream)) == (60, 24)
        resize(screen.fileno(), 33)
        assert columns(stream) == 33
        assert not can_redraw(stream, {"TERM": "dumb"})
        assert not can_redraw(stream, {})
        assert why_no_pictures(stream, {"TERM": "dumb"}) == "TERM is dumb"
        assert why_no_pictures(stream, {}) == "TERM is not set"
        assert can_redraw(stream, {**COLOURS, "NO_COLOR": "1"}), "no colour, but still a terminal"
        assert why_no_pictures(stream, {**COLOURS, "NO_COLOR": "1"}) == "NO_COLOR is set"
        assert why_no_pictures(stream, {**COLOURS, "NO_COLOR": ""}) is None
        stream.reconfigure(encoding="ascii")
        assert "ascii, not UTF-8" in why_no_pictures(stream, COLOURS)


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_files_and_closed_streams_are_no_terminals(stream):
    assert not can_redraw(stream, COLOURS)
    assert why_no_pictures(stream, COLOURS) == "stderr is no terminal"


def test_a_terminal_of_unknown_size_is_an_ordinary_one():
    with terminal(0) as (stream, _):
        assert columns(stream) == 80


# --- pictures -----------------------------------------------------------------------------------


def pixels_of(text: str) -> np.ndarray:
    """Returns the colour codes of the pixels that a text draws, (H, W)."""
    rows = []
    for line in text.splitlines():
        upper, lower, colours = [], [], ("", "")
        for part in line.removesuffix("\x1b[0m").split("\x1b[")[1:]:
            code, blocks = part.split("m")
            upper_code, lower_code = code.removeprefix("38;").split(";48;")
            colours = upper_code, lower_code
            assert set(blocks) == {"▀"}
            upper += [colours[0]] * len(blocks)
            lower += [colours[1]] * len(blocks)
        rows += [upper, lower]
    return np.array(rows)


@pytest.mark.parametrize("height", [6, 7])
def test_every_pixel_is_half_a_character(height):
    rng = np.random.default_rng(0)
    colours = rng.choice([0, 128, 255], (height, 9, 3)).astype(np.uint8)
    drawn = pixels_of(half_blocks(Image.fromarray(colours), 9, all_colours=True))
    expected = [[f"2;{r};{g};{b}" for r, g, b in row] for row in colours]
    np.testing.assert_array_equal(drawn[:height], expected)
    assert len(drawn) == 2 * -(-height // 2)
    assert set(drawn[height:].ravel()) <= {"2;0;0;0"}


@pytest.mark.parametrize(
    ("colour", "number"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 231),
        ((255, 0, 0), 196),
        ((95, 135, 175), 67),
        ((100, 140, 170), 67),
        ((128, 128, 128), 244),
        ((8, 8, 8), 232),
        ((240, 240, 240), 255),
    ],
)
def test_256_colours_take_the_nearest(colour, number):
    text = half_blocks(Image.new("RGB", (1, 2), colour), 80, all_colours=False)
    assert pixels_of(text).tolist() == [[f"5;{number}"], [f"5;{number}"]]


def test_a_picture_is_made_smaller_but_not_larger():
    picture = Image.new("RGB", (90, 60), "red")
    assert pixels_of(half_blocks(picture, 45, True)).shape == (30, 45)
    assert pixels_of(half_blocks(picture, 200, True)).shape == (60, 90)
    assert set(pixels_of(half_blocks(picture, 7, True)).ravel()) == {"2;255;0;0", "2;0;0;0"}


def test_a_colour_that_stays_is_named_once():
    assert half_blocks(Image.new("RGB", (50, 2), "red"), 80, True).count("\x1b[38") == 1


def test_the_number_of_colours():
    assert has_all_colours({"COLORTERM": "truecolor"})
    assert not has_all_colours({"TERM": "xterm-256color"})
    assert has_all_colours({"TERM": "xterm-kitty"}), "which is known over SSH, too"
    assert has_all_colours({"TERM": "xterm-direct"})


# --- the live line ------------------------------------------------------------------------------


def test_the_line_changes_in_place_and_other_text_scrolls_by_above_it():
    with terminal(20) as (stream, screen), LiveLine(stream) as line:
        line.show(lambda width: f"one of {width}")
        line.show(lambda width: "2")
        assert shown(stream, screen, 20) == ["2"]
        with contextlib.redirect_stderr(line):
            print("a warning", file=sys.stderr)
            print("begun, ", end="", file=sys.stderr)
            line.show(lambda width: "three")
            print("ended", file=sys.stderr)
        stream.flush()
        line.show(lambda width: "a very long line that is cut"[:width])
        # What came before has been read: the screen begins with the line that was there.
        assert shown(stream, screen, 20) == ["a warning", "begun, ended", "a very long line th"]


def test_several_lines_change_in_place():
    with terminal(20) as (stream, screen):
        with LiveLine(stream) as line:
            line.show(lambda width: "one\ntwo\nthree")
            line.write("above\n")
            line.show(lambda width: "four\nfive")
        stream.write("\a")
        stream.flush()
        output = output_until(screen.fileno(), lambda text: text.endswith("\a"))
    before_the_end = output[: output.rindex("five") + 4]
    assert lines_on_screen(before_the_end, 20) == ["above", "four", "five"]
    assert lines_on_screen(output.removesuffix("\a"), 20) == ["above", ""], "they are gone"


def test_the_line_is_gone_at_the_end():
    with terminal(20) as (stream, screen):
        with contextlib.suppress(KeyboardInterrupt), LiveLine(stream) as line:
            line.write("before\n")
            line.show(lambda width: "here")
            raise KeyboardInterrupt
        assert shown(stream, screen, 20) == ["before", ""]


def test_half_a_line_is_not_lost_at_the_end():
    with terminal(20) as (stream, screen):
        with LiveLine(stream) as line:
            line.show(lambda width: "here")
            line.write("half a line")
            line.show(lambda width: "not here")
        assert shown(stream, screen, 20) == ["half a line"]


def test_the_width_is_that_of_the_moment():
    widths = []
    with terminal(50) as (stream, screen), LiveLine(stream) as line:
        line.show(lambda width: widths.append(width) or "x" * width)
        resize(screen.fileno(), 30)
        line.write("text\n")
        assert widths == [49, 29]
        assert shown(stream, screen, 50) == ["text", "x" * 29]


def test_a_signal_in_the_middle_of_writing_can_write_too():
    """Python's streams refuse to be entered again."""

    class Slow(io.StringIO):
        is_inside = False

        def write(self, text):
            assert not self.is_inside, "reentrant call"
            self.is_inside = True
            if text == "first\n":
                signal.raise_signal(signal.SIGUSR1)
            self.is_inside = False
            return super().write(text)

    line = LiveLine(stream := Slow())
    previous = signal.signal(signal.SIGUSR1, lambda *_: line.write("second\n"))
    try:
        line.write("first\n")
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert stream.getvalue() == "first\nsecond\n"


def test_a_terminal_that_has_gone_does_not_end_a_training():
    with terminal(20) as (stream, screen), LiveLine(stream) as line:
        line.show(lambda width: "here")
        screen.close()
        with pytest.raises(OSError, match="Input/output error"):
            os.write(stream.fileno(), b"x")
        line.show(lambda width: "there")
        line.write("text\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for the stream's own end
