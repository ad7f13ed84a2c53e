"""`pixace export`: a model in another file draws what it drew."""

import sys
from pathlib import Path

import pytest
from PIL import Image

import pixace
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.record import read_words
from pixace.cli import main
from pixace.errors import CheckpointError, UsageError
from tests.tools.worded import WORDS, write_worded

DRAWING = ("--seed=3", "--temperature=0.5,1", "--batch_size=2", "--text=red frog")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_worded(folder, "pointer")
    return folder


def drawn(folder: Path, *words: str) -> tuple[bytes, bytes]:
    """Draws; returns the pixels, and the bytes of the first picture alone."""
    out = folder / "drawn"
    assert main(["predict", *words, *DRAWING, f"--out={out}.bmp"]) == 0
    with Image.open(f"{out}.bmp") as image:
        return image.tobytes(), Path(f"{out}.bmp").read_bytes()


def test_the_exported_model_draws_the_same_bytes(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = ("--model_name=pointer", f"--weights_dir={weights}")
    assert main(["export", *named]) == 0
    source = weights / "pointer" / "model.pkl.gz"
    assert capsys.readouterr().out == "pointer.safetensors\n"
    expected = drawn(tmp_path, *named)
    assert drawn(tmp_path, "--checkpoint=pointer.safetensors") == expected
    assert read_words(Path("pointer.safetensors")) == WORDS
    again = pixace.export_model(checkpoint="pointer.safetensors", out="b.safetensors")
    assert again == Path("b.safetensors")
    for one, other in zip(
        *(read_checkpoint(path).weights for path in (again, source)), strict=True
    ):
        assert one.tobytes() == other.tobytes()


def test_what_cannot_be_exported_is_told_in_one_line(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = ["export", "--model_name=pointer", f"--weights_dir={weights}"]
    for words, said, status in (
        ([*named, "--out=model.pkl.gz"], "out must end in .safetensors", 2),
        ([*named, "--format=onnx"], "value should be one of <safetensors>", 2),
        ([*named, "--d_model=64"], "contradicts", 2),
        ([*named[:1], "--model_name=nobody"], "no such model", 1),
        ([*named, f"--out={__file__}/a.safetensors"], "a.safetensors: cannot save", 1),
    ):
        assert main(words) == status
        errors = capsys.readouterr().err
        assert said in errors
        assert errors.count("\n") == 1
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert main(named) == 1
    assert "pip install safetensors" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_is_written_where_its_name_says_and_none_that_is_read(weights, tmp_path, capsys):
    named = ["export", "--model_name=pointer", f"--weights_dir={weights}"]
    home, link = tmp_path / "home", tmp_path / "link.safetensors"
    home.mkdir()
    link.symlink_to("home/b.safetensors")
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(tmp_path)
        changed.setenv("HOME", str(home))
        assert main([*named, "--out=~/a.safetensors"]) == 0
        assert main([*named, "--out=link.safetensors"]) == 0
        assert main([*named, "--out=s3://bucket/a.safetensors"]) == 2
        assert "mount it" in capsys.readouterr().err
        changed.chdir(home)
        before = Path("a.safetensors").read_bytes()
        for words in (
            ("--checkpoint=a.safetensors",),
            ("--checkpoint=b.safetensors", f"--out={link}"),
        ):
            assert main(["export", *words]) == 2
            assert "would replace the model's weights" in capsys.readouterr().err
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "link.safetensors"]
    assert sorted(path.name for path in home.iterdir()) == ["a.safetensors", "b.safetensors"]
    assert (home / "a.safetensors").read_bytes() == before


def test_the_function_refuses_what_the_command_does(weights):
    with pytest.raises(UsageError, match="out must end in"):
        pixace.export_model("pointer", weights_dir=weights, out="model.gz")
    with pytest.raises(CheckpointError, match="no such model"):
        pixace.export_model("nobody", weights_dir=weights)
