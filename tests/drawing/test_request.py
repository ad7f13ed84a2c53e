"""Requests from Python: what they draw and write, as the command does, and what is refused."""

import dataclasses
import http.server
import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.drawing.recipe import read_recipe
from pixace.drawing.request import DrawRequest, draw_to_files
from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.pictures.writing import write_picture
from pixace.system.files import file_sha256
from tests.conftest import TINY
from tests.tools.drawings import a_recipe

pytestmark = pytest.mark.usefixtures("here")


def drawing(**settings) -> dict:
    return {"scale": 16, "seed": 1, **settings}


def same_bytes(suffix: str) -> bool:
    return Path(f"a{suffix}").read_bytes() == Path(f"b{suffix}").read_bytes()


def two_prompts(painted: Path) -> list[str]:
    for index, path in enumerate(sorted((painted / "val").iterdir())[:2]):
        shutil.copy(path, f"{index}.png")
    return ["0.png", "1.png"]


def test_it_is_the_picture_that_the_predictor_draws(draw, weights_dir, painted):
    prompts = two_prompts(painted)
    settings = drawing(cut=14, temperature=[0.5, 1.0], top_k=9)
    seen = []
    drawn = draw(
        lambda done, total: seen.append((done, total)),
        prompts=prompts,
        drawing=settings,
        out="new/a.png",
        film="a.gif",
    )
    assert (drawn.path, drawn.film, drawn.nearest) == (Path("new/a.png"), Path("a.gif"), None)
    assert seen == [(done, 22) for done in range(23)]
    expected = pixace.get_predictor("transformer", weights_dir=weights_dir).draw(
        prompts=prompts, **settings
    )
    assert drawn.drawing.recipe == expected.recipe
    np.testing.assert_array_equal(drawn.drawing.tokens, expected.tokens)
    with Image.open("new/a.png") as collage, Image.open("a.gif") as film:
        assert collage.tobytes() == expected.collage().tobytes()
        assert film.n_frames == 23
    assert read_recipe("new/a.png") == read_recipe("a.gif") == expected.recipe
    assert drawn.to_dict() == {
        "path": "new/a.png",
        "film": "a.gif",
        "recipe": expected.recipe.to_dict(),
        "calls": 22,
        "pixels_per_call": 1,
        "tiles": expected.tiles(),
    }


def test_one_prompt_needs_no_list(draw, painted):
    (name, _) = two_prompts(painted)
    assert draw(prompts=name, drawing=drawing()).drawing.recipe.prompts == (name,)


def test_the_nearest_training_images(draw, painted, caplog):
    with caplog.at_level(logging.INFO, "pixace"):
        drawn = draw(
            drawing=drawing(batch_size=2), nearest=painted / "train", cache_dir="cache", out="a.png"
        )
    assert caplog.messages == drawn.nearest.lines()
    assert [tile["nearest"] for tile in drawn.to_dict()["tiles"]] == drawn.nearest.tiles()
    assert len([*Path("cache").iterdir()]) == 1
    with Image.open("a.png") as sheet:
        assert sheet.size == (2 * 16, 2 * 16)
    draw(drawing=drawing(batch_size=2), out="b.png")
    assert read_recipe("a.png") == read_recipe("b.png"), "the recipe says nothing of them"


def test_the_nearest_piece_of_a_sheet(draw):
    """Two cells, each made twice as large, beside two that are empty."""
    edge = TINY["image_size"]
    cells = np.random.default_rng(0).integers(0, 256, (2, edge, edge, 3), np.uint8)
    sheet = np.zeros((4 * edge, 4 * edge, 3), np.uint8)
    for row, cell in enumerate(cells):
        sheet[2 * edge * row :][: 2 * edge, 2 * edge :] = cell.repeat(2, axis=0).repeat(2, axis=1)
    Path("sheets").mkdir()
    Image.fromarray(sheet).save("sheets/sheet.png")
    request = {
        "prompts": Image.fromarray(cells[1]),
        "nearest": "sheets",
        "grid": f"{2 * edge}x{2 * edge}",
    }
    whole = drawing(cut=edge**2)  # nothing is drawn: the prompt is compared
    drawn = draw(**request, drawing={**whole, "unscale": True})
    assert drawn.nearest.tiles() == [{"path": "sheets/sheet.png#2,2", "distance": 0}]
    assert draw(**request, drawing=whole).nearest.distances > 0, "it is not unscaled unasked"


# --- as another picture was drawn ---------------------------------------------------------------


@pytest.mark.long
def test_like_repeats_every_format_from_every_format(draw, caplog):
    with caplog.at_level(logging.INFO, "pixace"):
        first = draw(drawing={"scale": 16, "batch_size": 2, "top_k": 9}, out="a.png")
        assert caplog.messages == [f"seed {first.drawing.seed}"]
    for source, out in (("a.png", "a.jpg"), ("a.jpg", "a.gif"), ("a.gif", "b.png")):
        draw(like=source, out=out)
    for source, out in (("b.png", "b.jpg"), ("b.jpg", "b.gif")):
        draw(like=source, out=out)
    assert all(same_bytes(suffix) for suffix in (".png", ".jpg", ".gif"))
    assert read_recipe("b.gif") == first.drawing.recipe
    assert len(caplog.messages) == 1, "a seed that a recipe names is no news"


@pytest.mark.slow
def test_like_repeats_completions(draw, painted):
    settings = drawing(cut=9, temperature=[0, 1])
    draw(prompts=two_prompts(painted), drawing=settings, out="a.jpg")
    for source, out in (("a.jpg", "a.gif"), ("a.gif", "b.jpg"), ("b.jpg", "b.gif")):
        draw(like=source, out=out)
    assert all(same_bytes(suffix) for suffix in (".jpg", ".gif"))
    assert read_recipe("b.gif").prompts == ("0.png", "1.png")


def test_what_is_named_wins_over_the_recipe(draw):
    draw(drawing=drawing(batch_size=2), checkpoint="3", out="a.png")
    named = {"temperature": [0.5, 0.7], "seed": 2, "batch_size": 1, "scale": 20}
    draw(like="a.png", drawing=named, checkpoint="latest", out="b.png")
    first, second = read_recipe("a.png"), read_recipe("b.png")
    assert (first.checkpoint, first.step) == ("model-00003.pkl.gz", 3)
    assert (second.checkpoint, second.step) == ("model.pkl.gz", 6)
    assert second.drawing == dataclasses.replace(
        first.drawing, temperature=(0.5, 0.7), seed=2, batch_size=1, scale=20
    )


@pytest.mark.slow
def test_another_model_may_draw_it(draw):
    draw(drawing=drawing(), out="a.png")
    draw(like="a.png", model_name="reformer", out="c.png")
    assert read_recipe("c.png").model_name == "reformer"


def test_other_weights_of_that_name_are_told(draw, weights_dir, caplog):
    shutil.copytree(weights_dir / "transformer", "here/transformer")
    draw(drawing=drawing(), weights_dir="here", out="a.png")
    # The same step comes from elsewhere.
    shutil.copy("here/transformer/model-00003.pkl.gz", "here/transformer/model.pkl.gz")
    Path("here/transformer/model-00006.pkl.gz").unlink()
    draw(like="a.png", weights_dir="here", out="b.png")
    path = "here/transformer/model.pkl.gz"
    assert caplog.messages == [f"{path} has changed since: the pictures will differ"]
    with pytest.raises(CheckpointError, match="^nowhere/transformer: no such model"):
        draw(like="a.png", weights_dir="nowhere", out="b.png")


def test_weights_without_settings_take_them_from_the_recipe(draw, weights_dir):
    checkpoint = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz")
    checkpoint.resume = dataclasses.replace(checkpoint.resume, config=None)
    write_checkpoint(Path("here/bare/model.pkl.gz"), checkpoint, {})
    settings = {"model_type": "transformer", **TINY}
    bare = {"model_name": "bare", "settings": settings, "drawing": drawing()}
    draw(**bare, weights_dir="here", out="a.png")
    draw(like="a.png", weights_dir="here", out="b.png")
    assert same_bytes(".png")


def test_weights_named_as_a_file_are_named_again(draw, weights_dir):
    path = weights_dir / "transformer" / "model-00003.pkl.gz"
    draw(model_name=None, checkpoint=path, drawing=drawing(), out="a.png")
    assert read_recipe("a.png").model_name is None
    assert str(weights_dir).encode() not in Path("a.png").read_bytes()
    with pytest.raises(UsageError, match=r"model-00003\.pkl\.gz; name it with --checkpoint"):
        draw(like="a.png")
    draw(like="a.png", checkpoint=path, out="b.png")
    assert same_bytes(".png")


# --- strangers' recipes -------------------------------------------------------------------------


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
def test_prompts_that_are_not_here_must_be_named(draw, strangers, prompt):
    Path("folder").mkdir()
    strangers((prompt,))
    with pytest.raises(UsageError, match="not here; name all its prompts with --prompt") as caught:
        draw(like="stranger.png")
    assert str(caught.value).isprintable()


def test_a_recipe_fetches_nothing(draw, strangers):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.png"
        strangers((url,))
        with pytest.raises(UsageError, match=f"{url}, which is not fetched unasked; name all its"):
            draw(like="stranger.png")
        assert asked == []
        with pytest.raises(ImageError, match=f"^{url}: the server answered 404 Not Found$"):
            draw(like="stranger.png", prompts=[url], allow_private_urls=True)
        assert asked == ["/a.png"]
        server.shutdown()


@pytest.mark.parametrize(
    ("fields", "wording"),
    [
        ({"cut": 37}, "cut must be from 0 to 36, not 37"),
        ({"batch_size": 10_000, "scale": 4096}, "is too large"),
        ({"temperature": (1.0,) * 100, "scale": 4096, "batch_size": 100}, "is too large"),
    ],
)
def test_a_stranger_s_numbers_meet_the_same_checks(draw, strangers, fields, wording):
    strangers((), **fields)
    with pytest.raises(UsageError, match=wording):
        draw(like="stranger.png")


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "error", "wording"),
    [
        ({"model_name": "nobody"}, CheckpointError, "nobody: no such model"),
        ({"settings": {"image_size": 9}}, UsageError, "image_size=9 contradicts image_size=8"),
        ({"drawing": {"scale": 0}}, UsageError, "scale must be from 1"),
        ({"drawing": {"cut": 3}}, UsageError, "cut needs a prompt to keep pixels of"),
        ({"prompts": ["gone.png"]}, ImageError, "gone.png: No such file"),
        ({"prompts": [3]}, UsageError, "prompt must name a file or folder, not 3"),
        ({"like": "gone.png"}, ImageError, "gone.png: No such file"),
        ({"out": "a.txt"}, UsageError, "out must end in one of"),
        ({"out": "a.gif", "film": "./a.gif"}, UsageError, "out and film are both a.gif"),
        ({"film": "a.png"}, UsageError, "film must end in .gif"),
        ({"nearest": "absent"}, ImageError, "absent: no such folder of images"),
        ({"cache_dir": "x"}, UsageError, "cache_dir needs --nearest=FOLDER"),
        ({"grid": "8x8"}, UsageError, "grid and frames need --nearest=FOLDER"),
        ({"frames": "all"}, UsageError, "grid and frames need --nearest=FOLDER"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_found_before_the_weights_are_read(request_, error, wording):
    folder = Path("model-weights/faces")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"image_size": 8, "model_type": "transformer"}')
    (folder / "model.pkl.gz").write_bytes(b"no weights")
    with pytest.raises(error, match=wording):
        draw_to_files(DrawRequest(**{"model_name": "faces", **request_}))
    assert sorted(path.name for path in Path().iterdir()) == ["model-weights"]


def test_training_images_that_cannot_be_read_cost_no_drawing(draw, caplog):
    Path("bad").mkdir()
    Path("bad", "text.png").write_text("no image")
    with pytest.raises(ImageError, match="none of its 1 image files can be read"):
        draw(nearest="bad")
    assert not any("seed" in message for message in caplog.messages)
    assert not Path("collage.png").exists()


def test_a_request_is_a_plain_value():
    request = DrawRequest(model_name="faces", prompts=("a.png",), drawing={"seed": 1})
    assert request == DrawRequest(model_name="faces", prompts=("a.png",), drawing={"seed": 1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.out = "b.png"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"drawing": {"cutt": 1}}, "unknown setting 'cutt' of a drawing"),
        ({"out": 3}, "out must name a file"),
        ({"sheet": 3}, "sheet must name a file"),
        ({"film": 3}, "film must name a file"),
        ({"prompts": 3}, "prompt must name a file"),
    ],
)
def test_what_cannot_be_is_refused_by_name(draw, request_, words):
    with pytest.raises(UsageError, match=words):
        draw(**request_)
    assert not list(Path().iterdir())


def test_values_may_be_as_for_the_predictor(draw):
    """A picture as a prompt, one temperature, an array of them."""
    for temperature in (0.9, np.array([0.9])):
        done = draw(
            prompts=Image.new("RGB", (4, 4), "red"), drawing=drawing(temperature=temperature)
        )
        assert done.drawing.recipe.drawing.temperature == (0.9,)
        assert done.drawing.recipe.prompts == (None,)
