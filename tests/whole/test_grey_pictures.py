"""Grey, and black and white: what models of value alone learn and draw, from folder to collage."""

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.drawing.completing import complete
from pixace.drawing.sampler import Sampler
from pixace.models.build import model_with_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import CONVOLUTION_TYPES, MODEL_TYPES
from pixace.tokens import image_to_tokens, tokens_to_image
from pixace.tokens.vocabulary import token_count
from tests.tools.random_arrays import random_arrays

EDGE = 6
CUT = 20


def sizes_of(model_type: str) -> dict[str, int]:
    """The sizes of a tiny model."""
    own = {"kernel_size": 3} if model_type in CONVOLUTION_TYPES else {"n_heads": 2}
    return {"d_model": 16, "d_ff": 16, "n_layers": 1, **own}


def paint_greys(folder, count: int, levels: int, seed: int) -> dict[str, np.ndarray]:
    """Writes pictures of random greys, all of `levels` equally far apart; returns their pixels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    painted = {}
    for number in range(count):
        pixels = rng.integers(0, levels, (EDGE, EDGE)) * (255 // (levels - 1))
        painted[str(folder / f"{number}.png")] = pixels
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return painted


@pytest.mark.parametrize("bits", [pytest.param(1, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_model_type_draws_greys(model_type, bits):
    """The prompt is kept exactly, and what is drawn is grey, at any weights."""
    bitdepth = (0, 0, bits)
    config = ModelConfig(model_type, EDGE, bitdepth, **sizes_of(model_type))
    arrays = random_arrays(config)
    assert (2**bits + 2, 16) in {array.shape for array in arrays}, "a row for each token"
    sampler = Sampler(model_with_weights(config, "predict", arrays, 1), 1)
    pixels = np.random.default_rng(0).integers(0, 2**bits, (EDGE, EDGE)) * (255 // (2**bits - 1))
    prompt = image_to_tokens(Image.fromarray(pixels.astype(np.uint8)), EDGE, bitdepth)
    *_, drawn = complete(sampler, prompt[None, :CUT], config.n_pixels, temperatures=[1.0], seed=0)
    shown = np.asarray(tokens_to_image(drawn.tokens[0], bitdepth)).astype(int)
    assert (shown == shown[..., :1]).all()
    np.testing.assert_array_equal(shown.reshape(-1, 3)[:CUT, 0], pixels.reshape(-1)[:CUT])
    assert drawn.tokens.max() < token_count(bitdepth)  # reserved ids are drawn, too, and are black


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_type", "bits"),
    [
        ("transformer", 8),
        *(
            pytest.param(model_type, bits, marks=pytest.mark.long)
            for model_type in MODEL_TYPES
            for bits in (1, 8)
            if (model_type, bits) != ("transformer", 8)
        ),
    ],
)
def test_a_model_of_value_alone(model_type, bits, tmp_path):
    """Trained through the token cache, asked to complete a picture, and measured."""
    levels, bitdepth = 2**bits, (0, 0, bits)
    paint_greys(tmp_path / "train", 8, levels, seed=1)
    val = paint_greys(tmp_path / "val", 2, levels, seed=2)
    place = {"weights_dir": tmp_path / "weights"}
    trainer = pixace.get_trainer(
        "m",
        **place,
        model_type=model_type,
        image_size=EDGE,
        bitdepth=bitdepth,
        **sizes_of(model_type),
    )
    trainer.train(
        images=str(tmp_path / "train"), val_images=str(tmp_path / "val"), batch_size=4,
        steps_per_epoch=1, n_epochs=1, cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    predictor = pixace.get_predictor("m", **place)
    collage = predictor.predict(
        prompts=list(val), cut=CUT, temperature=[1.0], scale=EDGE + 2, seed=1
    )
    rows = np.asarray(collage).reshape(2, EDGE + 2, 3, EDGE + 2, 3).transpose(0, 2, 1, 3, 4)
    inside = rows[:, :, 1:-1, 1:-1].astype(int)  # row, column of the collage, y, x, channel
    assert (inside == inside[..., :1]).all(), "greys only"
    for given, (prompt, kept, drawn) in zip(val.values(), inside[..., 0], strict=True):
        np.testing.assert_array_equal(prompt, given)
        np.testing.assert_array_equal(kept.reshape(-1)[:CUT], given.reshape(-1)[:CUT])
        np.testing.assert_array_equal(drawn.reshape(-1)[:CUT], given.reshape(-1)[:CUT])
        assert (drawn % (255 // (levels - 1)) == 0).all()
    evaluation = pixace.get_evaluator("m", **place).evaluate(str(tmp_path / "val"))
    # Random greys cannot be known: an untrained model's guess costs about log2 V bits.
    assert bits - 0.5 < evaluation.bits_per_pixel < bits + 3
