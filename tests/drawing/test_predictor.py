import dataclasses
import functools
import http.server
import inspect
import itertools
import logging
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.backend.door import trax
from pixace.checkpoints.file import read_checkpoint, write_checkpoint
from pixace.dataset.reading import load_images
from pixace.drawing.completing import complete
from pixace.drawing.predictor import Predictor
from pixace.drawing.prompts import open_prompts
from pixace.drawing.recipe import Recipe
from pixace.drawing.sampler import Sampler
from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.insight.likelihood import Scorer
from pixace.models.build import build_model
from pixace.models.stored import open_model
from pixace.pictures.reading import open_image
from pixace.settings.drawing import DrawingSettings
from pixace.tokens import image_to_tokens, tokens_to_image
from tests.conftest import TINY, paint_stripes


@pytest.fixture(
    scope="module", params=["transformer", pytest.param("reformer", marks=pytest.mark.long)]
)
def predictor(request, weights_dir):
    return pixace.get_predictor(request.param, weights_dir=weights_dir)


def tiles(collage: Image.Image, scale: int) -> list[list[np.ndarray]]:
    """Cuts a collage into its tiles."""
    pixels = np.asarray(collage)
    rows, columns = pixels.shape[0] // scale, pixels.shape[1] // scale
    return [
        [pixels[r * scale : (r + 1) * scale, c * scale : (c + 1) * scale] for c in range(columns)]
        for r in range(rows)
    ]


def inside(tile: np.ndarray) -> np.ndarray:
    """The picture without its border, in a collage whose scale is image size + 2."""
    return tile[1:-1, 1:-1]


SCALE = TINY["image_size"] + 2  # one output pixel for each pixel: nothing is interpolated


def test_new_pictures_are_a_row_each_and_a_column_per_temperature(predictor):
    collage = predictor.predict(batch_size=3, temperature=[0.5, 1.0], scale=40, seed=1)
    assert collage.mode == "RGB"
    assert collage.size == (2 * 40, 3 * 40)


def test_a_prompt_has_the_tokens_that_training_would_give_it(predictor, tmp_path):
    """Also a large JPEG, which is not decoded in full."""
    path, config = tmp_path / "large.jpg", predictor.config
    paint_stripes(path)
    (learned,) = load_images(tmp_path, config).tokens
    assert (learned != image_to_tokens(open_image(path), 6, config.bitdepth)).any()
    collage = predictor.predict(prompts=[path], cut=14, scale=SCALE)
    expected = tokens_to_image(learned.astype(np.int32), config.bitdepth)
    np.testing.assert_array_equal(inside(tiles(collage, SCALE)[0][0]), np.asarray(expected))


def test_completions_show_prompt_cut_and_results(predictor, painted):
    paths = sorted((painted / "val").iterdir())[:2]
    cut = 14  # two rows and two pixels
    collage = predictor.predict(prompts=paths, cut=cut, temperature=[0, 1, 1], scale=SCALE, seed=1)
    grid = tiles(collage, SCALE)
    assert [len(row) for row in grid] == [5, 5]
    for path, row in zip(paths, grid, strict=True):
        tokens = image_to_tokens(open_image(path), 6, (2, 1, 2))
        expected = np.asarray(tokens_to_image(tokens, (2, 1, 2)))
        np.testing.assert_array_equal(inside(row[0]), expected)
        kept = inside(row[1]).reshape(36, 3)
        np.testing.assert_array_equal(kept[:cut], expected.reshape(36, 3)[:cut])
        assert (kept[cut:] == 0).all()
        for result in row[2:]:
            np.testing.assert_array_equal(
                inside(result).reshape(36, 3)[:cut], expected.reshape(36, 3)[:cut]
            )
    assert (grid[0][3] != grid[0][4]).any(), "two columns at one temperature differ"


def test_prompts_are_fetched_from_an_own_network_only_if_allowed(predictor, painted):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    path = next((painted / "val").iterdir())
    handler = functools.partial(Handler, directory=path.parent)
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        with pytest.raises(ImageError, match=f"^{url}: .* unless --allow_private_urls is given"):
            predictor.predict(prompts=[path, url])
        collage = predictor.predict(prompts=url, seed=1, allow_private_urls=True)
        server.shutdown()
    assert collage.tobytes() == predictor.predict(prompts=path, seed=1).tobytes()


@pytest.mark.parametrize("cut", [0, 1, 35, 36])
def test_any_cut_from_nothing_to_all(predictor, painted, cut):
    prompt = next((painted / "val").iterdir())
    grid = tiles(predictor.predict(prompts=[prompt], cut=cut, scale=SCALE, seed=1), SCALE)
    original, kept, result = (inside(tile).reshape(36, 3) for tile in grid[0])
    np.testing.assert_array_equal(kept[:cut], original[:cut])
    np.testing.assert_array_equal(result[:cut], original[:cut])
    assert (kept[cut:] == 0).all()


def test_half_the_pixels_are_kept_by_default(predictor, painted):
    prompt = next((painted / "val").iterdir())
    default = predictor.predict(prompts=[prompt], scale=SCALE, seed=1)
    assert (
        default.tobytes()
        == predictor.predict(prompts=[prompt], cut=18, scale=SCALE, seed=1).tobytes()
    )


def test_the_seed_reproduces_the_picture(predictor, caplog):
    first = predictor.predict(batch_size=2, seed=3, scale=SCALE)
    assert predictor.predict(batch_size=2, seed=3, scale=SCALE).tobytes() == first.tobytes()
    assert predictor.predict(batch_size=2, seed=4, scale=SCALE).tobytes() != first.tobytes()
    with caplog.at_level(logging.INFO, "pixace"):
        unseeded = predictor.predict(batch_size=2, scale=SCALE)
    seed = int(caplog.records[-1].message.removeprefix("seed "))
    repeated = predictor.predict(batch_size=2, seed=seed, scale=SCALE)
    assert repeated.tobytes() == unseeded.tobytes()


def test_temperature_zero_is_the_likeliest_by_trax_s_own_stream(weights_dir):
    """The same pixels as `autoregressive_sample_stream` on the bare model draws at 0."""
    for model_type in ("transformer", "reformer"):
        stored = open_model(weights_dir / model_type / "model.pkl.gz", {})
        model = stored.build("predict", batch_size=1)
        stream = trax.supervised.decoding.autoregressive_sample_stream(
            model, batch_size=1, temperature=0.0, accelerate=False
        )
        tokens = np.array([int(token[0]) for token in itertools.islice(stream, 36)])
        expected = np.asarray(tokens_to_image(tokens, (2, 1, 2)))
        predictor = pixace.get_predictor(model_type, weights_dir=weights_dir)
        collage = predictor.predict(temperature=0, scale=SCALE, seed=9)
        np.testing.assert_array_equal(inside(np.asarray(collage)), expected)


def test_the_stored_weights_are_those_that_were_trained(weights_dir):
    stored = open_model(weights_dir / "reformer" / "model.pkl.gz", {})
    model = build_model(stored.config, "eval")
    model.init_from_file(str(weights_dir / "reformer" / "model.pkl.gz"), weights_only=True)
    tokens = np.full((1, 36), 7, np.int32)
    np.testing.assert_array_equal(
        np.asarray(model(tokens)), np.asarray(stored.build("eval", 1)(tokens))
    )


@pytest.mark.slow
def test_a_checkpoint_is_a_path_a_step_latest_or_best(weights_dir):
    folder = weights_dir / "transformer"
    history = read_checkpoint(folder / "model.pkl.gz").history.validations()
    best = min(history, key=lambda point: point[1])[0]
    steps = {
        which: pixace.get_predictor(
            "transformer", weights_dir=weights_dir, checkpoint=which
        )._stored.step
        for which in ("3", "latest", "best", str(folder / "model-00003.pkl.gz"))
    }
    assert [*steps.values()] == [3, 6, best, 3]
    alone = pixace.get_predictor(checkpoint=str(folder / "model-00003.pkl.gz"))
    assert alone.config.image_size == 6


@pytest.mark.slow
def test_weights_without_settings_take_them_from_the_caller(weights_dir, tmp_path):
    path = tmp_path / "bare.pkl.gz"
    checkpoint = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz")
    checkpoint.resume = dataclasses.replace(checkpoint.resume, config=None)
    write_checkpoint(path, checkpoint, {})
    bare = pixace.get_predictor(checkpoint=str(path), model_type="transformer", **TINY)
    stored = pixace.get_predictor("transformer", weights_dir=weights_dir)
    options = {"batch_size": 1, "seed": 1, "scale": SCALE}
    assert bare.predict(**options).tobytes() == stored.predict(**options).tobytes()
    with pytest.raises(CheckpointError, match="--image_size=32"):
        pixace.get_predictor(checkpoint=str(path))


def test_a_file_on_its_own_knows_its_settings(weights_dir, tmp_path):
    shutil.copy(weights_dir / "transformer" / "model.pkl.gz", tmp_path / "alone.pkl.gz")
    predictor = pixace.get_predictor(checkpoint=tmp_path / "alone.pkl.gz")
    assert {name: getattr(predictor.config, name) for name in TINY} == TINY
    with pytest.raises(UsageError, match="image_size=9 contradicts image_size=6"):
        pixace.get_predictor(checkpoint=tmp_path / "alone.pkl.gz", image_size=9)


def test_a_tile_does_not_depend_on_the_tiles_beside_it(predictor):
    few = tiles(predictor.predict(batch_size=2, scale=SCALE, seed=1), SCALE)
    many = tiles(predictor.predict(batch_size=3, temperature=[1, 1], scale=SCALE, seed=1), SCALE)
    for row in range(2):
        np.testing.assert_array_equal(few[row][0], many[row][0])
        assert (many[row][0] != many[row][1]).any()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": []}, "temperature"),
        ({"scale": 0}, "scale"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"cut": 3}, "cut"),
    ],
)
def test_arguments_out_of_range_name_themselves(predictor, arguments, name):
    with pytest.raises(UsageError, match=name):
        predictor.predict(**arguments)


def test_a_cut_beyond_the_picture_is_refused(predictor, painted):
    prompt = next((painted / "val").iterdir())
    with pytest.raises(UsageError, match="cut must be from 0 to 36"):
        predictor.predict(prompts=[prompt], cut=37)


def test_a_bad_prompt_is_named(predictor, painted, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"bad\.png"):
        predictor.predict(prompts=[next((painted / "val").iterdir()), tmp_path / "bad.png"])


def test_progress_counts_the_drawn_pixels(predictor, painted):
    seen = []
    predictor.predict(
        prompts=[next((painted / "val").iterdir())],
        cut=30,
        seed=1,
        scale=SCALE,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 6) for done in range(7)]


def test_the_drawing_behind_the_collage(predictor, painted):
    prompts = [sorted((painted / "val").iterdir())[0], Image.new("RGB", (6, 6), "red")]
    options = {"prompts": prompts, "cut": 14, "temperature": [0.5, 1], "seed": 3, "scale": SCALE}
    drawing = predictor.draw(**options)
    assert [tokens.shape for tokens in drawing.tokens] == [(2, 36), (2, 36)]
    assert drawing.log_likelihood.shape == (2, 2)
    assert (drawing.log_likelihood < 0).all()
    assert drawing.seed == 3
    grid = tiles(drawing.collage(), SCALE)
    for row in range(2):
        for column in range(2):
            expected = np.asarray(tokens_to_image(drawing.tokens[column][row], (2, 1, 2)))
            np.testing.assert_array_equal(inside(grid[row][2 + column]), expected)
    picture = predictor.predict(**options)
    assert picture.tobytes() == drawing.collage().tobytes()
    assert picture.info["pixace"] == drawing.recipe.to_text()
    with pytest.raises(dataclasses.FrozenInstanceError):
        drawing.n_kept = 0


def test_the_recipe_says_what_drew_it(predictor, painted, tmp_path):
    prompts = [sorted((painted / "val").iterdir())[0], Image.new("RGB", (6, 6), "red")]
    drawing = predictor.draw(prompts=prompts, temperature=np.float32(1), top_k=np.int64(4), scale=9)
    recipe = drawing.recipe
    assert Recipe.from_text(recipe.to_text()) == recipe
    assert recipe.find_weights(predictor._stored.path.parent.parent) == predictor._stored.path
    assert (recipe.checkpoint, recipe.step) == ("model.pkl.gz", 6)
    assert recipe.prompts == (str(prompts[0]), None)
    assert recipe.config == predictor.config
    assert dataclasses.replace(recipe.drawing, seed=None) == DrawingSettings(scale=9, top_k=4)
    again = predictor.draw(prompts=prompts, top_k=4, seed=drawing.seed)
    np.testing.assert_array_equal(again.tokens, drawing.tokens)


def test_the_likelihood_is_that_of_evaluate(predictor):
    """As the model in mode eval computes it, whatever the temperature and the colours left out."""
    drawing = predictor.draw(batch_size=2, temperature=[0.5, 1.0], top_k=9, seed=1)
    model = predictor._stored.build("eval", 1)
    for column, tokens in enumerate(drawing.tokens):
        nats = Scorer(model).image_nats(model.weights, tokens, 2) * 36
        np.testing.assert_allclose(drawing.log_likelihood[:, column], -nats, rtol=1e-4)


def test_tiles_tell_place_temperature_and_bits(predictor, painted):
    prompt = next((painted / "val").iterdir())
    drawing = predictor.draw(prompts=prompt, cut=30, temperature=[0.5, 1.0], seed=1)
    tiles = drawing.tiles()
    assert [(t["row"], t["column"], t["temperature"]) for t in tiles] == [(0, 2, 0.5), (0, 3, 1.0)]
    for tile, nats in zip(tiles, drawing.log_likelihood[0], strict=True):
        assert tile["log_likelihood"] == nats
        assert tile["bits_per_pixel"] == pytest.approx(-nats / np.log(2) / 6)
    (whole,) = predictor.draw(prompts=prompt, cut=36, seed=1).tiles()
    assert (whole["log_likelihood"], whole["bits_per_pixel"]) == (0.0, None)


def test_a_stream_shows_the_pictures_as_they_come(predictor, painted):
    settings = DrawingSettings(cut=30, temperature=(0.5, 1.0), seed=1)
    sources = sorted((painted / "val").iterdir())[:2]
    prompts = open_prompts(sources, predictor.config.pictures, np.arange(36) < 30)
    steps = [*predictor.stream(settings, prompts)]
    assert [step.tokens.shape for step in steps] == [(4, t) for t in range(30, 37)]
    assert [(step.n_done, step.n_total) for step in steps] == [(done, 6) for done in range(7)]
    assert steps[0].places.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert [step.drawing for step in steps[:-1]] == [None] * 6
    expected = predictor.draw(prompts=sources, cut=30, temperature=[0.5, 1], seed=1)
    drawing = steps[-1].drawing
    np.testing.assert_array_equal(drawing.tokens, expected.tokens)
    np.testing.assert_array_equal(drawing.log_likelihood, expected.log_likelihood)
    assert drawing.recipe == expected.recipe
    np.testing.assert_array_equal(steps[-1].tokens[2], drawing.tokens[0][1])


def test_a_stream_may_be_left_at_any_pixel(predictor):
    settings = DrawingSettings(seed=1)
    stream = predictor.stream(settings)
    begun = [next(stream) for _ in range(10)][-1].tokens
    stream.close()
    whole = predictor.draw(seed=1).tokens[0]
    np.testing.assert_array_equal(begun, whole[:, :9])


def test_prompts_keep_what_the_settings_say(predictor):
    kept = np.arange(36) < 20
    (prompt,) = open_prompts([Image.new("RGB", (6, 6))], predictor.config.pictures, kept)
    with pytest.raises(UsageError, match="prompts keep other pixels than the settings"):
        predictor.draw_as(DrawingSettings(), [prompt])
    (step,) = predictor.stream(
        DrawingSettings(cut=36, seed=1), [dataclasses.replace(prompt, kept=np.ones(36, bool))]
    )
    np.testing.assert_array_equal(step.drawing.tokens[0][0], prompt.tokens)


def test_predict_takes_what_draw_takes():
    predict, draw = map(inspect.signature, (Predictor.predict, Predictor.draw))
    assert predict.parameters == draw.parameters
    assert (predict.return_annotation, draw.return_annotation) == ("Image.Image", "Drawing")


@pytest.mark.slow
def test_the_best_of_several_is_the_likeliest(predictor, painted):
    options = {"prompts": sorted((painted / "val").iterdir())[:2], "temperature": [1, 1], "seed": 5}
    first = predictor.draw(**options)
    n, length = 3, 36
    drawing = predictor.draw(**options, best_of=n)
    # Every candidate by itself.
    sampler = Sampler(predictor._stored.build("predict", 12), 12)
    places = [(row, column, i) for row in range(2) for column in range(2) for i in range(n)]
    prompt = np.repeat(drawing.originals[:, :18], 2 * n, axis=0)
    *_, drawn = complete(
        sampler, prompt, length, temperatures=np.ones(12), seed=5, picture_ids=places
    )
    nats = drawn.log_likelihood.reshape(2, 2, n)
    np.testing.assert_allclose(first.log_likelihood, nats[..., 0], rtol=1e-4)
    np.testing.assert_allclose(drawing.log_likelihood, nats.max(axis=-1), rtol=1e-4)
    candidates = drawn.tokens.reshape(2, 2, n, length)
    for row in range(2):
        for column in range(2):
            np.testing.assert_array_equal(first.tokens[column][row], candidates[row, column, 0])
            best = candidates[row, column, nats[row, column].argmax()]
            np.testing.assert_array_equal(drawing.tokens[column][row], best)
    assert (nats.argmax(axis=-1) > 0).any(), "not all are the first"


@pytest.mark.slow
def test_more_than_a_batch_are_drawn_as_in_one(weights_dir):
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    seen = []
    many = predictor.draw(
        batch_size=35, seed=2, progress=lambda done, total: seen.append((done, total))
    )
    assert [batch_size for batch_size, *_ in predictor._samplers._made] == [12], (
        "three of one shape"
    )
    assert seen[0] == (0, 3 * 36) and seen[-1] == (3 * 36, 3 * 36)
    assert seen == sorted(seen) and {done for done, _ in seen} == set(range(3 * 36 + 1))
    sampler = Sampler(predictor._stored.build("predict", 35), 35)
    *_, drawn = complete(
        sampler,
        None,
        36,
        temperatures=np.ones(35),
        seed=2,
        picture_ids=[(row, 0, 0) for row in range(35)],
    )
    np.testing.assert_array_equal(many.tokens[0], drawn.tokens)
    np.testing.assert_allclose(many.log_likelihood[:, 0], drawn.log_likelihood, rtol=1e-4)


def test_the_command_writes_what_the_api_returns(weights_dir, painted, tmp_path):
    prompts = sorted((painted / "val").iterdir())[:2]
    out = tmp_path / "new" / "collage.png"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pixace", "predict"),
            *("--model_name=transformer", f"--model_dir={weights_dir}"),
            f"--prompt={prompts[0]},{prompts[1]}",
            *("--temperature=0.9,1.0", "--seed=4", "--scale=32", "--cut=10", "--top_k=5"),
            f"--out={out}",
        ],
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{out}\n"
    expected = pixace.get_predictor("transformer", weights_dir=weights_dir).predict(
        prompts=prompts, temperature=[0.9, 1.0], seed=4, scale=32, cut=10, top_k=5
    )
    assert Image.open(out).tobytes() == expected.tobytes()
