"""Every command that the documents show is run, with a tiny model where they mean a large one.

What cannot be run here is at least parsed by the flags of its command; `ONLY_PARSED` says why.
"""

import importlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from absl import flags
from PIL import Image

from pixace.cli import main
from pixace.commands import COMMANDS
from pixace.commands.flags import define_common_flags
from pixace.system.files import file_sha256
from tests.conftest import paint
from tests.tools.places import ROOT
from tests.tools.tiny import TINY
from tests.tools.worded import write_worded

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]

# Part of a command -> why it is only parsed.
ONLY_PARSED = {
    "--coordinator": "waits for the processes of other machines",
    "--model_name=animalfaces": "fetches from the web",
    "pixace serve": "goes on until it is stopped",
    "cifar10/train": "trains on what comes from the web",
    "fashion_mnist/train": "trains on what comes from the web",
}

# What the documents write -> what there is here.
STAND_INS = {
    "NAME": "faces",
    "--images=...": "--images=faces/train",
    "--val_images=...": "--val_images=faces/val",
    "https://example.com/b.png": "someone.jpg",
    "https://example.com/model.pkl.gz": "model.pkl.gz",
    "https://example.com/zoo.json": "zoo.json",
    "page.png": "new.png",
    "sprites/003-1.png": "drawn/003-1.png",  # so that what writes into sprites/ finds it empty
    "emoji/train": "faces/train",
    "emoji/val": "faces/val",
    "--checkpoint=600": "--checkpoint=3",
    "--images=tilesets": "--images=faces/train",
    "--grid=16x16+1+2": "--grid=6x6",
    "--background=white": "--background=black",  # as the tiny model was trained
}

# Flag of a command -> a value for the tiny model, where the document gives the flag ...
TINY_VALUES = {
    **{name: value for name, value in TINY.items() if name != "bitdepth"},
    "bitdepth": "2,1,2",
    "batch_size": 4,
    "n_images": 4,
    "cut": 18,
    "scale": 8,
    "steps_per_epoch": 1,
    "steps_per_eval": 1,
    "n_epochs": 1,
    "minutes": 0.02,
    "model_type": "transformer",  # the default takes twice as long
}
# ... and where it does not, as the defaults are large.
ALWAYS = {
    "train": [*TINY, "batch_size", "steps_per_epoch", "n_epochs", "model_type"],
    "plan": [*TINY, "batch_size", "model_type"],
    "predict": ["scale"],
}


def command_lines() -> list[str]:
    """Returns each line of the shell blocks once, without comments, and each inline command."""
    lines = []
    for path in sorted(DOCUMENTS):
        text = path.read_text()
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                for command in re.sub(r"(^|\s)#.*", "", line).split("&&"):
                    lines.append(" ".join(command.split()))
        for command in re.findall(r"`(pixace [a-z]+ --[^`]*)`", text):
            lines.append(" ".join(command.split()))
    return [line for line in dict.fromkeys(lines) if line]


def words_of(line: str) -> list[str]:
    """Returns the words after `pixace`, of a command in a container, too; else none."""
    words = shlex.split(re.sub(r"^([A-Z_]+=\S+ )+|[][]", "", line))
    words = words[: words.index("|")] if "|" in words else words
    images = [word for word in words if word in ("pixace", "pixace-cpu")]
    if words[0] == "docker" and words[1] == "run" and "--entrypoint" not in words:
        return words[words.index(images[0]) + 1 :]
    return words[1:] if words[0] == "pixace" else []


PIXACE = [line for line in command_lines() if words_of(line)]
RUN = [
    line
    for line in PIXACE
    if not line.startswith("docker ")
    and words_of(line)[0] in COMMANDS
    and not any(part in line for part in ONLY_PARSED)
    and not any(other.startswith(f"{line} ") for other in PIXACE)  # a longer one will do
]
OTHERS = [line for line in command_lines() if not words_of(line)]


def flags_of_command(word: str) -> flags.FlagValues:
    values = flags.FlagValues()
    importlib.import_module(f"pixace.commands.{word}").define_flags(values)
    define_common_flags(values)
    return values


@pytest.mark.parametrize("line", PIXACE)
def test_a_command_parses(line):
    word, *rest = (part for part in words_of(line) if part != "...")
    if word != "COMMAND" and not word.startswith("--"):
        assert not flags_of_command(word)([word, *rest])[1:]


def test_the_table_of_commands_has_a_row_for_each():
    rows = re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", (ROOT / "README.md").read_text(), re.M)
    assert sorted(rows) == sorted(COMMANDS)


def test_what_is_only_parsed_is_still_documented():
    for part in ONLY_PARSED:
        assert any(part in line for line in PIXACE), part


def made_tiny(words: list[str]) -> list[str]:
    """Returns a command with what there is here for what the document names."""
    word, *rest = words
    for shown, here in STAND_INS.items():
        rest = [part.replace(shown, here) for part in rest if part != "..."]
    given = {part.lstrip("-").partition("=")[0] for part in rest}
    values = flags_of_command(word)
    if "images" in values and "images" not in given and word != "evaluate":
        rest.append("--images=faces/train")
    names = {name for name in TINY_VALUES if name in values and name in given}
    names |= set(ALWAYS.get(word, ()))
    if "colours" in given:
        names -= {"bitdepth"}
    if "minutes" in given:
        names -= {"steps_per_epoch", "n_epochs"}
    if "model_type" in given or "--model_name=emoji" in rest:
        names -= {"model_type"}  # the documents' own, or that of the stored model
    if "batch_size=auto" in "".join(words):
        names -= {"batch_size"}
    if any(re.match(r"--sheet=|--out=.*/$", part) for part in rest):
        names -= {"scale"}  # these are as small as the pictures
    if "--text=?" in rest:
        names -= {"scale"}  # nothing is drawn
    tiny = dict(TINY_VALUES)
    if not {"--model_name=faces", "--model_name=emoji"}.isdisjoint(rest):
        tiny["n_epochs"] = 7  # one more than the stored models have
    return [word, *rest, *(f"--{name}={tiny[name]}" for name in sorted(names))]


@pytest.fixture(scope="module")
def trained(weights_dir, tmp_path_factory) -> Path:
    """A folder with what the documents name: pictures, a model `faces`, and a drawing of it."""
    folder = tmp_path_factory.mktemp("documented")
    for name, count in (("train", 20), ("val", 5), ("test", 5)):
        paint(folder / "faces" / name, count, seed=count)
    shutil.copytree(folder / "faces" / "test", folder / "mixed")
    for name in ("cat", "dog"):
        shutil.copytree(folder / "faces" / "test", folder / "icons" / "test" / name)
    for name in ("a.jpg", "someone.jpg"):
        shutil.copy(folder / "faces" / "val" / "disc-000.png", folder / name)
    for name, model_type in (("faces", "transformer"), ("emoji", "reformer")):
        shutil.copytree(weights_dir / model_type, folder / "model-weights" / name)
    shutil.copy(weights_dir / "transformer" / "model.pkl.gz", folder)
    published = {"name": "tiles", "description": "dungeon tiles", "url": "model.pkl.gz"}
    published["sha256"] = file_sha256(folder / "model.pkl.gz")
    (folder / "zoo.json").write_text(json.dumps({"models": [published]}))
    write_worded(folder / "model-weights", "transformer", "icons")
    Image.radial_gradient("L").save(folder / "hole.png")
    Image.radial_gradient("L").save(folder / "sketch.png")
    grey = Image.linear_gradient("L")
    Image.merge("LA", (grey, grey)).save(folder / "hat.png")
    (folder / "texts.txt").write_text("a red heart\nfrog\n")
    drawing = ["predict", "--model_name=faces", f"--weights_dir={folder}/model-weights"]
    assert main([*drawing, "--scale=8", f"--out={folder}/new.png"]) == 0
    assert main([*drawing, "--n_images=3", f"--out={folder}/drawn/"]) == 0
    assert main(["export", *drawing[1:], f"--out={folder}/faces.safetensors"]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN)
def test_a_command_runs(line, trained, tmp_path, monkeypatch, capsys):
    place = shutil.copytree(trained, tmp_path / "place")
    monkeypatch.chdir(place)
    words = made_tiny(words_of(line))
    if words[0] == "train":  # it would go on with this one, which has not been trained
        shutil.rmtree("model-weights/icons")
    if words[0] == "download":
        words.append("--weights_dir=fresh")  # model-weights has an emoji model of its own
    assert main(words) == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", OTHERS)
def test_what_other_programs_are_told_is_there(line):
    words = shlex.split(line)
    program, *rest = [word for word in words if not re.match(r"[A-Z_]+=|sudo$", word)]
    program = program.removeprefix(".venv/bin/")
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
        assert {word for word in rest if "=" not in word} <= set(targets)
    elif program == "docker":
        built = [rest[i + 1] for i, word in enumerate(rest) if word == "-f"]
        assert rest[0] in ("build", "run")
        assert all((ROOT / name).exists() for name in built)
    elif program == "pip":
        extras = re.findall(r'"(\w+)": \[', (ROOT / "setup.py").read_text())
        assert set(re.findall(r"\[(\w+)\]", line)) <= set(extras)
    elif program == "python":
        if not rest[0].startswith("-"):
            script = ROOT / rest[0]
            assert all(word.partition("=")[0] in script.read_text() for word in rest[1:])
    elif program == "tests/docker/build_and_draw.sh":
        assert (ROOT / program).exists()
    else:
        assert program in ("git", "cd", "nvidia-smi", "ssh", "tensorboard"), (
            "a program that this test does not know"
        )
