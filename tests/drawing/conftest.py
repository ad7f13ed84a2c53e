"""What tests of whole drawings share: a folder to draw into, and something that draws."""

import pytest

from pixace.drawing.request import DrawRequest, draw_to_files


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def draw(weights_dir):
    """Draws with the tiny transformer, or else as asked."""

    def draw_as(progress=None, **request):
        named = {} if "like" in request else {"model_name": "transformer"}
        request = DrawRequest(**{"weights_dir": weights_dir, **named, **request})
        return draw_to_files(request, progress)

    return draw_as
