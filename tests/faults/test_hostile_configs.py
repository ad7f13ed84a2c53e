"""Model folders from strangers: what a settings file may claim, and what comes of it."""

import json
import os
import shutil

import pytest

from pixace.checkpoints.config_file import CONFIG_NAME, load_config
from pixace.cli import main
from pixace.errors import CheckpointError
from pixace.settings.model import SETTING_NAMES, ModelConfig

pytestmark = pytest.mark.fault

NUMBERS = ["image_size", "d_model", "d_ff", "n_layers", "n_heads", "kernel_size"]
NO_NUMBERS = ['"8"', "null", "true", "[8]", '{"n": 8}', "8.0", "NaN", "-Infinity", "1e999"]
TOO_LARGE = ["-1", "0", "99999999", "1" + "0" * 30, "9" * 5000]
NO_TEXT = [
    "1",
    "null",
    "[]",
    "{}",
    '"../../etc/passwd"',
    '"\\ud800"',
    '"\\u202e"',
    '"a\\nb\\u001b[2J"',
]
HUGE = '"' + "x" * 60_000 + '"'

# setting -> JSON that is none of its values
WRONG = {
    **{name: [*NO_NUMBERS, *TOO_LARGE, HUGE] for name in NUMBERS},
    "model_type": [*NO_TEXT, '"os.system"', '["reformer"]', '"reformer\\u0000"', HUGE],
    "positions": [*NO_TEXT, HUGE],
    "background": ["1", "null", '["black"]', '"../../etc/passwd"', '"rgb(1,2)"', '"#12"', HUGE],
    "bitdepth": [
        "5", "null", '"544"', "[]", "[5,4]", "[5,4,4,4]", "[5,4,NaN]", "[5,4,4.0]", "[true,4,4]",
        "[0,0,0]", "[8,8,8]", "[-1,4,4]", "[9,1,1]", '{"0":5}', "[[5],4,4]",
        "[5,4,1" + "0" * 30 + "]",
    ],
    "colours": [
        *NO_TEXT, HUGE, '"hsv:5,4"', '"rgb:9,9,9"', '"grey:0"', '["grey:4"]', '"palette:"',
        '"palette:../../etc/passwd"', '"palette:mine.gpl"', '"palette:pico-8"', '"palette:auto:0"',
        '"palette:FF004D"', '"palette:ff004d,ff004d"', '"palette:auto:99999999"', '"rgb:3,3,"',
    ],
}  # fmt: skip
SETTINGS = [
    (name, f'{{"{name}": {value}}}'.encode()) for name, values in WRONG.items() for value in values
]
NAMES = [
    (name, json.dumps({name: 1}).encode())
    for name in ("__class__", "__dict__", "n_pixels", "learning_rate", "Image_Size", "", " ")
]
TWICE = [(name, f'{{"{name}": 1, "x": 2, "{name}": 1}}'.encode()) for name in SETTING_NAMES]
NO_OBJECTS = [
    b"", b" ", b"null", b"[]", b"1", b'"x"', b"{", b'{"image_size"', b"{]", b"{'image_size': 32}",
    b"\xff", b"\xff\xfe\0", b"\x80abc", b"\0" * 100, b"\x1f\x8b\x08", b'{"image_size": 32} {}',
    b"[" * 60_000, b'{"image_size":' * 4000, b'{"a":[' * 9000, b" " * (1 << 16) + b"{}",
    b'{"x": "' + b"y" * 10_000_000 + b'"}', b'{"image_size": 32', b"{}\0", b'{"\xff": 1}',
]  # fmt: skip


def refusal(folder) -> str:
    """Loads settings that cannot be used; returns the reason, in one short line."""
    with pytest.raises(CheckpointError) as caught:
        load_config(folder)
    message = str(caught.value)
    start = f"{folder / CONFIG_NAME}: cannot use these settings: "
    assert message.startswith(start)
    assert message.isprintable()
    assert len(message) < len(start) + 300
    return message.removeprefix(start)


def test_hostile_settings_are_refused_by_file_and_name(tmp_path, tally):
    for name, data in [*SETTINGS, *NAMES, *TWICE]:
        (tmp_path / CONFIG_NAME).write_bytes(data)
        assert (name or "''") in refusal(tmp_path), data[:100]
    tally.add("settings of a stranger", len(SETTINGS) + len(NAMES) + len(TWICE))


def test_what_is_no_settings_file_is_refused(tmp_path, tally):
    for data in NO_OBJECTS:
        (tmp_path / CONFIG_NAME).write_bytes(data)
        assert refusal(tmp_path), data[:100]
    tally.add("settings of a stranger", len(NO_OBJECTS))


NO_FILES = {
    "folder": lambda path: path.mkdir(),
    "fifo": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "looping": lambda path: path.symlink_to(path),
    "gigabyte": lambda path: (path.touch(), os.truncate(path, 1 << 30)),
    "to-fifo": lambda path: (os.mkfifo(path.with_name("pipe")), path.symlink_to("pipe")),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_small_file_is_not_read(tmp_path, kind):
    NO_FILES[kind](tmp_path / CONFIG_NAME)
    assert refusal(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / CONFIG_NAME).write_bytes(b'\xef\xbb\xbf{"image_size": 8}')
    assert load_config(tmp_path).image_size == 8


@pytest.fixture
def stranger(weights_dir, tmp_path):
    """A copy of a trained model, whose settings a test replaces."""
    shutil.copytree(weights_dir / "transformer", tmp_path / "m")
    (tmp_path / "m" / CONFIG_NAME).unlink()
    return tmp_path / "m"


COMMANDS = {
    "predict": [],
    "train": ["--images={painted}/train", "--val_images={painted}/val"],
    "evaluate": ["--images={painted}/val"],
    "score": ["--images={painted}/val"],
    "plot": ["--out={out}/a.png"],
    "report": ["--out={out}/a.html"],
}


def run(command, stranger, painted) -> int:
    """Runs a command on the stranger's model; returns its exit status."""
    out = stranger.parent
    flags = [flag.format(painted=painted, out=out) for flag in COMMANDS[command]]
    return main([command, "--model_name=m", f"--weights_dir={out}", *flags])


@pytest.mark.usefixtures("_messages_as_before")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_them_in_one_line(stranger, painted, capfd, command, tally):
    """Also settings that are in range, and would take terabytes: the weights are not theirs."""
    giant = ModelConfig("transformer", 256, d_model=8192, d_ff=65536, n_layers=128).to_dict()
    path = stranger / CONFIG_NAME
    cases = {
        "d_model": b'{"d_model": 1e30}',
        "model_type": b'{"model_type": "../../x"}',
        "twice": b'{"n_heads": 2, "n_heads": 2}',
        "recursion": b"[" * 60_000,
        "image_size": json.dumps(giant).encode(),
    }
    for word, data in cases.items():
        path.write_bytes(data)
        status = run(command, stranger, painted)
        *_, line = capfd.readouterr().err.splitlines()
        assert status == (2 if word == "image_size" else 1), line
        assert word in line
        assert str(stranger) in line
        assert line.isprintable()
    path.unlink()
    os.mkfifo(path)
    assert run(command, stranger, painted) == 1
    assert "not a regular file" in capfd.readouterr().err
    tally.add("settings of a stranger", len(cases) + 1)
