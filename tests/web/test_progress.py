"""A bar on a terminal, a few plain lines elsewhere, and no trouble where nobody reads them."""

import io
import re

import pytest

from pixace.web import progress
from pixace.web.progress import download_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    """A terminal that has gone, or a pipe that is no longer read."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class ClosedTerminal(Closed):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _every_state(monkeypatch):
    """Shows each state, however soon it follows the last one."""
    monkeypatch.setattr(progress, "_SECONDS", 0)
    monkeypatch.setattr(progress, "_SECONDS_OF_LINES", 0)


@pytest.mark.usefixtures("_every_state")
def test_on_a_terminal_it_is_one_line() -> None:
    screen = Terminal()
    with download_progress(screen) as show:
        for done in (0, 50_000_000, 100_000_000):
            show(done, 100_000_000)
    shown = screen.getvalue()
    assert shown.endswith("\n") and shown.count("\n") == 1
    half, whole = re.findall(r"\r *(50%[^\r]*|100%[^\r]*)", shown)[:2]
    assert half.startswith("50%|") and "50.0M/100M" in half and "B/s]" in half
    assert whole.startswith("100%|") and "100M/100M" in whole


def test_elsewhere_it_is_a_few_lines_however_often_it_is_told() -> None:
    log = io.StringIO()
    with download_progress(log) as show:
        for done in range(0, 1001):
            show(done, 1000)
    first, last = log.getvalue().splitlines()
    assert first.startswith("0%") and last.startswith("100%")
    assert "1.00k/1.00k" in last
    assert "\r" not in log.getvalue()
    assert log.getvalue().isascii()


@pytest.mark.usefixtures("_every_state")
def test_without_a_known_size() -> None:
    log = io.StringIO()
    with download_progress(log) as show:
        show(0, None)
        show(2_500_000, None)
    assert re.match(r"2\.50MB \[", log.getvalue().splitlines()[-1])


@pytest.mark.usefixtures("_every_state")
def test_a_file_that_is_fetched_anew_starts_from_zero() -> None:
    log = io.StringIO()
    with download_progress(log) as show:
        show(700, 1000)
        show(800, 1000)
        show(0, 2000)
        show(500, 2000)
    lines = log.getvalue().splitlines()
    assert lines[0].startswith("70%")
    assert any(line.startswith("0%") for line in lines)
    assert lines[-1].startswith("25%")


def test_what_was_there_before_does_not_count_into_the_speed(monkeypatch) -> None:
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr("tqdm.std.time", lambda: next(now))
    log = io.StringIO()
    with download_progress(log) as show:
        show(900_000, 1_000_000)
        show(950_000, 1_000_000)
    speed = float(re.findall(r"([\d.]+)kB/s", log.getvalue())[-1])
    assert speed <= 5.0, "50 kB in 10 s or more"


def test_nothing_is_shown_before_a_byte_has_come() -> None:
    screen = Terminal()
    with download_progress(screen):
        pass
    assert screen.getvalue() == ""


@pytest.mark.usefixtures("_every_state")
@pytest.mark.parametrize("stream", [Closed, ClosedTerminal])
def test_a_stream_that_nobody_reads_is_no_error(stream) -> None:
    with download_progress(stream()) as show:
        for done in (0, 50, 100):
            show(done, 100)


@pytest.mark.usefixtures("_every_state")
def test_a_download_that_fails_leaves_the_next_message_a_line_of_its_own() -> None:
    screen = Terminal()

    def fail() -> None:
        with download_progress(screen) as show:
            show(10, 100)
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert screen.getvalue().endswith("\n")
