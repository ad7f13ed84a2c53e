"""`pixace train` beside a terminal and without one."""

import os
import re
import subprocess
import sys

import pytest

from pixace.cli import main
from tests.conftest import flags_of
from tests.tools.patience import PATIENCE
from tests.tools.screens import lines_on_screen, output_until, terminal

WIDTH = 60


@pytest.mark.usefixtures("_messages_as_before")
def test_a_file_gets_plain_lines_and_no_pictures(painted, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    words = flags_of(painted, tmp_path, "m", n_epochs=1)
    assert main([*words[words.index("train") :], "--preview"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'm'}\n"
    assert all(line.isprintable() for line in err.splitlines())
    assert err.count("--preview needs a terminal with colours, and stderr is no terminal") == 1
    assert re.findall(r"^epoch \d: step \d", err, re.MULTILINE) == ["epoch 1: step 3"]


@pytest.mark.slow
@pytest.mark.usefixtures("_messages_as_before")
def test_a_terminal_without_colours_keeps_its_live_line(painted, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    words = flags_of(painted, tmp_path, "m", n_epochs=1)
    with terminal(WIDTH) as (stream, screen):
        monkeypatch.setattr(sys, "stderr", stream)
        assert main([*words[words.index("train") :], "--preview"]) == 0
        stream.write("\a")
        stream.flush()
        output = output_until(screen.fileno(), lambda text: text.endswith("\a"))
    assert "\x1b[38" not in output and "▀" not in output
    assert "epoch 1/1  step 3/3" in output
    text = "".join(lines_on_screen(output.removesuffix("\a"), WIDTH))
    assert text.startswith("warning: --preview needs a terminal with colours, and NO_COLOR is set")
    assert "step 3/3" not in text, "the line is gone"
    assert capsys.readouterr().out == f"{tmp_path / 'm'}\n"


@pytest.mark.slow
def test_ctrl_c_on_a_terminal(painted, tmp_path):
    """A process of its own, with a terminal of its own, on which somebody presses Ctrl-C."""
    command = [*flags_of(painted, tmp_path, "m", n_epochs=10_000), "--preview"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment.pop("NO_COLOR", None)
    with terminal(WIDTH) as (stream, screen):
        tty = os.ttyname(stream.fileno())
        process = subprocess.Popen(
            # The first terminal that the leader of a session opens is the one with its Ctrl-C.
            ["sh", "-c", f'exec "$@" <{tty} 2>{tty}', "sh", *command],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        output = output_until(screen.fileno(), lambda text: "epoch 2: step 6" in text)
        os.write(screen.fileno(), b"\x03")
        stream.close()
        output += output_until(screen.fileno(), lambda text: False)  # to the end
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    live = re.findall(r"\r\x1b\[J([^\x1b\r\n]+)\r(?!\n)", output)
    assert any(re.fullmatch(r"epoch 1  step 1  \d\.\d+ bits/pixel", line) for line in live)
    assert any("drawing samples" in line for line in live)
    assert max(map(len, live)) < WIDTH

    lines = lines_on_screen(output, WIDTH)
    text = "".join(lines)
    for words in ("device: ", "3.95 k weights", "20 images to train on", "--logdir="):
        assert words in text
    assert re.search(r"stopped by SIGINT and saved at step \d+; the same command goes on, wi", text)
    assert "bits/pixel" not in text, "the line is gone"
    pictures = [line for line in lines if "▀" in line]
    assert set(pictures) == {"▀" * (4 * 8)}
    assert len(pictures) >= 8, "two rows of pictures, of eight pixels each, after an epoch"
