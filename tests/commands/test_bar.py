"""The bar of a command: on a terminal only, and out of the way of messages."""

import io
import sys

import pytest

from pixace.commands.bar import progress_bar
from tests.tools.screens import lines_on_screen, output_until, terminal


def test_it_shows_how_far_work_has_come_and_goes(monkeypatch):
    with terminal(60) as (stream, shown):
        monkeypatch.setattr(sys, "stderr", stream)
        print("before", file=stream)
        with progress_bar("img", "reading") as progress:
            progress(0, 4)
            stream.flush()
            output = output_until(shown.fileno(), lambda text: "4 [" in text)
            assert "reading:   0%" in lines_on_screen(output, 60)[1]
            progress(4, 4)
            print("after", file=stream, flush=True)
        output += output_until(shown.fileno(), lambda text: "after" in text)
    assert [line.rstrip() for line in lines_on_screen(output, 60)][:2] == ["before", "after"]


def test_without_progress_there_is_no_bar(monkeypatch):
    with terminal(60) as (stream, shown):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar("img"):
            print("a message", file=stream, flush=True)
        output = output_until(shown.fileno(), lambda text: "message" in text)
    assert [line for line in lines_on_screen(output, 60) if line] == ["a message"]


def test_a_failure_takes_the_bar_away(monkeypatch):
    def fail():
        with progress_bar("img") as progress:
            progress(1, 4)
            raise ZeroDivisionError

    with terminal(60) as (stream, shown):
        monkeypatch.setattr(sys, "stderr", stream)
        with pytest.raises(ZeroDivisionError):
            fail()
        print("told", file=stream, flush=True)
        output = output_until(shown.fileno(), lambda text: "told" in text)
    assert [line.rstrip() for line in lines_on_screen(output, 60) if line.strip()] == ["told"]


def test_a_file_gets_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("img") as progress:
        progress(1, 2)
        progress(2, 2)
        assert sys.stderr.getvalue() == ""
