"""What a user of the program meets stays as it was: the record is in `fixtures/golden.json`.

Here is only what comes out the same on every processor. Floating-point numbers do not, as rounding
differs: weights are compared not at all, likelihoods roughly, and of drawings the tokens, which are
the same as long as no two colours are equally likely to within the rounding.

Where a change of the record is meant, `python -m tests.whole.test_golden` writes it anew.
"""

import base64
import contextlib
import dataclasses
import hashlib
import io
import json
import re
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.prompts import open_prompts
from pixace.settings.drawing import DrawingSettings
from tests.conftest import paint
from tests.tools.places import FIXTURES
from tests.tools.tiny import TINY

FIXTURE = FIXTURES / "golden.json"

COMMANDS = (
    *("download", "check", "quantize", "train", "plan", "predict"),
    *("evaluate", "score", "plot", "report", "completion"),
)
TYPES = ("transformer", "reformer", "pixelcnn", "pixelcnn_residual")

# After the command come wrong words; what is there is in `a_folder`.
WRONG = [
    "trian",
    "xyz",
    "train folder",
    "train --image_sise=16",
    "train",
    *(
        f"train --images=album --{flag}"
        for flag in (
            *("image_size=0", "image_size=257", "batch_size=0", "batch_size=x", "accumulate=3"),
            *("n_heads=7", "d_model=1", "n_layers=129", "kernel_size=3", "seed=-1", "dropout=1"),
            *("learning_rate=nan", "bitdepth=5,4", "bitdepth=5,4,x", "bitdepth=8,8,8"),
            *("background=reddish", "model_name=../x", "model_name=", "images=", "images=nowhere"),
            *("images=empty", "val_images=nowhere", "steps_per_epoch=0", "keep_checkpoints=0"),
            *("checkpoint=nowhere.pkl.gz", "cache_dir=", "num_processes=2"),
        )
    ),
    "train --images=album --model_type=pixelcnn --kernel_size=4",
    "train --images=album --model_type=pixelcnn --positions=grid",
    "train --images=album --model_name=faces --image_size=16",
    "train --images=album --model_name=strange",
    "train --images=album --coordinator=x --num_processes=2 --process_id=0",
    "predict",
    "predict --model_name=nobody",
    "predict --checkpoint=nowhere.pkl.gz",
    "predict --like=nowhere.png",
    "predict --like=album/0.png",
    *(
        f"predict --model_name=faces --{flag}"
        for flag in (
            *("temperature=hot", "temperature=-1", "top_p=0", "top_k=-1", "n_images=10001"),
            *("best_of=0", "film=film.png", "scale=0", "seed=-1", "cut=-1", "cut=3", "out=x.tiff"),
            *("prompt=", "prompt=nowhere.png", "prompt=text.png", "prompt=http://127.0.0.1:1/b"),
            *("nearest=nowhere", "cache_dir=x", "checkpoint=100", "checkpoint=latest"),
            *("bitdepth=5,4,4", "kernel_size=3"),
        )
    ),
    "predict --model_name=emoji --out=a.gif --film=a.gif",
    "predict --model_name=emoji --prompt=album/0.png --cut=300",
    "evaluate",
    "evaluate --model_name=faces",
    "evaluate --images=album",
    "evaluate --model_name=faces --images=album --batch_size=0",
    "evaluate --model_name=faces --images=album",
    "score --model_name=faces --images=album --json --csv",
    "score --model_name=faces --images=album --surprise=x.tiff",
    "check",
    "check --images=album --split=0.5",
    "check --images=album --split=1 --out=x",
    "check --images=album --split=0.5 --out=album/x",
    "quantize",
    "quantize --images=album --scale=63",
    "quantize --images=album --bitdepth=5,4",
    "plan --memory=x",
    "plan --images=nowhere",
    "plot",
    "plot --model_name=faces --out=x.jpg",
    "plot --model_name=faces --image_size=8",
    "report",
    "report --model_name=faces --out=x.pdf",
    "report --model_name=nobody",
    "download --model_name=nobody",
    "download --url=x",
    "download --model_name=emoji --checkpoint=9",
    "download --model_name=emoji --sha256=xyz",
    "download --model_name=new --url=ftp://x/y",
]


def said(*words: str) -> list:
    """Runs a command in this process; returns its exit code, its results and its messages."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return [code, out.getvalue(), err.getvalue()]


def pictures() -> dict[str, Image.Image]:
    """Pictures that are the same everywhere."""
    y, x = np.mgrid[:48, :64]
    ramp = np.stack([x * 4, y * 5, (x + y) * 2], -1).astype(np.uint8)
    hues = np.stack([x * 4, 255 - y * 5, np.full_like(x, 250)], -1).astype(np.uint8)
    noise = np.stack([x * x * 7 + y * 31, x * y * 29, y * y * 13 + x], -1).astype(np.uint8)
    return {
        "ramp": Image.fromarray(ramp),
        "hues": Image.fromarray(hues, "HSV").convert("RGB"),
        "noise": Image.fromarray(noise),
        "grey": Image.fromarray((x * 4).astype(np.uint8)),
        "clear": Image.fromarray(np.dstack([ramp, 255 - ramp[..., 0]])),
        "palette": Image.fromarray((x // 8).astype(np.uint8), "P"),
    }


def a_folder(folder: Path) -> None:
    """What there is around the wrong words."""
    (folder / "album").mkdir()
    (folder / "empty").mkdir()
    Image.new("RGB", (8, 8), (9, 2, 3)).save(folder / "album" / "0.png")
    (folder / "text.png").write_text("no picture")
    for name, size in (("faces", 8), ("strange", "8")):
        model = folder / "model-weights" / name
        model.mkdir(parents=True)
        settings = {"image_size": size, "bitdepth": [3, 2, 2], "model_type": "transformer"}
        (model / "config.json").write_text(json.dumps(settings))
        (model / "model.pkl.gz").write_bytes(b"no weights")


# --- what is observed: each returns plain JSON values ---------------------------------------------


def flags() -> dict:
    """The flags of each command, with their defaults."""
    found = {}
    for command in COMMANDS:
        code, text, messages = said(command, "--help")
        assert (code, messages) == (0, "")
        lines = re.findall(r"(?m)^  --(\w+)(?:=(.*))?$", text)
        found[command] = " ".join(sorted(f"{name}={default}" for name, default in lines))
    return found


def messages() -> dict:
    """What is said to wrong words, and the exit code."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        a_folder(Path(folder))
        for words in WRONG:
            code, results, text = said(*words.split(" "))
            assert results == ""
            found[words] = f"{code} {text.removeprefix('pixace: ').rstrip()}"
    return found


def tokens() -> dict:
    """The tokens of pictures of several modes, and the colours that these stand for."""
    found = {}
    for name, img in pictures().items():
        for size, bits, background in (
            (6, (2, 1, 2), "black"),
            (16, (4, 3, 3), "white"),
            (32, (5, 4, 4), "#336699"),
            (28, (0, 0, 8), "red"),
        ):
            ids = pixace.tokens.image_to_tokens(img, size, bits, background)
            shown = np.asarray(pixace.tokens.tokens_to_image(ids, bits))
            digest = hashlib.sha256(ids.astype("<i4").tobytes() + shown.tobytes())
            found[f"{name} {size} {bits}"] = digest.hexdigest()[:24]
    return found


def settings() -> dict:
    """The settings of a new model of each type, where none are named."""
    return {
        model_type: pixace.get_trainer("x", model_type=model_type).config.as_flags()
        for model_type in TYPES
    }


def packed(ids: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.asarray(ids).astype("<u2").tobytes(), 9)).decode()


def unpacked(text: str) -> list[int]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u2").tolist()


def drawings() -> dict:
    """What the ready model draws and completes, with its recipe."""
    predictor = pixace.get_predictor("emoji", weights_dir="nowhere")
    new = predictor.draw(2, seed=7, temperature=[0.0, 1.0], scale=16)
    sources = list(pictures().values())[:4]
    opened = open_prompts(sources, predictor.config.pictures, np.arange(256) < 200)
    prompts = [dataclasses.replace(p, name=name) for p, name in zip(opened, "abcd", strict=True)]
    settings = DrawingSettings(cut=200, temperature=(1.0,), seed=8, scale=16)
    completed = predictor.draw_as(settings, prompts)
    ids = [*new.tokens, *completed.tokens]
    return {
        "tokens": [packed(row) for column in ids for row in column],
        "recipes": [new.recipe.to_text(), completed.recipe.to_text()],
        "bits per pixel": [
            round(tile["bits_per_pixel"], 6) for tile in new.tiles() + completed.tiles()
        ],
    }


def training() -> dict:
    """What one step of a training leaves behind, and says."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        paint(Path("train"), 5, seed=1)
        values = {
            **{"model_name": "faces", "images": "train", "val_images": "train"},
            **{"model_type": "transformer", **TINY, "bitdepth": "2,1,2", "recompute": "false"},
            **{"batch_size": 2, "steps_per_epoch": 1, "n_epochs": 1},
        }
        code, results, text = said("train", *(f"--{k}={v}" for k, v in values.items()))
        assert (code, results) == (0, "model-weights/faces\n")
        # Neither of the machine nor of the clock.
        lines = [
            line for line in text.splitlines() if not re.match("device|warning|.*  step", line)
        ]
        top = Path("model-weights")
        names = sorted(str(path.relative_to(top)) for path in top.rglob("*"))
        return {
            "config.json": Path("model-weights/faces/config.json").read_text(),
            "files": [re.sub(r"(tfevents)\..*(\.v2)", r"\1\2", name) for name in names],
            "messages": [re.sub(r"\d+\.\d+", "N", line) for line in lines],
        }


# --- and compared with the record ---------------------------------------------------------------


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads(FIXTURE.read_text("utf-8"))


@pytest.mark.usefixtures("_messages_as_before")
def test_commands_have_the_flags_and_defaults_of_the_record(golden):
    """More flags may have come."""
    now = flags()
    assert now.keys() >= golden["flags"].keys()
    for command, words in golden["flags"].items():
        assert set(now[command].split()) >= set(words.split()), command


@pytest.mark.usefixtures("_messages_as_before")
def test_wrong_words_get_the_messages_and_exit_codes_of_the_record(golden):
    assert messages() == golden["messages"]


def test_pictures_have_the_tokens_of_the_record(golden):
    assert tokens() == golden["tokens"]


def test_new_models_have_the_settings_of_the_record(golden):
    assert settings() == golden["settings"]


def test_the_ready_model_draws_the_pictures_of_the_record(golden):
    found, expected = drawings(), golden["drawings"]
    assert found["recipes"] == expected["recipes"]
    assert found["bits per pixel"] == pytest.approx(expected["bits per pixel"], rel=1e-3)
    for row, wanted in zip(found["tokens"], expected["tokens"], strict=True):
        assert unpacked(row) == unpacked(wanted)


@pytest.mark.usefixtures("_messages_as_before")
def test_a_training_leaves_the_files_and_the_config_of_the_record(golden):
    assert training() == golden["training"]


if __name__ == "__main__":
    sections = (flags, messages, tokens, settings, drawings, training)
    record = {section.__name__: section() for section in sections}
    FIXTURE.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
