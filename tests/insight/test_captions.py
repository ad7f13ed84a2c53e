"""Measuring by models that know words: with an image's own caption, without, with another's."""

import json
import shutil

import numpy as np
import pytest

from pixace.cli import main
from pixace.errors import ImageError, UsageError
from pixace.insight.evaluator import get_evaluator
from pixace.insight.measuring import evaluate_images
from tests.tools.worded import write_worded

TEXTS = ["a red heart", "frog", "a blue heart", "frog"]


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    """A weights folder with a model that knows words, and one by convolutions."""
    folder = tmp_path_factory.mktemp("worded")
    for model_type in ("pointer", "pixelcnn"):
        write_worded(folder, model_type)
    return folder


def copied(painted, folder, texts):
    """Makes a folder of pictures with these captions; None has none."""
    folder.mkdir()
    for number, text in enumerate(texts):
        shutil.copy(painted / "val" / f"disc-{number:03d}.png", folder)
        if text is not None:
            (folder / f"disc-{number:03d}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def images(painted, tmp_path_factory):
    """Four pictures with captions, and one without."""
    return copied(painted, tmp_path_factory.mktemp("captioned") / "images", [*TEXTS, None])


def alone(evaluator, painted, folder, number, text):
    """Measures one picture with a caption, by itself."""
    folder.mkdir()
    shutil.copy(painted / "val" / f"disc-{number:03d}.png", folder / "alone.png")
    if text is not None:
        (folder / "alone.txt").write_text(text)
    return evaluator.evaluate(folder).nats_per_pixel


@pytest.mark.parametrize("model_type", ["pointer", "pixelcnn"])
def test_figures_with_the_right_caption_without_and_with_anothers(
    painted, images, worded, tmp_path, model_type
):
    evaluator = get_evaluator(model_type, weights_dir=worded)

    def mean(kind, texts):
        nats = [
            alone(evaluator, painted, tmp_path / f"{kind}{number}", number, text)
            for number, text in enumerate(texts)
        ]
        return pytest.approx(np.mean(nats), abs=1e-5)

    # Half of five is two further on; the one behind "frog" has no caption, as the picture 4 has.
    others = ["a blue heart", "a red heart", "a red heart", "a red heart", None]
    measured = evaluator.evaluate(images, batch_size=2)
    assert measured.nats_per_pixel == mean("right", [*TEXTS, None])
    assert measured.without_caption.nats_per_pixel == mean("without", [None] * 5)
    assert measured.wrong_caption.nats_per_pixel == mean("wrong", others)
    assert len({part.nats_per_pixel for part in measured}) == 3


def test_the_command_finds_captions_and_says_so(images, worded, capsys):
    words = ["evaluate", "--model_name=pixelcnn", f"--weights_dir={worded}", f"--images={images}"]
    assert main([*words, "--json"]) == 0
    told = capsys.readouterr()
    values = json.loads(told.out)
    assert f"{images}: captions: 4 of 5 images, from text files" in told.err
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[2:5] == [
        f"bits per pixel      {values['bits_per_pixel']:.4f}",
        f"  without captions  {values['bits_per_pixel_without_caption']:.4f}",
        f"  wrong captions    {values['bits_per_pixel_wrong_caption']:.4f}",
    ]
    assert main([*words, "--captions=none", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    without = values["bits_per_pixel_without_caption"]
    assert plain["bits_per_pixel"] == pytest.approx(without)
    assert plain["bits_per_pixel_without_caption"] is None
    assert plain["bits_per_pixel_wrong_caption"] is None


def test_where_all_captions_are_the_same_none_is_wrong(painted, worded, tmp_path):
    images = copied(painted, tmp_path / "same", ["frog", "Frog"])
    measured = evaluate_images(images, "pixelcnn", weights_dir=worded)
    assert measured.without_caption is not None
    assert measured.wrong_caption is None


def test_captions_that_are_asked_for_in_vain(painted, images, worded, weights_dir):
    with pytest.raises(ImageError, match="captions=metadata, but none of its images has such a"):
        evaluate_images(images, "pixelcnn", weights_dir=worded, captions="metadata")
    with pytest.raises(UsageError, match="captions=txt needs a model that knows words"):
        evaluate_images(images, "transformer", weights_dir=weights_dir, captions="txt")
    with pytest.raises(UsageError, match="captions"):
        evaluate_images(images, "transformer", weights_dir=weights_dir, captions="colours")
    plain = evaluate_images(images, "transformer", weights_dir=weights_dir)
    assert plain == evaluate_images(painted / "val", "transformer", weights_dir=weights_dir)
