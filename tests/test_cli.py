"""The command line: help, one line for a mistake, nothing heavy before it is needed."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from absl import flags
from PIL import Image

from pixace import __version__
from pixace.cli import main
from pixace.commands import COMMANDS, evaluate, predict, train
from pixace.settings.model_types import TYPE_DEFAULTS, spelled_defaults
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.usefixtures("_messages_as_before")

HEAVY = ("trax", "jax", "tensorflow", "requests", "tqdm", "matplotlib")

LOCATION = {
    "model_name": None,
    "weights_dir": "model-weights",
    "model_dir": "model-weights",
    "max_checkpoint_mb": None,
}
MODEL = {
    "model_type": "reformer",
    "image_size": "32",
    "bitdepth": "5,4,4",
    "colours": None,
    "d_model": None,
    "d_ff": None,
    "n_layers": None,
    "n_heads": None,
    "kernel_size": None,
    "background": "black",
    "positions": None,
    "alpha": "false",
    "fit": "squash",
    "scan": "rows",
    "caption_length": None,
}
NEW_MODEL = {**MODEL, "model_type": "pointer"}
STEP = {
    "images": "images/train",
    "batch_size": "16",
    "accumulate": "1",
    "precision": "float32",
    "recompute": None,
    "dropout": "0.1",
    "steps_per_epoch": "1000",
    "minutes": None,
}
READING = {"grid": None, "frames": "first", "unscale": "false"}
COMMON = {"verbose": "false"}
SWITCHES = {
    "verbose",
    "allow_private_urls",
    "recompute",
    "mirror",
    "roll",
    "unscale",
    "preview",
    "measure",
    "open",
    "json",
    "receptive_field",
    "alpha",
    "labels",
}
# command -> flag -> default, or None where there is none
FLAGS = {
    "completion": {"shell": "bash"},
    "download": {**LOCATION, "checkpoint": None, "url": None, "sha256": None, "zoo": None},
    "train": {
        **LOCATION,
        **NEW_MODEL,
        **STEP,
        **READING,
        "val_images": "images/val",
        "n_epochs": "10000",
        "steps_per_eval": None,
        "checkpoint": None,
        "cache_dir": None,
        "learning_rate": "0.005",
        "warmup_steps": "400",
        "optimizer": "adam",
        "schedule": "rsqrt",
        "seed": None,
        "mirror": "false",
        "roll": "false",
        "captions": "auto",
        "caption_dropout": "0.1",
        "keep_checkpoints": "5",
        "preview": "false",
        "coordinator": None,
        "num_processes": None,
        "process_id": None,
    },
    "plan": {
        **NEW_MODEL,
        **STEP,
        **READING,
        "memory": None,
        "measure": "false",
        "json": "false",
    },
    "predict": {
        **LOCATION,
        **MODEL,
        **READING,
        "batch_size": "1",
        "n_images": "1",
        "best_of": None,
        "checkpoint": None,
        "prompt": "",
        "allow_private_urls": "false",
        "nearest": None,
        "cache_dir": None,
        "cut": None,
        "keep": None,
        "mask": None,
        "init": None,
        "init_strength": None,
        "overlay": None,
        "particles": None,
        "sweep": None,
        "quality": None,
        "preview": "false",
        "temperature": "1.0",
        "scale": "256",
        "palette": None,
        "out": "collage.png",
        "like": None,
        "film": None,
        "sheet": None,
        "drafts": "auto",
        "json": "false",
        "seed": None,
        "top_k": "0",
        "top_p": "1.0",
        "text": None,
        "texts": None,
        "class": None,
        "guidance": "1.0",
        "best_of_by": "picture",
        "labels": "false",
        "symmetry": "none",
        "tile": "none",
    },
    "evaluate": {
        **LOCATION,
        **MODEL,
        **READING,
        "captions": "auto",
        "batch_size": "8",
        "checkpoint": None,
        "images": None,
        "json": "false",
    },
    "plot": {
        **LOCATION,
        **MODEL,
        "model_name": "",
        "out": "curves.png",
        "receptive_field": "false",
    },
    "export": {
        **LOCATION,
        **MODEL,
        "checkpoint": None,
        "format": "safetensors",
        "out": None,
    },
    "report": {**LOCATION, "out": "report.html"},
    "serve": {**LOCATION, "port": "8000", "host": "127.0.0.1", "open": "false"},
    "quantize": {
        **READING,
        "images": None,
        "bitdepth": None,
        "colours": None,
        "image_size": "32",
        "fit": "squash",
        "background": "black",
        "alpha": "false",
        "n_images": "8",
        "scale": "128",
        "out": "quantised.png",
        "palette_out": None,
    },
}


def pixace(*words, cwd=ROOT, **options):
    """Runs the command as a user does, from any folder; returns the finished process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    environment.pop("PYTHONUNBUFFERED", None)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        [sys.executable, "-m", "pixace", *words],
        cwd=cwd,
        env=environment,
        text=True,
        timeout=PATIENCE,
        **options,
    )


def refused(exit_code, *words, cwd=ROOT):
    """Runs a command, in this process, that must fail with one line; returns that line."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        returned = main(words)
    assert out.getvalue() == ""
    return told(exit_code, returned, err.getvalue())


def told(exit_code, returned, errors):
    """Checks that a failure was told in one line; returns that line."""
    assert returned == exit_code, errors
    assert errors.startswith("pixace: ")
    assert errors.endswith("\n")
    assert errors[:-1].isprintable(), "one line"
    return errors.removeprefix("pixace: ").rstrip("\n")


# --- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",), ("--helpfull",)])
def test_the_overview_lists_the_commands(words):
    done = pixace(*words)
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert listed == list(COMMANDS)
    assert "usage: pixace COMMAND --flags" in done.stdout


def test_the_version():
    done = pixace("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pixace {__version__}\n", "")


@pytest.mark.parametrize("command", FLAGS)
def test_help_lists_a_command_s_flags_with_their_defaults(command):
    done = pixace(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: pixace {command} --flags\n")
    listed = {}
    lines = done.stdout.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  --"):
            name, equals, default = line.removeprefix("  --").partition("=")
            listed[name] = default if equals else None
            assert below.startswith("      "), f"--{name} is explained"
    assert listed == FLAGS[command] | COMMON


@pytest.mark.parametrize("command", FLAGS)
def test_full_help_lists_them_too(command):
    done = pixace(command, "--model_name=x", "--helpfull")
    assert (done.returncode, done.stderr) == (0, "")
    for name, default in (FLAGS[command] | COMMON).items():
        start = done.stdout.index(f"  --{'[no]' * (name in SWITCHES)}{name}: ")
        explained = done.stdout[start:].split("\n  --")[0]
        assert default is None or f"(default: '{default}')" in explained, name


def test_help_names_the_defaults_of_each_model_type():
    listed = " ".join(pixace("train", "--help").stdout.split())
    settings = {name for defaults in TYPE_DEFAULTS.values() for name in defaults}
    for name in settings:
        assert f"(default: {spelled_defaults(name)})" in listed, name


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("predict", "--helpfull")])
def test_a_reader_that_goes_away_is_no_error_to_talk_about(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = pixace(*words, stdout=writer)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode in (0, 1, 141)


def test_closed_output_is_no_traceback():
    command = f"{sys.executable} -m pixace --help >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_results_that_cannot_be_written_are_one_line():
    with open("/dev/full", "wb") as full:
        done = pixace("train", "--help", stdout=full)
    assert (done.returncode, done.stderr) == (1, "pixace: No space left on device\n")


def test_results_need_no_particular_encoding(tmp_path, monkeypatch):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", "--images=.", "--out=é.png"]) == 0
    assert output.buffer.getvalue().startswith(rb"\xe9.png: 1 picture")


# --- wrong usage --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit_code", "words", "line"),
    [
        (2, ("trian",), "unknown command 'trian'; did you mean train?"),
        (
            1,
            ("predict", "--model_name=nobody"),
            "model-weights/nobody: no such model; train or download it first",
        ),
    ],
)
def test_a_process_ends_with_one_line_and_its_exit_code(exit_code, words, line):
    done = pixace(*words)
    assert done.stdout == ""
    assert told(exit_code, done.returncode, done.stderr) == line


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("trian",), "unknown command 'trian'; did you mean train?"),
        (("Predict", "--batch_size=2"), "unknown command 'Predict'; did you mean predict?"),
        (
            ("xyz",),
            "unknown command 'xyz'; commands are download, check, quantize, train, plan, predict",
        ),
        (("--model_name=x",), "unknown command '--model_name=x'; commands are download"),
        (("two\nlines",), r"unknown command 'two\nlines'"),
        (("train", "--image_sise=16"), "'image_sise'. Did you mean: image_size"),
        (("predict", "--prompts=a.png"), "'prompts'. Did you mean: prompt"),
        (("evaluate", "--batchsize=2"), "'batchsize'. Did you mean: batch_size"),
        (("train", "--qqq"), "'qqq' (see: pixace train --help)"),
        (("train", "--two\nlines"), "(see: pixace train --help)"),
        (("train", "folder"), "unexpected argument 'folder' (see: pixace train --help)"),
        (("train", "two\nlines"), r"unexpected argument 'two\nlines'"),
        (("predict", "--model_name"), "Missing value for flag --model_name"),
        (("train", "--flagfile=/nowhere/flags"), "/nowhere/flags"),
    ],
)
def test_unknown_words_are_told_with_a_suggestion(words, advice):
    assert advice in refused(2, *words)


def album(folder, n_images=1):
    """Makes a folder of small images."""
    folder.mkdir(parents=True)
    for index in range(n_images):
        Image.new("RGB", (8, 8), (index, 2, 3)).save(folder / f"{index}.png")
    return folder


@pytest.mark.parametrize(
    ("flag", "wording"),
    [
        ("--image_size=abc", "--image_size=abc"),  # an integer
        ("--image_size=1.5", "--image_size=1.5"),
        ("--image_size=", "--image_size="),
        ("--image_size=0", "image_size must be from 1 to 256, not 0"),
        ("--image_size=32x0", "image_size must be from 1 to 256, not 0"),
        (
            "--image_size=32x",
            "image_size must be one number, or a width and a height such as",
        ),
        ("--image_size=32,18", "--image_size=32,18: not a whole number, nor a width and height"),
        ("--fit=stretch", "--fit=stretch: value should be one of <squash|crop|pad>"),
        ("--batch_size=0", "batch_size must be from 1 to 1000000, not 0"),
        ("--n_heads=7", "multiple of n_heads, not 512 with 7 heads"),
        ("--seed=-1", "seed must be from 0 to 2147483647, not -1"),
        ("--dropout=lots", "--dropout=lots"),  # a number
        ("--dropout=1", "dropout must be from 0.0 to 0.95, not 1.0"),
        ("--learning_rate=nan", "learning_rate must be from 1e-09 to 10.0, not nan"),
        ("--mirror=maybe", "--mirror=maybe"),  # yes or no
        ("--model_type=gpt", "--model_type=gpt: value should be one of <transformer|reformer|"),
        ("--bitdepth=5,4", "bitdepth must be three numbers"),  # a list
        ("--bitdepth=", "bitdepth must be three numbers"),
        ("--bitdepth=5,4,x", "--bitdepth=5,4,x: not a list of numbers such as 5,4,4"),
        ("--bitdepth=8,8,8", "bitdepth must sum to 1 to 16 bits, not 24"),
        ("--background=reddish", "background must be a colour such as black"),  # text
        ("--model_name=../x", "model_name must be a plain folder name"),
        ("--model_name=", "model_name must be a plain folder name"),
        ("--images=", "images must name a file or folder, not ''"),
        ("--val_images=", "val_images must name a file or folder, not ''"),
    ],
)
def test_a_bad_value_is_told_before_a_training_starts(tmp_path, flag, wording):
    album(tmp_path / "images" / "train")
    assert wording in refused(2, "train", flag, cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


@pytest.mark.parametrize(
    ("flag", "wording"),
    [
        ("--temperature=hot", "--temperature=hot: not a list of numbers such as 0.9,1.0"),
        ("--temperature=", "temperature"),
        ("--temperature=-1", "temperature must be from 0.0 to 1000000.0, not -1.0"),
        ("--temperature=1.0,nan", "temperature must be from 0.0 to 1000000.0, not nan"),
        ("--top_p=1.5", "top_p must be from 1e-09 to 1.0, not 1.5"),
        ("--top_k=-1", "top_k must be from 0 to 1000000, not -1"),
        ("--batch_size=0", "batch_size must be from 1 to 10000, not 0"),
        ("--n_images=10001", "n_images must be from 1 to 10000, not 10001"),
        ("--best_of=0", "best_of must be from 1 to 1000, not 0"),
        ("--film=film.png", "film must end in .gif, not 'film.png'"),
        ("--scale=0", "scale must be from 1 to 4096, not 0"),
        ("--seed=-1", "seed must be from 0"),
        ("--seed=1e3", "seed is '1e3', neither a whole number nor words"),
        ("--cut=-1", "cut"),
        ("--out=collage.tiff", "out must end in one of .jpg"),
        ("--out=", "out must end in one of .jpg"),
        ('--prompt="a', "--prompt="),
    ],
)
def test_a_bad_value_is_told_before_a_model_is_read(tmp_path, flag, wording):
    model(tmp_path)  # whose file of weights would be refused as soon as it is read
    words = ["--model_name=faces", flag, "--out=o.png"][: 2 if "--out" in flag else 3]
    assert wording in refused(2, "predict", *words, cwd=tmp_path)
    assert not (tmp_path / "o.png").exists()


# --- missing things -----------------------------------------------------------------------------


def model(folder, **settings):
    """Makes a model's folder with settings and a file that holds no weights."""
    values = {"image_size": 8, "bitdepth": [3, 2, 2], "model_type": "transformer", **settings}
    path = folder / "model-weights" / "faces"
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(values))
    (path / "model.pkl.gz").write_bytes(b"no weights")
    return path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("train", "--images=nowhere"), "nowhere: no such folder"),
        (("train",), "images/train: no such folder"),
        (("train", "--images=album", "--val_images=nowhere"), "nowhere: no such folder"),
        (("train", "--images=empty"), "empty: no images in this folder"),
        (("predict", "--model_name=nobody"), "model-weights/nobody: no such model"),
        (("predict", "--model_name=nobody", "--model_dir=other"), "other/nobody: no such model"),
        (("predict", "--checkpoint=nowhere.pkl.gz"), "nowhere.pkl.gz: no such file"),
        (("predict", "--model_name=faces", "--checkpoint=100"), "model-00100.pkl.gz: no such"),
        (("predict", "--model_name=faces", "--prompt=nowhere.png"), "nowhere.png: No such file"),
        (("predict", "--model_name=faces", "--prompt=album/0.png,gone.png"), "gone.png: No such"),
        (("predict", "--model_name=faces", "--prompt=config.png"), "config.png: not an image"),
        (
            ("predict", "--model_name=faces", "--prompt=album/0.png,http://127.0.0.1:1/b.png"),
            "http://127.0.0.1:1/b.png: the address of 127.0.0.1 is private",
        ),
        (("predict", "--model_name=faces", "--out=config.png/o.png"), "config.png/o.png: cannot"),
        (("predict", "--model_name=faces", "--film=config.png/o.gif"), "config.png/o.gif: cannot"),
        (("predict", "--like=nowhere.png"), "nowhere.png: No such file"),
        (("predict", "--like=album/0.png"), "album/0.png: carries no recipe"),
        (("evaluate", "--model_name=faces", "--images=nowhere"), "nowhere: no such folder"),
        (("evaluate", "--model_name=nobody", "--images=album"), "model-weights/nobody: no such"),
        (
            ("predict", "--model_name=faces", "--weights_dir=" + "x" * 300),
            "xxx/faces: no such model",
        ),
        (("predict", "--model_name=faces", "--checkpoint=" + "x" * 300), "xxx: "),
        (("train", "--images=" + "x" * 300), "xxx: no such folder"),
        (("train", "--images=two\nlines"), r"two\nlines: no such folder"),
        (("predict", "--model_name=faces", "--weights_dir=two\nlines"), r"two\nlines/faces: "),
    ],
)
def test_what_is_missing_is_named_in_one_line(tmp_path, words, named):
    model(tmp_path)
    album(tmp_path / "album")
    (tmp_path / "empty").mkdir()
    (tmp_path / "config.png").write_text("{}")
    assert named in refused(1, *words, cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "wording"),
    [
        (("predict",), "name a model with --model_name, or a file with --checkpoint"),
        (("evaluate", "--images=album"), "name a model with --model_name"),
        (("evaluate", "--model_name=faces"), "evaluate needs --images=FOLDER"),
        (("plot",), "plot needs --model_name=NAME"),
        (("report",), "report needs --model_name=NAME"),
    ],
)
def test_what_must_be_given_is_asked_for(tmp_path, words, wording):
    model(tmp_path)
    album(tmp_path / "album")
    assert wording in refused(2, *words, cwd=tmp_path)


@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
@pytest.mark.parametrize(
    ("flag", "stored"),
    [
        ("image_size=16", "image_size=8"),
        ("bitdepth=5,4,4", "bitdepth=3,2,2"),
        ("model_type=reformer", "model_type=transformer"),
    ],
)
def test_a_contradiction_is_told_before_the_weights_are_read(tmp_path, command, flag, stored):
    folder = model(tmp_path)
    images = [f"--images={album(tmp_path / 'album')}"] if command != "predict" else []
    line = refused(2, command, "--model_name=faces", f"--{flag}", *images, cwd=tmp_path)
    assert f"{flag} contradicts {stored}" in line
    assert str(folder.relative_to(tmp_path)) in line


@pytest.mark.parametrize("command", ["train", "predict"])
def test_settings_that_cannot_be_used_are_told(tmp_path, command):
    path = model(tmp_path, image_size="8") / "config.json"
    images = [f"--images={album(tmp_path / 'album')}"] if command == "train" else []
    line = refused(1, command, "--model_name=faces", *images, cwd=tmp_path)
    assert line.startswith(f"{path.relative_to(tmp_path)}: cannot use these settings: image_size")


def test_ctrl_c_ends_without_a_traceback(tmp_path):
    model(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.png"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pixace", "predict", "--model_name=faces"),
                *(f"--prompt={url}", "--allow_private_urls"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A caller in the background may ignore it, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(4) == b"GET "  # now it waits for an answer
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "pixace: stopped\n")


# --- what is imported ---------------------------------------------------------------------------


HELP_AND_MISTAKES = [
    (["--help"], 0),
    *(([command, "--help"], 0) for command in FLAGS),
    (["trian"], 2),
    *(([command, "--wrong=1"], 2) for command in FLAGS),
    (["train", "--images=nowhere"], 1),
    (["train", "--images=album", "--image_size=0"], 2),
    (["train", "--images=album", "--model_name=faces", "--image_size=16"], 2),
    (["predict", "--model_name=nobody"], 1),
    (["predict", "--model_name=faces", "--prompt=nowhere.png"], 1),
    (["predict", "--model_name=faces", "--image_size=16"], 2),
    (["evaluate", "--model_name=faces", "--images=nowhere"], 1),
    (["evaluate", "--model_name=faces", "--images=album", "--image_size=16"], 2),
]


def test_nothing_heavy_is_imported_for_help_or_a_mistake(tmp_path):
    model(tmp_path)
    album(tmp_path / "album")
    program = f"""
import sys, pixace
def heavy():
    return {set(HEAVY)} & sys.modules.keys()
assert dir(pixace) and not heavy()
from pixace.cli import main
for words, exit_code in {HELP_AND_MISTAKES}:
    assert (main(words), heavy()) == (exit_code, set()), words
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def test_import_pixace_alone_is_next_to_nothing():
    code = (
        "import sys, pixace\n"
        "heavy = {'PIL', 'numpy', 'absl', 'requests', 'trax', 'jax', 'tensorflow'}\n"
        "ours = sorted(n for n in sys.modules if n.split('.')[0] == 'pixace')\n"
        "print(sorted(heavy & set(sys.modules)), ours)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.stdout, done.stderr) == ("[] ['pixace']\n", "")


# --- seeing inside ------------------------------------------------------------------------------

TIMED = re.compile(r" *\d+\.\d\d s  (.+)")


def details(stderr):
    """Returns the lines that only --verbose shows, without their times."""
    return [match[1] for line in stderr.splitlines() if (match := TIMED.fullmatch(line))]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_verbose_tells_what_is_opened_wherever_it_stands(tmp_path, place):
    folder = album(tmp_path / "album", 2)
    words = ["check", f"--images={folder}"]
    plain = pixace(*words)
    done = pixace(*words[:place], "--verbose", *words[place:])
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    told = details(done.stderr)
    assert told[0].startswith(f"pixace {__version__} on {sys.platform}: Python 3.")
    assert f"{folder}: 2 image files" in told
    assert {f"opening {path}" for path in folder.iterdir()} <= set(told)
    assert told[-1] == "check is done"
    assert details(plain.stderr) == []


def test_verbose_tells_of_weights_libraries_device_and_programs(tmp_path):
    words = ["predict", "--model_name=emoji", "--out=a.png", "--scale=16", "--seed=1"]
    environment = {"PIXACE_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    others = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    told = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "pixace", *words, "--verbose"],
            cwd=tmp_path,
            env={**others, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout) == (0, "a.png\n"), done.stderr
        told.append("\n".join(details(done.stderr)))
    for lines in told:
        assert "weights/emoji/model.pkl.gz" in lines
        assert re.search(r"^JAX [\d.]+ and trax are imported$", lines, re.M)
        assert re.search(r"^building a model for predict, \d rows, on \w+", lines, re.M)
        assert f"compiled programs are kept in {tmp_path / 'cache' / 'compiled'}" in lines
    assert "to be compiled: " in told[0]
    assert "to be compiled: " not in told[1] and "compiled before: " in told[1]


def test_with_verbose_a_failure_still_is_one_line(tmp_path):
    done = pixace("--verbose", "check", "--images=nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "pixace: nowhere: no such folder of images"
    assert len(done.stderr.splitlines()) == len(details(done.stderr)) + 1


def test_verbose_alone_is_the_overview():
    assert pixace("--verbose").stdout == pixace().stdout


@pytest.mark.usefixtures("_messages_as_before")
def test_verbose_ends_with_its_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--images=nowhere", "--verbose"]) == 1
    assert details(capsys.readouterr().err)
    assert main(["check", "--images=nowhere"]) == 1
    assert not details(capsys.readouterr().err)


# --- several commands in one process ------------------------------------------------------------


def test_the_flags_of_all_commands_live_side_by_side():
    before = set(flags.FLAGS)
    parsed = {}
    for command in (train, predict, evaluate, train):
        values = flags.FlagValues()
        command.define_flags(values)
        values(["pixace", "--batch_size=3", "--model_dir=there", "--bitdepth=3,2,2"])
        parsed[command.__name__] = values
    for values in parsed.values():
        assert int(values["batch_size"].value) == 3  # train takes a word, too
        assert values["weights_dir"].value == "there"
        assert values["bitdepth"].value == ["3", "2", "2"]
    assert parsed["pixace.commands.predict"]["scale"].value == "256"  # which takes words, too
    assert "scale" not in parsed["pixace.commands.train"]
    assert set(flags.FLAGS) == before


def test_several_commands_run_in_one_process(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(flags.FLAGS)
    assert main(["train", "--help"]) == 0
    assert main(["predict", "--model_name=nobody"]) == 1
    assert main(["train", "--images=nowhere"]) == 1
    assert main(["predict", "--model_name=somebody"]) == 1
    assert main(["evaluate"]) == 2
    assert set(flags.FLAGS) == before
    assert not flags.FLAGS.is_parsed()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        "model-weights/nobody",
        "nowhere",
        "model-weights/somebody",
        "evaluate needs --images=FOLDER",
    ]
