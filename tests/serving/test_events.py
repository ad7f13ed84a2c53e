"""A drawing as the page sees it: pixels as they come, and files as `predict` writes them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.request import draw_to_files
from tests.serving.test_orders import EDGE, painting


def canvases(events, n_tiles: int) -> list[np.ndarray]:
    """Returns the tiles, RGB, that the events of pixels make."""
    tiles = [np.zeros((EDGE * EDGE, 3), np.uint8) for _ in range(n_tiles)]
    for event in events:
        for tile, place, colour in event.get("pixels", ()):
            tiles[tile][place] = [*bytes.fromhex(colour)]
    return [tile.reshape(EDGE, EDGE, 3) for tile in tiles]


def picture(tile) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(tile["png"]))).convert("RGB"))


@pytest.mark.parametrize(
    ("asked", "n_steps"),
    [
        ({}, 37),
        (painting(8), 29),
        ({"best_of": 3}, 37),
        (painting(36), 1),
        ({"symmetry": "left-right"}, 37),
    ],
    ids=["new", "painted", "best of three", "all painted", "symmetric"],
)
def test_pixels_come_one_after_the_other_and_make_the_picture(page, asked, n_steps) -> None:
    answer = page.draw(**asked)
    assert answer.lines[0] == {"waiting": 0} and answer.lines[1] == {"opening": "transformer"}
    assert sum("total" in line for line in answer.lines) == n_steps
    tiles = answer.drawn["tiles"]
    if "best_of" not in asked:  # of which another one may win than that which was watched
        bits = answer.lines[-2]["bits"]
        for number, canvas in enumerate(canvases(answer.lines, 2)):
            np.testing.assert_array_equal(canvas, picture(tiles[number]))
            assert bits.get(str(number)) == (
                None if n_steps == 1 else pytest.approx(tiles[number]["bits_per_pixel"], abs=1e-3)
            )
    heat = Image.open(io.BytesIO(base64.b64decode(tiles[0]["surprise"])))
    assert heat.size == (EDGE, EDGE)


def test_predict_draws_the_same_byte_for_byte(page, weights_dir, tmp_path) -> None:
    """From the picture's own recipe, what was painted included; collage and film, too."""
    sketch = {"sketch": painting(9)["prompt"], "init_strength": 0.6, "symmetry": "left-right"}
    for name, asked in (("kept", {**painting(20), "temperature": 0.7}), ("sketch", sketch)):
        drawn = page.draw(**asked).drawn
        path = tmp_path / f"{name}.png"
        path.write_bytes(base64.b64decode(drawn["tiles"][1]["png"]))
        request = DrawRequest(like=path, weights_dir=weights_dir, out=f"{tmp_path}/{name}/")
        (again,) = draw_to_files(request).pictures
        assert again.read_bytes() == path.read_bytes()
    like, out, film = (tmp_path / name for name in ("c.png", "d.png", "d.gif"))
    like.write_bytes(page.ask("/collage", {"id": drawn["id"]}).body)
    draw_to_files(DrawRequest(like=like, weights_dir=weights_dir, out=out, film=film))
    assert out.read_bytes() == like.read_bytes()
    assert film.read_bytes() == page.ask("/film", {"id": drawn["id"]}).body


def test_a_drawing_that_is_forgotten(page, monkeypatch) -> None:
    monkeypatch.setattr("pixace.serving.events._MOST_KEPT", 1)
    first, second = (page.draw(n_pictures=1).drawn["id"] for _ in range(2))
    assert "forgotten" in page.ask("/film", {"id": first}).values["error"]
    assert page.ask("/film", {"id": second}).status == 200
    assert "forgotten" in page.ask("/film", {"id": "none"}).values["error"]
    assert page.ask("/collage", {"id": ["none"]}).status == 400
