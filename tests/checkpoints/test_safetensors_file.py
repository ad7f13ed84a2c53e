"""A model as a .safetensors file: what others read of it, and what of a stranger's is believed."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.safetensors_file import checked_output, write_safetensors
from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.errors import CheckpointError, PixaceError, UsageError
from pixace.settings.model import ModelConfig

CONFIG = ModelConfig(model_type="pixelcnn", image_size="4x3", colours="palette:000000,ff004d")
WORDS = WordsRecord.of(["frog", "châtaigne"], ["a red frog", 'a "frog"', "é 👨‍👩"])
WEIGHTS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(1.5, np.float16),
    np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    np.zeros((0, 2), np.float32),
    np.arange(3, dtype=">f4"),
]


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "model.safetensors"
    write_safetensors(file, WEIGHTS, CONFIG, WORDS, 70)
    return file


def test_what_is_written_is_read(path):
    read = read_checkpoint(path)
    assert (read.step, read.slots, read.resume.words) == (70, None, WORDS)
    assert read.config(path) == CONFIG
    for array, written in zip(read.weights, WEIGHTS, strict=True):
        assert array.dtype == written.dtype.newbyteorder("<")
        np.testing.assert_array_equal(array, written, strict=False)
        assert array.flags.writeable


def test_the_library_reads_it_too(path):
    loaded = load_file(path)
    assert sorted(loaded) == [f"weight.{number:05d}" for number in range(len(WEIGHTS))]
    for array, written in zip(map(loaded.get, sorted(loaded)), WEIGHTS, strict=True):
        np.testing.assert_array_equal(array, written)


def test_the_same_model_gives_the_same_bytes(path):
    others = [path.with_name(f"{number}.safetensors") for number in range(8)]
    for other in others:
        write_safetensors(other, WEIGHTS, CONFIG, WORDS, 70)
    assert {other.read_bytes() for other in others} == {path.read_bytes()}


def test_a_model_without_words_tells_of_none(tmp_path):
    file = tmp_path / "model.safetensors"
    write_safetensors(file, WEIGHTS, CONFIG, NO_WORDS, 0)
    assert read_checkpoint(file).resume.words == NO_WORDS
    assert b"words" not in file.read_bytes()


def test_the_library_is_asked_for_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(PixaceError, match="safetensors is not installed.*pip install safetensors"):
        write_safetensors(tmp_path / "a.safetensors", WEIGHTS, CONFIG, NO_WORDS, 0)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"file/a\.safetensors: cannot save"):
        write_safetensors(tmp_path / "file" / "a.safetensors", WEIGHTS, CONFIG, NO_WORDS, 0)


def test_the_output_is_called_like_the_model():
    assert checked_output(None, "faces", Path("x/model.pkl.gz")) == Path("faces.safetensors")
    assert checked_output(None, None, Path("x/model-00100.pkl.gz")) == Path(
        "model-00100.safetensors"
    )
    assert checked_output("a/b.safetensors", "faces", Path("c")) == Path("a/b.safetensors")
    for wrong in ("model.pkl.gz", "", "safetensors"):
        with pytest.raises(UsageError, match="out must"):
            checked_output(wrong, "faces", Path("c"))


METADATA = {"config": json.dumps(CONFIG.to_dict()), "step": "3"}
ARRAY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def packed(header: object, data: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def described(**changes) -> dict:
    return {"__metadata__": METADATA, "weight.00000": {**ARRAY, **changes}}


def told(**changes) -> dict:
    return {"__metadata__": {**METADATA, **changes}, "weight.00000": ARRAY}


HOSTILE = {
    "nothing": (b"", "header would have 0 bytes"),
    "a header of 2**63": (packed(b"{}", length=2**63), "header would have 9223372036854775808"),
    "a header longer than the file": (packed(b"{}", b"", length=3), "header would have 3"),
    "a header of 9 MB": (packed(b" " * 9_000_000), "header would have 9000000 bytes"),
    "no JSON": (packed(b"\xff\xfe{"), "refused: "),
    "nested JSON": (packed(b"[" * 1_000_000), "refused: "),
    "a list": (packed([]), "not a JSON object"),
    "a name twice": (packed(b'{"a": 1, "a": 2}'), "twice"),
    "another's file": (packed({"weight.00000": ARRAY}), "tells no settings"),
    "metadata of a list": (packed({"__metadata__": []}), "tells no settings"),
    "no arrays": (packed({"__metadata__": METADATA}, b""), "not called"),
    "other names": (packed({"__metadata__": METADATA, "a": ARRAY}), "not called"),
    "settings of text": (packed(told(config='"a"')), "not a JSON object"),
    "a step below": (packed(told(step="-1")), "the step is '-1'"),
    "a step beyond": (packed(told(step="9" * 5000)), "the step is"),
    "words of a list": (packed(told(words="[]")), "not a JSON object"),
    "integers": (packed(described(dtype="I32")), "no array of floating-point"),
    "a type of a list": (packed(described(dtype=["F32"])), "no array of floating-point"),
    "a size below": (packed(described(shape=[-2])), "no array of floating-point"),
    "a size of a float": (packed(described(shape=[2.0])), "no array of floating-point"),
    "a size of true": (packed(described(shape=[True, 2])), "no array of floating-point"),
    "a size of many digits": (packed(b'{"a": ' + b"9" * 10_000 + b"}"), "tells no settings"),
    "4 TiB": (packed(described(shape=[2**39, 2])), "does not lie"),
    "sizes beyond 2**64": (packed(described(shape=[2**39] * 8)), "does not lie"),
    "sizes of nothing": (packed(described(shape=[2**39, 0, 2**39])), "does not lie"),
    "many axes": (packed(described(shape=[1] * 9)), "no array of floating-point"),
    "one byte less": (packed(described(), bytes(7)), "8 bytes where 7 are left"),
    "one byte more": (packed(described(), bytes(9)), "8 bytes where 9 are left"),
    "a hole": (packed(described(data_offsets=[8, 16]), bytes(16)), "does not lie"),
    "arrays over each other": (packed({**described(), "weight.00001": ARRAY}), "does not lie"),
    "an end before the beginning": (packed(described(data_offsets=[8, 0])), "does not lie"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_stranger_s_file_is_refused_in_one_line(name, tmp_path):
    file = tmp_path / "model.safetensors"
    data, said = HOSTILE[name]
    file.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: refused: ")
    assert said in message
    assert message.isprintable()
    assert len(message) < 400


def test_what_cannot_be_used_of_the_settings_is_told_when_it_is_needed(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(packed(told(config='{"d_model": 1e99}', words='{"classes": [7]}')))
    read = read_checkpoint(file)
    assert read.resume.words == NO_WORDS
    with pytest.raises(CheckpointError, match="cannot use its settings"):
        read.config(file)


def test_a_file_larger_than_is_allowed_is_not_read(tmp_path):
    file = tmp_path / "model.safetensors"
    with file.open("wb") as sparse:
        sparse.truncate(3 << 30)
    with pytest.raises(CheckpointError, match="more than the limit of 450000000, without"):
        read_checkpoint(file)


def test_what_is_no_regular_file_is_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    file.mkdir()
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_checkpoint(file)


def test_the_library_s_own_files_are_not_mistaken_for_models(tmp_path):
    file = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, file, {"format": "pt"})
    with pytest.raises(CheckpointError, match="no model of pixace"):
        read_checkpoint(file)
