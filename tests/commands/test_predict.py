"""`pixace predict` from end to end: what it writes and prints, and that it can be repeated."""

import dataclasses
import json
import logging
import math
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

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
    assert list(printed) == ["path", "film", "recipe", "tiles"]
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


def same_bytes(suffix):
    return Path(f"a{suffix}").read_bytes() == Path(f"b{suffix}").read_bytes()


def test_a_prompt_is_the_same_picture_as_for_the_library(run, weights_dir):
    """Also a large JPEG, which is not decoded in full."""
    paint_stripes(Path("large.jpg"))
    words = (*TINY_MODEL, "--prompt=large.jpg", "--cut=14", "--temperature=0", "--seed=1")
    assert run(*words, "--out=a.png") == (0, "")
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    collage = predictor.predict(prompts=["large.jpg"], cut=14, temperature=0, seed=1, scale=16)
    with Image.open("a.png") as img:
        assert img.convert("RGB").tobytes() == collage.tobytes()


@pytest.mark.long
def test_like_repeats_every_format_from_every_format(run):
    code, messages = run(*TINY_MODEL, "--n_images=2", "--top_k=9", "--out=a.png")
    assert code == 0
    for source, out in (("a.png", "a.jpg"), ("a.jpg", "a.gif"), ("a.gif", "b.png")):
        assert run(f"--like={source}", f"--out={out}") == (0, "")
    for source, out in (("b.png", "b.jpg"), ("b.jpg", "b.gif")):
        assert run(f"--like={source}", f"--out={out}") == (0, "")
    assert all(same_bytes(suffix) for suffix in (".png", ".jpg", ".gif"))
    recipe = read_recipe("b.gif")
    assert (recipe.drawing.batch_size, recipe.drawing.top_k) == (2, 9)
    assert messages == f"seed {recipe.drawing.seed}\n"


@pytest.mark.slow
def test_like_repeats_completions(run, painted):
    for index, path in enumerate(sorted((painted / "val").iterdir())[:2]):
        shutil.copy(path, f"{index}.png")
    words = ("--prompt=0.png,1.png", "--cut=9", "--temperature=0,1", "--out=a.jpg")
    assert run(*TINY_MODEL, *words)[0] == 0
    for source, out in (("a.jpg", "a.gif"), ("a.gif", "b.jpg"), ("b.jpg", "b.gif")):
        assert run(f"--like={source}", f"--out={out}") == (0, "")
    assert all(same_bytes(suffix) for suffix in (".jpg", ".gif"))
    assert read_recipe("b.gif").prompts == ("0.png", "1.png")


@pytest.mark.slow
def test_flags_given_win_over_the_recipe(run):
    assert run(*TINY_MODEL, "--n_images=2", "--seed=1", "--checkpoint=3", "--out=a.png")[0] == 0
    words = ("--temperature=0.5,0.7", "--seed=2", "--n_images=1", "--checkpoint=latest")
    assert run("--like=a.png", *words, "--scale=20", "--out=b.png") == (0, "")
    first, second = read_recipe("a.png"), read_recipe("b.png")
    assert (first.checkpoint, first.step) == ("model-00003.pkl.gz", 3)
    assert (second.checkpoint, second.step) == ("model.pkl.gz", 6)
    assert second.drawing == dataclasses.replace(
        first.drawing, temperature=(0.5, 0.7), seed=2, batch_size=1, scale=20
    )
    assert run("--like=a.png", "--model_name=reformer", "--out=c.png") == (0, "")
    assert read_recipe("c.png").model_name == "reformer"


def test_other_weights_of_that_name_are_told(run, weights_dir, tmp_path):
    shutil.copytree(weights_dir / "transformer", "here/transformer")
    assert run(*TINY_MODEL, "--seed=1", "--out=a.png", weights_dir="here")[0] == 0
    # The same step comes from elsewhere.
    shutil.copy("here/transformer/model-00003.pkl.gz", "here/transformer/model.pkl.gz")
    Path("here/transformer/model-00006.pkl.gz").unlink()
    code, messages = run("--like=a.png", "--out=b.png", weights_dir="here")
    path = "here/transformer/model.pkl.gz"
    assert code == 0
    assert messages == f"warning: {path} has changed since: the pictures will differ\n"
    code, messages = run("--like=a.png", "--out=b.png", weights_dir="nowhere")
    assert code == 1
    assert messages.startswith("pixace: nowhere/transformer: no such model")


def test_weights_without_settings_take_them_from_the_recipe(run, weights_dir):
    from pixace.checkpoints.file import read_checkpoint, write_checkpoint

    checkpoint = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz")
    checkpoint.resume = dataclasses.replace(checkpoint.resume, config=None)
    write_checkpoint(Path("here/bare/model.pkl.gz"), checkpoint, {})
    sizes = ("image_size=6", "bitdepth=2,1,2", "d_model=16", "d_ff=32", "n_layers=1", "n_heads=2")
    flags = [f"--{size}" for size in (*sizes, "model_type=transformer")]
    words = ["--model_name=bare", "--seed=1", "--scale=16", "--out=a.png"]
    assert run(*words, *flags, weights_dir="here") == (0, "")
    assert run("--like=a.png", "--out=b.png", weights_dir="here") == (0, "")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_weights_named_as_a_file_are_named_again(run, weights_dir):
    path = weights_dir / "transformer" / "model-00003.pkl.gz"
    assert run(f"--checkpoint={path}", "--seed=1", "--scale=16", "--out=a.png") == (0, "")
    assert read_recipe("a.png").model_name is None
    assert str(weights_dir).encode() not in Path("a.png").read_bytes()
    code, messages = run("--like=a.png")
    assert (code, messages.count("\n")) == (2, 1)
    assert "model-00003.pkl.gz; name it with --checkpoint" in messages
    assert run("--like=a.png", f"--checkpoint={path}", "--out=b.png") == (0, "")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


# --- mistakes, and strangers' recipes -----------------------------------------------------------


@pytest.fixture
def strangers(weights_dir):
    """Writes `stranger.png`, whose recipe names a model that is here, and whatever is given."""
    sha256 = file_sha256(weights_dir / "transformer" / "model.pkl.gz")

    def write(prompts, **fields):
        picture = Image.new("RGB", (8, 8))
        recipe = a_recipe(model_name="transformer", sha256=sha256, prompts=prompts, **fields)
        picture.info["pixace"] = recipe.to_text()
        write_picture(picture, Path("stranger.png"))

    return write


@pytest.mark.parametrize("prompt", ["gone.png", "folder", "two\nlines.png", None])
def test_prompts_that_are_not_here_must_be_named(run, strangers, prompt):
    Path("folder").mkdir()
    strangers((prompt,))
    code, messages = run("--like=stranger.png")
    assert code == 2
    assert messages[:-1].isprintable()
    assert "not here; name all its prompts with --prompt" in messages


def test_a_recipe_fetches_nothing(run, strangers):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.png"
        strangers((url,))
        code, messages = run("--like=stranger.png")
        assert code == 2
        assert f"{url}, which is not fetched unasked; name all its prompts" in messages
        assert asked == []
        code, messages = run("--like=stranger.png", f"--prompt={url}", "--allow_private_urls")
        assert (code, asked) == (1, ["/a.png"])
        assert messages == f"pixace: {url}: the server answered 404 Not Found\n"
        server.shutdown()


@pytest.mark.parametrize(
    ("fields", "wording"),
    [
        ({"cut": 37}, "cut must be from 0 to 36, not 37"),
        ({"batch_size": 10_000, "scale": 4096}, "is too large"),
        ({"temperature": (1.0,) * 100, "scale": 4096, "batch_size": 100}, "is too large"),
    ],
)
def test_a_stranger_s_numbers_meet_the_same_checks(run, strangers, fields, wording):
    strangers((), **fields)
    code, messages = run("--like=stranger.png")
    assert (code, messages.count("\n")) == (2, 1)
    assert wording in messages


def test_out_and_film_are_two_files(run):
    code, messages = run(*TINY_MODEL, "--out=a.gif", "--film=./a.gif")
    assert (code, messages) == (2, "pixace: out and film are both a.gif; name two files\n")
    assert list(Path().iterdir()) == []
