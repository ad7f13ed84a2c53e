"""Pictures on a terminal while they are drawn: what is on its screen, and what is left there."""

import contextlib
import io
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from pixace.cli import main
from pixace.commands.preview import can_preview, live_pictures, show_pictures, spelt
from tests.tools.screens import lines_on_screen, output_until, terminal

WIDTH = 40


class View:
    """Red pictures under way, of 3 pixels by 4."""

    size = (3, 4)

    def __init__(self, n_done=5, n_rows=2):
        self.n_done, self.n_total, self.shape = n_done, 20, (n_rows, 1)

    def pictures(self, most):
        return [Image.new("RGB", self.size, "red")] * min(most, self.shape[0])


@pytest.fixture(autouse=True)
def _in_colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def on_screen(work, monkeypatch) -> tuple[list[str], str]:
    """Returns the lines that are on a terminal once something has been done, and all output."""
    with terminal(WIDTH) as (stream, screen), ThreadPoolExecutor(1) as pool:
        # Beside the work, which waits where nobody reads what it writes.
        reading = pool.submit(output_until, screen.fileno(), lambda text: text.endswith("\a"))
        monkeypatch.setattr(sys, "stderr", stream)
        try:
            work()
        finally:
            stream.write("\a")
            stream.flush()
        output = reading.result().removesuffix("\a")
    return lines_on_screen(output, WIDTH), output


def size_of(text: str) -> tuple[int, int]:
    """Returns the width and the height of half blocks, empty lines included."""
    lines = text.splitlines()
    return max(line.count("▀") for line in lines), len(lines)


def some(n, size):
    return lambda most: [Image.new("RGBA", size)] * min(n, most)


@pytest.mark.parametrize(
    ("shape", "size", "room", "expected"),
    [
        ((1, 1), (16, 16), (79, 22), (32, 16)),  # twice as large
        ((1, 1), (8, 8), (79, 22), (24, 12)),  # three times, and no more
        ((2, 1), (16, 16), (79, 22), (64, 16)),
        ((7, 1), (16, 16), (79, 22), (64, 17)),  # four across, an empty line between
        ((3, 3), (16, 16), (79, 40), (48, 26)),  # rows stay rows
        ((1, 9), (16, 16), (79, 40), (64, 26)),  # if there is room for one
        ((100, 1), (16, 16), (79, 22), (64, 17)),
        ((1, 1), (128, 128), (79, 22), (44, 22)),  # smaller, as the room is
        ((1, 1), (128, 32), (79, 22), (79, 10)),
        ((1, 1), (16, 16), (5, 1), (2, 1)),
    ],
)
def test_pictures_fit_into_the_room(shape, size, room, expected):
    assert size_of(spelt(some(shape[0] * shape[1], size), shape, size, *room)) == expected


def test_what_is_transparent_is_chequered():
    text = spelt(some(1, (30, 30)), (1, 1), (30, 30), 40, 22)
    assert "150;150;150" in text and "120;120;120" in text


def test_pictures_change_in_place_above_a_line_of_progress(monkeypatch):
    now = [0.0]

    def work():
        with live_pictures(lambda: now[0]) as show:
            show(View(5))
            show(View(6))  # too soon
            now[0] += 1
            print("a message", file=sys.stderr)
            show(View(10))
            show(View(20))  # too soon, but the last

    lines, output = on_screen(work, monkeypatch)
    assert lines == ["a message", ""], "all else is gone"
    assert [f"{share}%" in output for share in (25, 30, 50, 100)] == [True, False, True, True]
    before_the_end = output[: output.rindex("100%") + len("100% of 20 px")]
    pictures, progress = lines_on_screen(before_the_end, WIDTH)[1:-1], "drawing: 100% of 20 px"
    assert pictures == ["▀" * 9 + " " + "▀" * 9] * 6
    assert lines_on_screen(before_the_end, WIDTH)[-1] == progress


def test_a_slow_connection_gets_fewer_frames(monkeypatch):
    now = [0.0]

    def work():
        view = View(n_rows=100)
        view.size = (38, 40)
        view.pictures = lambda most: [Image.effect_noise((38, 40), 99).convert("RGB")]
        with live_pictures(lambda: now[0]) as show:
            for _ in range(100):
                show(view)
                now[0] += 0.02

    _, output = on_screen(work, monkeypatch)
    assert 5 < output.count("drawing:") < 30
    assert len(output) < 2 * 200_000 + 50_000


def test_a_failure_takes_everything_away(monkeypatch):
    def work():
        with contextlib.suppress(KeyboardInterrupt), live_pictures() as show:
            show(View())
            raise KeyboardInterrupt

    lines, output = on_screen(work, monkeypatch)
    assert "▀" in output
    assert lines == [""]


def test_results_stay_and_more_are_counted(monkeypatch):
    results = [[Image.new("RGB", (16, 16))]] * 7

    lines, _ = on_screen(lambda: show_pictures(results), monkeypatch)
    assert lines == [*["▀" * 16 + " " + "▀" * 16] * 8, "", *["▀" * 16 + " " + "▀" * 16] * 8,
                     "and 3 more", ""]  # fmt: skip
    lines, _ = on_screen(lambda: show_pictures(results[:1]), monkeypatch)
    assert lines == ["▀" * 32] * 16 + [""]


def test_without_a_terminal_it_says_so_once_and_draws(weights_dir, tmp_path, capsys, monkeypatch):
    words = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=1"]
    out = tmp_path / "a.png"
    assert main([*words, "--preview", f"--out={out}"]) == 0
    assert capsys.readouterr() == (
        f"{out}\n",
        "warning: --preview needs a terminal with colours, and stderr is no terminal\n",
    )
    plain = out.read_bytes()

    lines, output = on_screen(lambda: main([*words, "--preview", f"--out={out}"]), monkeypatch)
    assert out.read_bytes() == plain
    assert lines == ["▀" * 18] * 9 + [""], "the picture, and no progress"
    assert output.count("drawing:") >= 2
    assert capsys.readouterr().out == f"{out}\n"


def test_the_reason_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        assert not can_preview(io.StringIO())
    assert caplog.messages == ["--preview needs a terminal with colours, and stderr is no terminal"]
