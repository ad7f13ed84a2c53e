"""The likeliest of several captions: what is found, how it is counted, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.cli import main
from pixace.dataset.captions import Captions
from pixace.errors import UsageError
from pixace.insight.classification import Classifier, classifier_of
from pixace.insight.evaluator import get_evaluator
from pixace.insight.measuring import score_images
from pixace.settings.model import ModelConfig
from tests.tools.worded import WORDS, write_worded

WORDED = ModelConfig("pixelcnn", caption_length=12)
PLAIN = ModelConfig("pixelcnn")


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    """A weights folder with a model that knows words and the classes of `WORDS`."""
    folder = tmp_path_factory.mktemp("worded")
    write_worded(folder, "pixelcnn")
    return folder


@pytest.fixture(scope="module")
def images(painted, tmp_path_factory):
    """Class folders, three pictures in `frog` and two in `tree`, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("classes") / "images"
    for number, name in enumerate(["frog", "tree", "frog", "tree", "frog"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(painted / "val" / f"disc-{number:03d}.png", folder / name)
    (folder / "frog" / "text.png").write_text("not a picture")
    return folder


def test_the_likeliest_is_told_with_how_sure_it_is_and_whether_it_is_right():
    classifier = Classifier(["cat", "dog"], 4)
    assert classifier.words.tolist() == [[100, 98, 117, 0], [101, 112, 104, 0]]
    nats = np.array([[3000.0, 3000 + np.log(3)], [2, 1], [5, 5]])
    classifier.add(nats, Captions([["a cat", "cat"], ["cat"], ["frog"]]))
    classifier.add(nats[1:2], Captions([[]]))
    found = classifier.ordered(np.array([3, 0, 1, 2]))
    assert [found.text(number) for number in range(4)] == ["dog", "cat", "dog", "cat"]
    sure = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(found.probability, [sure, 0.75, sure, 0.5])
    assert found.is_right == [None, True, False, None]
    assert (found.n_told, found.accuracy) == (2, 0.5)
    assert classifier.ordered(np.array([3, 2])).accuracy is None


@pytest.mark.parametrize(
    ("text", "classes", "config", "words", "message"),
    [
        (["a cat", "a dog"], False, PLAIN, NO_WORDS, "text needs a model that knows words"),
        ([], True, PLAIN, NO_WORDS, "classes needs a model that knows words"),
        (["a cat", "a dog"], True, WORDED, WORDS, "exclude each other"),
        (["a cat", "A  Cat"], False, WORDED, WORDS, "two different captions or more"),
        (["a cat", " "], False, WORDED, WORDS, "text must be words"),
        ("a cat", False, WORDED, WORDS, "text must be at most"),
        ([], "yes", WORDED, WORDS, "classes"),
        ([], True, WORDED, WordsRecord(classes=("one",)), "two classes or more"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(text, classes, config, words, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(text, classes, config, words)


def test_words_that_no_caption_had_and_long_ones_are_told_in_a_line(caplog):
    for text, classes in ((["a red heart", "Frog"], False), ([], True)):
        assert classifier_of(text, classes, WORDED, WORDS) and not caplog.messages
    classifier_of(["purple hearts", "a heart of blue"], False, WORDED, WORDS)
    assert caplog.messages == [
        "no training caption had: purple, hearts, of",
        "the model reads 12 bytes of a text: 'purple', and no more of it",
        "the model reads 12 bytes of a text: 'a heart of', and no more of it",
    ]


def test_each_image_is_measured_with_each_caption_and_ranked_by_its_own(images, worded):
    evaluator = get_evaluator("pixelcnn", weights_dir=worded)
    texts = ["a blue heart", "Tree"]
    ranking = evaluator.score(images, 3, text=texts)
    own = evaluator.score(images, 8)
    assert own.classification is None
    assert [*ranking.paths] == [*own.paths]
    np.testing.assert_allclose(ranking.nats_per_pixel, own.nats_per_pixel, atol=1e-5)
    assert ranking.nats_per_pixel.mean() == pytest.approx(evaluator.evaluate(images).nats_per_pixel)

    chosen = ranking.classification
    assert chosen.texts == ("a blue heart", "tree")
    for number, path in enumerate(ranking.paths):
        nats = np.array([_alone(evaluator, path, text) for text in texts])
        assert chosen.likeliest[number] == nats.argmin()
        expected = 1 / np.exp(nats.min() - nats).sum()
        assert chosen.probability[number] == pytest.approx(expected, abs=1e-3)
        is_tree = path.parent.name == "tree"
        assert chosen.is_right[number] == ((nats.argmin() == 1) if is_tree else None)


def _alone(evaluator, path, text):
    """Returns -ln p of a whole picture given a caption, which stands in a file beside it."""
    folder = path.parents[2] / f"{path.stem}-{text}"
    folder.mkdir()
    shutil.copy(path, folder)
    (folder / path.name).with_suffix(".txt").write_text(text)
    return evaluator.evaluate(folder).nats_per_pixel * 36


def test_the_command(images, worded, capsys):
    words = ["score", "--model_name=pixelcnn", f"--weights_dir={worded}", f"--images={images}"]
    assert main([*words, "--classes", "--json"]) == 0
    told = capsys.readouterr()
    printed = json.loads(told.out)
    assert "captions: 6 of 6 images, from class folders; 2 classes" in told.err
    assert printed["texts"] == ["frog", "heart", "hearth", "house"]
    frogs = [row for row in printed["images"] if row["is_right"] is not None]
    assert printed["n_told"] == len(frogs) == 3
    assert all(row["is_right"] == (row["likeliest"] == "frog") for row in frogs)
    assert printed["accuracy"] == pytest.approx(sum(row["is_right"] for row in frogs) / 3)

    assert main([*words, "--text=frog", "--text=tree"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == "rank  bits/pixel   sure  likeliest  image"
    assert lines[1] == f"   -  unreadable                    {images}/frog/text.png"
    assert {line[25:36].rstrip() for line in lines[2:]} <= {"frog", "tree"}
    assert all(f"  {images}/" == line[34 : 36 + len(f"{images}/")] for line in lines[2:])
    assert " % of the 5 images that have one of these captions" in told.err

    assert main([*words, "--text=frog", "--text==SUM(A1)", "--csv"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["rank", "bits_per_pixel", "path", "problem", "likeliest", "probability"]
    assert {row[4] for row in rows[2:]} <= {"frog", "'=sum(a1)"}


def test_a_model_without_words_is_refused_with_exit_code_2(images, weights_dir, capsys):
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}", f"--images={images}"]
    for flags in (["--text=frog", "--text=tree"], ["--classes"]):
        assert main(["score", *model, *flags]) == 2
        assert capsys.readouterr().err == (
            f"pixace: {'classes' if len(flags) == 1 else 'text'} needs a model that knows words, "
            "which this one does not; leave it out\n"
        )
    with pytest.raises(UsageError, match="captions=txt needs a model that knows words"):
        score_images(images, "transformer", weights_dir=weights_dir, captions="txt")
