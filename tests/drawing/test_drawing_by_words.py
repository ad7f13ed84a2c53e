"""Pictures drawn by words: from which probabilities, of every type of model, and what repeats."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.backend.door import jax
from pixace.cli import main
from pixace.drawing.layout import Layout
from pixace.drawing.outputs import Outputs
from pixace.drawing.recipe import Recipe, read_recipe
from pixace.errors import UsageError
from pixace.models.build import model_with_weights
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model_types import MODEL_TYPES
from pixace.tokens.text import text_tokens
from tests.tools.worded import write_worded

CHEAP = ("transformer", "pixelcnn")


@pytest.fixture(scope="module")
def worded_dir(tmp_path_factory):
    """A weights folder of models that know words, `transformer` and so on; not to be changed."""
    folder = tmp_path_factory.mktemp("worded")
    for model_type in MODEL_TYPES:
        write_worded(folder, model_type)
    return folder


class Judge:
    """A stored model in mode eval, compiled once for two pictures."""

    def __init__(self, predictor):
        stored = predictor._stored
        self._length = stored.config.caption_length
        self._model = jax.jit(model_with_weights(stored.config, "eval", stored.weights, 2))

    def logits(self, tokens, text):
        """Those of two pictures, int32 (2, L), that are of a text; float32 (2, L, V)."""
        captions = np.repeat(text_tokens([text], self._length), 2, axis=0)
        return np.asarray(self._model((tokens, captions)))

    def likelihood(self, tokens, text):
        log_probs = np.asarray(jax.nn.log_softmax(self.logits(tokens, text)))
        return np.take_along_axis(log_probs, tokens[..., None], axis=-1).sum(axis=(1, 2))


@pytest.fixture(
    scope="module",
    params=[pytest.param(t, marks=[] if t in CHEAP else [pytest.mark.slow]) for t in MODEL_TYPES],
)
def model(request, worded_dir):
    """Something that draws, and something that knows how likely that is."""
    predictor = pixace.get_predictor(request.param, weights_dir=worded_dir)
    return predictor, Judge(predictor)


def assert_same(one, other):
    """Compares two drawings bit by bit, but for what their recipes say."""
    np.testing.assert_array_equal(one.tokens, other.tokens)
    assert one.log_likelihood.tobytes() == other.log_likelihood.tobytes()


def test_guidance_1_is_the_model_s_own_distribution_and_0_is_without_words(model):
    predictor, judge = model
    options = {"seed": 1, "batch_size": 2, "temperature": [0, 1]}
    told = predictor.draw(text="A red  HEART:1", **options)
    plain = predictor.draw(**options)
    for drawn, text in ((told, "a red heart"), (plain, None)):
        for column, tokens in enumerate(drawn.tokens):
            own = judge.likelihood(tokens, text)
            np.testing.assert_allclose(drawn.log_likelihood[:, column], own, rtol=1e-3)
        best = judge.logits(drawn.tokens[0], text).argmax(-1)
        np.testing.assert_array_equal(drawn.tokens[0], best)
    assert_same(predictor.draw(text="a red heart", guidance=0, **options), plain)
    assert (np.stack(told.tokens) != np.stack(plain.tokens)).any()
    n_rows = {sampler.n_rows for sampler in predictor._samplers._made.values()}
    assert n_rows == {1}, "a second row is not needed"


def test_several_texts_push_and_pull(model):
    predictor, judge = model
    words = "a red heart:1 | blue:0.5 | frog:-1"
    drawn = predictor.draw(text=words, guidance=[2, 1], temperature=0, batch_size=2, seed=3)
    for column, guidance in enumerate((2, 1)):
        tokens = drawn.tokens[column]
        none, heart, blue, frog = (
            judge.logits(tokens, text) for text in (None, "a red heart", "blue", "frog")
        )
        mixed = none + guidance * (heart - none + 0.5 * (blue - none) - (frog - none))
        best = np.take_along_axis(mixed, tokens[..., None], axis=-1)[..., 0]
        np.testing.assert_allclose(best, mixed.max(axis=-1), atol=1e-3)
        own = judge.likelihood(tokens, "a red heart")
        np.testing.assert_allclose(drawn.log_likelihood[:, column], own, rtol=1e-3)


# --- with one type of model ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def predictor(worded_dir):
    return pixace.get_predictor("pixelcnn", weights_dir=worded_dir)


def test_columns_go_by_temperatures_and_within_each_by_guidances(predictor):
    options = {"text": "frog", "seed": 2}
    drawn = predictor.draw(temperature=[0, 1], guidance=[1, 0, 1], **options)
    assert [(tile["temperature"], tile["guidance"]) for tile in drawn.tiles()] == [
        *((0, 1), (0, 0), (0, 1)),
        *((1, 1), (1, 0), (1, 1)),
    ]
    columns = [tokens.tolist() for tokens in drawn.tokens]
    assert columns[0] == columns[2] != columns[1]
    assert columns[3] != columns[5], "each has noise of its own"
    assert drawn.temperatures == [0, 0, 0, 1, 1, 1]
    # A second row, which guidance 2 needs, leaves the others as they were.
    more = predictor.draw(temperature=[0, 1], guidance=[1, 0, 2], **options)
    for column in (0, 1, 3, 4):
        np.testing.assert_array_equal(more.tokens[column], drawn.tokens[column])
    np.testing.assert_allclose(
        more.log_likelihood[:, [0, 1, 3, 4]], drawn.log_likelihood[:, [0, 1, 3, 4]], rtol=1e-4
    )


def test_each_text_has_as_many_rows_as_pictures_are_asked_for(predictor):
    drawn = predictor.draw(text=["frog", "a red heart"], batch_size=2, seed=2)
    assert [tile["text"] for tile in drawn.tiles()] == ["frog"] * 2 + ["a red heart"] * 2
    frogs = predictor.draw(text="frog", batch_size=4, seed=2)
    hearts = predictor.draw(text="a red heart", batch_size=4, seed=2)
    np.testing.assert_array_equal(drawn.tokens[0][:2], frogs.tokens[0][:2])
    np.testing.assert_array_equal(drawn.tokens[0][2:], hearts.tokens[0][2:])


def test_each_prompt_is_completed_by_each_text(predictor, painted):
    prompts = sorted((painted / "val").iterdir())[:2]
    drawn = predictor.draw(prompts=prompts, text=["frog", "a red heart"], cut=20, seed=2)
    assert drawn.originals.shape == (4, 36)
    np.testing.assert_array_equal(drawn.originals[:2], drawn.originals[2:])
    np.testing.assert_array_equal(drawn.tokens[0][:, :20], drawn.originals[:, :20])
    assert drawn.recipe.prompts == tuple(map(str, prompts)) and drawn.recipe.layout.n_rows == 4
    assert drawn.collage().size == (3 * 256, 4 * 256)
    without = predictor.draw(prompts=prompts * 2, cut=20, seed=2)
    assert (drawn.tokens[0] != without.tokens[0]).any()
    whole = predictor.draw(prompts=prompts, text=["frog", "a red heart"], cut=36, seed=2)
    np.testing.assert_array_equal(whole.tokens[0], whole.originals)


def test_batches_change_no_picture(predictor):
    options = {"text": ["frog", "a red heart | frog:-1"], "guidance": [1, 2], "seed": 2}
    many = predictor.draw(batch_size=3, **options)  # 12 pictures of 3 rows, 4 at a time
    few = predictor.draw(batch_size=1, **options)
    for column in range(2):
        np.testing.assert_array_equal(many.tokens[column][0], few.tokens[column][0])


def test_of_candidates_the_one_that_the_caption_makes_likelier_is_kept(predictor):
    judge = Judge(predictor)
    options = {"text": "frog", "batch_size": 2, "best_of": 4, "seed": 2}
    drawn = predictor.draw(best_of_by="caption", **options)
    likeliest = predictor.draw(**options)
    gains = []
    for kept in (drawn, likeliest):
        told, none = (judge.likelihood(kept.tokens[0], text) for text in ("frog", None))
        np.testing.assert_allclose(kept.log_likelihood[:, 0], told, rtol=1e-3)
        gains.append(told - none)
    assert (gains[0] >= gains[1]).all() and (gains[0] > gains[1]).any()
    assert (drawn.log_likelihood <= likeliest.log_likelihood + 1e-3).all()


def test_a_class_is_a_text_that_the_model_has_learnt_so(predictor):
    drawn = predictor.draw(class_name=["frog", " HEART "], seed=2)
    assert_same(drawn, predictor.draw(text=["frog", "heart"], seed=2))
    assert [tile["text"] for tile in drawn.tiles()] == ["frog", " HEART "]
    assert predictor.config.caption_length == 12, "classes longer than that are learnt cut"
    predictor.draw(class_name="heart transplantation")
    with pytest.raises(UsageError, match="class 'hart' is not known; near are heart, hearth"):
        predictor.draw(class_name="hart")
    with pytest.raises(UsageError, match="class 'xyz' is not known; known are frog, heart, "):
        predictor.draw(class_name=["frog", "xyz"])
    emoji = pixace.get_predictor("emoji")
    with pytest.raises(UsageError, match="class needs a model that knows words"):
        emoji.draw(class_name="frog")


def test_words_that_no_caption_had_and_long_ones_are_told_in_a_line(predictor, caplog):
    with caplog.at_level(logging.WARNING, "pixace"):
        predictor.draw(text=["a Red heart | frog:-1", "blue"], seed=1)
        assert not caplog.messages
        predictor.draw(text=["purple hearts | frog", "purple frog"], seed=1)
    assert caplog.messages == [
        "no training caption had: purple, hearts",
        "the model reads 12 bytes of a text: 'purple', and no more of it",
    ]


def test_one_tile_is_drawn_alone_as_among_the_others(predictor):
    drawn = predictor.draw(text=["frog", "a red heart | frog:-1"], guidance=[1, 2], seed=2)
    recipe = dataclasses.replace(drawn.recipe, tile=(1, 1))
    again = Recipe.from_text(recipe.to_text())
    alone = predictor.draw_as(again.drawing, tile=again.tile)
    np.testing.assert_array_equal(alone.tokens[0][0], drawn.tokens[1][1])
    (tile,) = alone.tiles()
    assert (tile["text"], tile["guidance"]) == ("a red heart | frog:-1", 2)
    assert tile["log_likelihood"] == drawn.log_likelihood[1, 1]
    assert alone.pictures()[0][0].tobytes() == drawn.pictures()[1][1].tobytes()


def test_labels_are_below_each_row_and_only_where_they_are_asked_for(predictor):
    options = {"text": ["frog", "a red heart"], "seed": 1}
    for scale in (48, "8x"):
        plain, labelled = (
            np.asarray(predictor.predict(scale=scale, labels=labels, **options))
            for labels in (False, True)
        )
        assert plain.shape == (96, 48, 3)
        height = len(labelled) // 2
        assert height > 48
        for row in range(2):
            tiles = labelled[row * height :][:48]
            np.testing.assert_array_equal(tiles, plain[row * 48 :][:48], "as without labels")
            assert labelled[row * height + 48 : (row + 1) * height].any()


def test_labels_count_where_the_size_of_a_file_is_checked(here):
    outputs = Outputs.named("a.gif", None, None)
    settings = {"text": ("frog",), "batch_size": 255, "scale": 256}
    outputs.check(Layout(255, 1), DrawingSettings(**settings), (6, 6), 0, 0)
    with pytest.raises(UsageError, match=r"too large for \.gif"):
        outputs.check(Layout(255, 1), DrawingSettings(labels=True, **settings), (6, 6), 0, 0)


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def run(worded_dir, here, capsys, _messages_as_before):
    """Runs the command in an empty folder; returns its exit code, and what it printed."""

    def predict(*words, model_name="pixelcnn"):
        code = main(
            ["predict", f"--weights_dir={worded_dir}", f"--model_name={model_name}", *words]
        )
        return code, *capsys.readouterr()

    return predict


SMALL = ("--seed=3", "--scale=40")


def test_the_recipe_repeats_it_byte_for_byte_and_other_words_win(run, predictor):
    Path("texts.txt").write_bytes("\ufefffrog\r\n\n  red heart:2 | a:-1\r\n".encode())
    words = ["--texts=texts.txt", "--guidance=1,2", "--labels"]
    code, printed, _ = run(*words, *SMALL, "--out=a.png", "--film=a.gif", "--json")
    assert code == 0
    stored = json.loads(printed)["recipe"]["drawing"]
    assert stored["text"] == ["frog", "  red heart:2 | a:-1"]
    assert (stored["guidance"], stored["labels"]) == ([1.0, 2.0], True)
    assert "best_of_by" not in stored and "class_name" not in stored
    assert run("--like=a.png", "--out=b.png", "--film=b.gif")[0] == 0
    for suffix in (".png", ".gif"):
        assert Path(f"a{suffix}").read_bytes() == Path(f"b{suffix}").read_bytes()
    with Image.open("a.png") as collage, Image.open("a.gif") as film:
        assert film.size == (80, 80) and collage.width == 80 and collage.height > 100
    # Other words, and then none.
    assert run("--like=a.png", "--class=heart", "--out=c.png")[0] == 0
    drawing = read_recipe("c.png").drawing
    assert (drawing.text, drawing.class_name, drawing.guidance) == ((), ("heart",), (1, 2))
    assert run("--like=c.png", "--text=", "--out=d.png")[0] == 0
    assert read_recipe("d.png").drawing == DrawingSettings(seed=3, scale=40)
    with Image.open("d.png") as collage:
        assert collage.tobytes() == predictor.predict(seed=3, scale=40).tobytes()


def test_what_a_model_knows_is_listed(run):
    assert run("--text=?") == (
        0,
        "classes: frog, heart, hearth, house\n"
        "commonest of 5 words: a (2), frog (2), heart (2), red (2), blue (1)\n",
        "",
    )
    assert run("--class=?", model_name="emoji")[1] == "this model knows no words\n"
    code, printed, _ = run("--text=?", "--json")
    assert code == 0 and json.loads(printed) == {
        "classes": ["frog", "heart", "hearth", "house"],
        "words": {"a": 2, "frog": 2, "heart": 2, "red": 2, "blue": 1},
    }
    assert json.loads(run("--class=?", "--json", model_name="emoji")[1])["words"] == {}
    assert not [*Path().iterdir()]


def test_empty_words_are_told_where_no_recipe_names_any(run):
    for flag in ("text", "class"):
        code, _, told = run(f"--{flag}=", *SMALL, "--out=a.png")
        assert (code, told) == (0, f"warning: flag --{flag}= is empty: drawn without words\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class=hart"], "class 'hart' is not known; near are heart, hearth"),
        (["--text=|"], "text '|' holds an empty text"),
        (["--text=a:99"], "the weight of a text must be from -20 to 20"),
        (["--text=a", "--class=frog"], "text and class exclude each other"),
        (["--text=a", "--texts=a.txt"], "text and texts exclude each other"),
        (["--texts=gone.txt"], "texts gone.txt: cannot read: No such file"),
        (["--guidance=2"], "guidance needs words, by --text or --class"),
        (["--text=a", "--guidance=x"], "flag --guidance=x: not a list of numbers"),
        (["--text=a", "--best_of_by=words"], "best_of_by"),
        (["--text=a", "--model_name=emoji"], "text needs a model that knows words"),
        (["--class=a", "--model_name=emoji"], "class needs a model that knows words"),
        (["--class=|", "--class= "], "class must be words, at most"),
        (["--text=?", "--class=frog"], 'text="?" lists words and draws nothing; leave '),
        (["--class=?", "--out=a.png"], 'class="?" lists words and draws nothing; leave '),
    ],
)
def test_what_is_wrong_is_told_in_one_line(run, words, message):
    code, printed, told = run(*words, *SMALL)
    assert (code, printed) == (2, "")
    assert message in told and told.count("\n") == 1
