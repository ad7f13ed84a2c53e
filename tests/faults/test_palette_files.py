"""A palette's file that cannot be used: exit code 2 and one line, whatever command names it."""

import logging

import pytest

from pixace.cli import main
from tests.pictures.test_palettes import BAD

COMMANDS = {
    "train": ("--images={images}", "--weights_dir=new", "--model_name=m", "--colours=palette:{}"),
    "quantize": ("--images={images}", "--colours=palette:{}"),
    "predict": ("--weights_dir={weights}", "--model_name=transformer", "--palette={}"),
    "check": ("--images={images}", "--colours=palette:{}"),
}


@pytest.fixture
def run(painted, weights_dir, tmp_path, monkeypatch, capsys):
    """Runs a command with a palette's file; returns its exit code, stdout and stderr."""
    logger = logging.getLogger("pixace")
    before = logger.handlers[:], logger.level, logger.propagate
    monkeypatch.chdir(tmp_path)

    def run_command(command, name):
        places = {"images": painted / "train", "weights": weights_dir}
        code = main([command, *(word.format(name, **places) for word in COMMANDS[command])])
        return code, *capsys.readouterr()

    yield run_command
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_with_2_and_one_line_and_nothing_is_written(command, run, tmp_path):
    files = {**{name: data for name, (data, _) in BAD.items()}, "gone.gpl": None}
    for name, data in files.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        code, out, messages = run(command, name)
        assert (code, out, messages.count("\n")) == (2, "", 1), (name, messages)
        assert messages.startswith(f"pixace: {name}: ") and len(messages) < 200
    assert {path.name for path in tmp_path.iterdir()} == {*BAD}
