"""What the page asks for, checked value by value."""

import base64

import numpy as np
import pytest

from pixace.errors import UsageError
from pixace.serving.models import Models
from pixace.serving.orders import json_object, read_order, snapped
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import PAD_ID
from tests.tools.worded import write_worded

EDGE = 6  # of the stored model's pictures
PLAIN = {"model": "transformer"}


@pytest.fixture(scope="module")
def models(weights_dir) -> Models:
    return Models(weights_dir)


def packed(values) -> str:
    return base64.b64encode(np.asarray(values, np.uint8).tobytes()).decode()


def painting(n_kept: int, colour=(255, 0, 0, 255)):
    mask = np.arange(EDGE * EDGE) >= n_kept
    pixels = np.where(mask[:, None], (1, 2, 3, 0), colour)
    return {"prompt": packed(pixels), "mask": packed(mask)}


def test_settings(models: Models) -> None:
    order = read_order({**PLAIN, "n_pictures": 3, "temperature": 0.5, "seed": None}, models)
    assert (order.settings.batch_size, order.settings.temperature) == (3, (0.5,))
    assert order.settings.seed is None and order.prompt is None


def test_what_was_painted(models: Models) -> None:
    pictures = models.config("transformer").pictures
    red = codec_of(pictures).decode(codec_of(pictures).encode(np.array([[255, 0, 0]], np.uint8)))
    order = read_order({**PLAIN, **painting(8, (*red[0], 255)), "n_pictures": 3}, models)
    assert order.prompt is not None and order.mask is not None
    tokens = order.prompt.numbers(EDGE * EDGE, 99)
    assert (codec_of(pictures).decode(tokens[:8]) == red).all()
    assert (tokens[8:] == PAD_ID).all()
    assert order.mask.numbers(EDGE * EDGE, 2).tolist() == [0] * 8 + [1] * 28
    assert order.settings.temperature == (1.0,) * 3, "a column each"
    assert read_order({**PLAIN, **painting(0)}, models).prompt is None


def test_what_was_painted_is_in_reading_order_whatever_the_model_s(tmp_path) -> None:
    sent = painting(8)
    sent["sketch"] = sent["prompt"]
    for scan in ("rows", "columns"):
        write_worded(tmp_path, "pixelcnn", scan, scan)
    one, other = (
        read_order({"model": name, **sent}, Models(tmp_path)) for name in ("rows", "columns")
    )
    assert (one.prompt, one.mask, one.sketch) == (other.prompt, other.mask, other.sketch)


def test_a_sketch_is_on_the_models_background(models: Models) -> None:
    sketch = read_order({**PLAIN, "sketch": painting(8)["prompt"]}, models).sketch
    assert sketch is not None
    codec = codec_of(models.config("transformer").pictures)
    colours = codec.decode(sketch.numbers(EDGE * EDGE, codec.n_tokens))
    assert (colours[8:] == 0).all() and (colours[:8, 0] > 200).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "../emoji"}, "no such model"),
        ({"model": None}, "no such model"),
        ({"model": ["emoji"]}, "no such model"),
        ({"palette": "/etc/passwd"}, "'palette' is nothing that can be asked for"),
        ({"out": "a.png"}, "'out' is nothing"),
        ({"n_pictures": 17}, "n_pictures"),
        ({"n_pictures": True}, "n_pictures"),
        ({"best_of": 65}, "best_of"),
        ({"best_of": "1"}, "best_of"),
        ({"temperature": [1, 1]}, "temperature must be one value"),
        ({"text": ["a frog"] * 2}, "text must be one value"),
        ({"class_name": ["frog"] * 2}, "class_name must be one value"),
        ({"guidance": [1, 2]}, "guidance must be one value"),
        ({"temperature": "hot"}, "temperature|wrong type"),
        ({"temperature": {}}, "temperature|wrong type"),
        ({"temperature": float("nan")}, "temperature"),
        ({"seed": 2**40}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"text": "a frog"}, "text needs a model that knows words"),
        ({"text": {"a": 1}}, "text"),
        ({"guidance": 2}, "guidance needs words"),
        ({"symmetry": "up"}, "symmetry"),
        ({"sketch": packed(np.zeros(4))}, "sketch is not of the model's size"),
        ({**painting(8), "mask": packed(np.zeros(3))}, "mask is not of the model's size"),
        ({**painting(8), "mask": "?"}, "mask is not in base 64"),
        ({**painting(8), "mask": 3}, "mask is not in base 64"),
        ({"mask": painting(8)["mask"]}, "prompt is not in base 64"),
        ({**painting(8), "prompt": packed(np.zeros(7))}, "prompt is not of the model's size"),
    ],
)
def test_what_is_wrong_is_told(models: Models, values, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_order({**PLAIN, **values}, models)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(UsageError, match="not a JSON object"):
        json_object(body)


def test_colours_become_the_models_own(models: Models) -> None:
    codec = codec_of(models.config("transformer").pictures)
    pixels = np.array([[250, 10, 10, 255], [9, 9, 9, 0]], np.uint8)
    answer = base64.b64decode(snapped({**PLAIN, "pixels": packed(pixels)}, models))
    found = np.frombuffer(answer, np.uint8).reshape(-1, 4)
    np.testing.assert_array_equal(found[:, :3], codec.decode(codec.encode(pixels[:, :3])))
    assert (found[:, 3] == 255).all()
    with pytest.raises(UsageError, match="whole pixels"):
        snapped({**PLAIN, "pixels": packed([1, 2, 3])}, models)
