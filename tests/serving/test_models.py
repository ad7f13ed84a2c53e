"""Which models there are, and what the page is told of each."""

import shutil

import pytest

from pixace.errors import CheckpointError, UsageError
from pixace.serving.models import Models, swatches
from pixace.settings.pictures import PictureSettings
from tests.tools.worded import write_worded


def test_names(weights_dir, tmp_path) -> None:
    shutil.copytree(weights_dir / "transformer", tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert Models(tmp_path).names() == ["emoji", "mine"]
    assert Models(tmp_path / "none").names() == ["emoji"]
    assert Models(tmp_path, "mine").chosen == "mine"
    with pytest.raises(CheckpointError, match="no such model"):
        Models(tmp_path, "other")
    with pytest.raises(UsageError):
        Models(tmp_path, "../mine")


def test_what_the_page_is_told(tmp_path) -> None:
    write_worded(tmp_path, "transformer")
    told = Models(tmp_path).described("transformer")
    assert told["knows_words"] and told["words"] and (told["width"], told["height"]) == (6, 6)
    assert len(told["swatches"]) <= told["n_colours"]
    emoji = Models(tmp_path).described("emoji")
    assert (emoji["knows_words"], emoji["n_colours"]) == (False, 1024)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("colours", ["palette:000000,ff004d,ffffff", "hsv:4,3,3", "grey:4"])
def test_swatches_are_colours_of_the_model(colours: str, alpha: bool) -> None:
    found = swatches(PictureSettings(4, 4, colours, alpha=alpha))
    assert len(set(found)) == len(found) <= 256
    if colours.startswith("palette"):
        assert found == ["000000", "ff004d", "ffffff"]
    else:
        assert len(found) >= 16


def test_a_model_is_opened_once_and_anew_where_it_has_changed(weights_dir, tmp_path) -> None:
    shutil.copytree(weights_dir / "transformer", tmp_path / "mine")
    models = Models(tmp_path)
    first = models.predictor("mine")
    assert models.predictor("mine") is first
    shutil.copy(weights_dir / "transformer" / "model-00003.pkl.gz", tmp_path / "mine/model.pkl.gz")
    assert models.predictor("mine") is not first
