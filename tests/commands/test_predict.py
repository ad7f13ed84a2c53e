"""`pixace predict` from end to end: what it writes and prints, and that it can be repeated."""

import json
import logging
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import pixace
from pixace.checkpoints.bundled import ready_folder
from pixace.cli import main
from pixace.drawing.recipe import read_recipe
from pixace.pictures.writing import write_picture
from pixace.system.files import file_sha256
from tests.conftest import paint_stripes
from tests.tools.drawings import a_recipe
from tests.tools.places import ROOT


def predict(*words, cwd):
    """Runs the command as a user does; returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "pixace", "predict", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def emoji(tmp_path_factory, painted):
    """A folder with a prompt, and what the model in the box made of it without a named seed."""
    folder = tmp_path_factory.mktemp("emoji")
    shutil.copy(next((painted / "val").iterdir()), folder / "disc.png")
    words = ["--model_name=emoji", "--prompt=disc.png", "--temperature=0.9,1", "--scale=36"]
    files = ["--out=a.png", "--film=a.gif", "--json"]
    done = predict(*words, "--best_of=2", *files, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_json_tells_files_recipe_and_the_likelihood_of_every_tile(emoji):
    _, done = emoji
    printed = json.loads(done.stdout)
    assert list(printed) == ["path", "film", "recipe", "calls", "pixels_per_call", "tiles"]
    assert (printed["calls"], printed["pixels_per_call"]) == (128, 1)  # a small model guesses none
    assert (printed["path"], printed["film"]) == ("a.png", "a.gif")
    recipe = printed["recipe"]
    assert done.stderr == f"seed {recipe['drawing']['seed']}\n"
    assert recipe["model_name"] == "emoji"
    assert recipe["sha256"] == file_sha256(ready_folder("emoji") / "model.pkl.gz")
    assert recipe["prompts"] == ["disc.png"]
    assert recipe["pixace_version"] == pixace.__version__
    places = [(tile["row"], tile["column"], tile["temperature"]) for tile in printed["tiles"]]
    assert places == [(0, 2, 0.9), (0, 3, 1.0)]
    for tile in printed["tiles"]:
        bits = -tile["log_likelihood"] / math.log(2) / 128  # half of 16x16 pixels were drawn
        assert tile["bits_per_pixel"] == pytest.approx(bits)
        assert 0 < bits < 20


def test_every_output_carries_the_recipe_and_nothing_of_this_machine(emoji):
    folder, done = emoji
    for name in ("a.png", "a.gif"):
        recipe = json.loads(read_recipe(folder / name).to_text())
        assert recipe == json.loads(done.stdout)["recipe"]
        data = (folder / name).read_bytes()
        assert str(ROOT).encode() not in data and str(folder).encode() not in data


def test_the_film_ends_with_what_the_collage_shows(emoji):
    folder, _ = emoji
    with Image.open(folder / "a.gif") as film, Image.open(folder / "a.png") as collage:
        assert film.n_frames == 129
        film.seek(128)
        assert film.size == collage.size == (4 * 36, 36)
        last = film.convert("RGB").resize((72, 18), Image.Resampling.BOX)
        whole = collage.resize((72, 18), Image.Resampling.BOX)
    difference = [abs(a - b) for a, b in zip(last.tobytes(), whole.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 8


def test_like_draws_the_same_file_again_in_a_process_of_its_own(emoji):
    folder, _ = emoji
    done = predict("--like=a.png", "--out=b.png", "--film=b.gif", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b.png\n", "")
    assert (folder / "b.png").read_bytes() == (folder / "a.png").read_bytes()
    assert (folder / "b.gif").read_bytes() == (folder / "a.gif").read_bytes()


# --- in this process, with tiny models ----------------------------------------------------------


@pytest.fixture
def run(weights_dir, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; returns its exit code and what it wrote to stderr."""
    logger = logging.getLogger("pixace")
    before = logger.handlers[:], logger.level, logger.propagate
    monkeypatch.chdir(tmp_path)

    def run_command(*words, weights_dir=weights_dir):
        code = main(["predict", f"--weights_dir={weights_dir}", *words])
        return code, capsys.readouterr().err

    yield run_command
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


TINY_MODEL = ("--model_name=transformer", "--scale=16")


def test_a_prompt_is_the_same_picture_as_for_the_library(run, weights_dir):
    """Also a large JPEG, which is not decoded in full."""
    paint_stripes(Path("large.jpg"))
    words = (*TINY_MODEL, "--prompt=large.jpg", "--cut=14", "--temperature=0", "--seed=1")
    assert run(*words, "--out=a.png") == (0, "")
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    collage = predictor.predict(prompts=["large.jpg"], cut=14, temperature=0, seed=1, scale=16)
    with Image.open("a.png") as img:
        assert img.convert("RGB").tobytes() == collage.tobytes()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--like=a.png"], 2, "pixace: a.png completes gone.png, which is not here; name all"),
        (["--prompt="], 2, "pixace: flag --prompt= is empty; name an image file or a URL\n"),
        (["--prompt=gone.png"], 1, "pixace: gone.png: No such file or directory\n"),
        (["--temperature=1,x"], 2, "pixace: flag --temperature=1,x: not a list of numbers"),
        (["--cut=3"], 2, "pixace: cut needs a prompt to keep pixels of\n"),
        (["--cut=37", "--prompt=a.png"], 2, "pixace: cut must be from 0 to 36, not 37\n"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(run, words, status, message):
    picture = Image.new("RGB", (8, 8))
    picture.info["pixace"] = a_recipe(prompts=("gone.png",)).to_text()
    write_picture(picture, Path("a.png"))
    code, messages = run("--model_name=transformer", *words)
    assert (code, messages.count("\n")) == (status, 1)
    assert messages.startswith(message)
    assert [path.name for path in Path().iterdir()] == ["a.png"]


def test_out_and_film_are_two_files(run):
    code, messages = run(*TINY_MODEL, "--out=a.gif", "--film=./a.gif")
    assert (code, messages) == (2, "pixace: out and film are both a.gif; name two files\n")
    assert list(Path().iterdir()) == []


def test_pictures_of_their_own_and_a_sheet(run):
    words = ("--model_name=transformer", "--n_images=3", "--seed=1", "--scale=2x")
    assert run(*words, "--out=sprites/", "--sheet=sheet.png") == (0, "")
    names = ["001-1.png", "002-1.png", "003-1.png"]
    assert sorted(path.name for path in Path("sprites").iterdir()) == names
    assert sorted(path.name for path in Path().iterdir()) == ["sheet.json", "sheet.png", "sprites"]
    frames = json.loads(Path("sheet.json").read_text())["frames"]
    with Image.open("sheet.png") as sheet:
        for name, frame in zip(names, frames, strict=True):
            x, y, w, h = (frame["frame"][key] for key in "xywh")
            with Image.open(Path("sprites", name)) as sprite:
                assert sprite.size == (w, h) == (12, 12)
                part = sheet.convert("RGB").crop((x, y, x + w, y + h))
                assert part.tobytes() == sprite.convert("RGB").tobytes()
    assert run("--like=sprites/002-1.png", "--out=again/") == (0, "")
    (again,) = Path("again").iterdir()
    assert again.read_bytes() == Path("sprites/002-1.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out=a.png/"], "pixace: out a.png/ is no folder; name a new one\n"),
        (["--sheet=a.tsj"], "pixace: sheet a.png is there already and is not replaced; name "),
        (["--sheet=b.gif"], "pixace: sheet must end in .png or .tsj, not 'b.gif'\n"),
        (["--out=b/", "--scale=64"], "pixace: scale=64 is for the tiles of a collage; single "),
        (["--scale=four"], "pixace: scale must be pixels from 1 to 4096 or times from 1x to "),
    ],
)
def test_outputs_that_cannot_be_are_told_in_one_line(run, words, message):
    Image.new("RGB", (2, 2)).save("a.png")
    code, messages = run("--model_name=transformer", *words)
    assert (code, messages.count("\n")) == (2, 1)
    assert messages.startswith(message)
    assert [path.name for path in Path().iterdir()] == ["a.png"]


def test_a_palette_is_drawn_again_or_left_out(run):
    words = ("--model_name=transformer", "--n_images=2", "--seed=1", "--scale=1x")
    assert run(*words, "--out=free.png") == (0, "")
    assert run(*words, "--palette=Gameboy", "--out=a.png") == (0, "")
    assert run("--like=a.png", "--out=b.png") == (0, "")
    assert run("--like=a.png", "--palette=", "--out=c.png") == (0, "")
    with Image.open("a.png") as img:
        colours = {colour for _, colour in img.getcolors()}
    assert colours <= {(15, 56, 15), (48, 98, 48), (139, 172, 15), (155, 188, 15)}
    assert Path("b.png").read_bytes() == Path("a.png").read_bytes()
    assert Path("c.png").read_bytes() == Path("free.png").read_bytes()
