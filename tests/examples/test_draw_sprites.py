"""The sample pictures: reproducible, varied, drawn on the pixel grid, never the same one twice."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tests.conftest import load_example
from tests.tools.places import ROOT

SCRIPT = ROOT / "examples" / "draw_sprites.py"


sprites = load_example(SCRIPT)


def run_script(*args):
    return subprocess.run([sys.executable, SCRIPT, *args], capture_output=True, text=True)


def read_pixels(folder):
    """The pixels of every PNG below a folder, by relative path."""
    pixels = {}
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            pixels[path.relative_to(folder).as_posix()] = np.asarray(image).copy()
    return pixels


def digest(pixels):
    return {name: array.tobytes() for name, array in pixels.items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("sprites")
    sprites.write_sprites(out, n_train=300, n_val=60, seed=0)
    return out


def test_it_writes_the_asked_number_of_native_rgb_pictures(written):
    assert len(list((written / "train").iterdir())) == 300
    assert len(list((written / "val").iterdir())) == 60
    for path in written.rglob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size, image.format) == ("RGB", (16, 16), "PNG")


@pytest.mark.parametrize(("split", "count"), [("train", 300), ("val", 60)])
def test_every_kind_gets_its_share(written, split, count):
    assert len(sprites.KINDS) >= 8
    kinds = Counter(path.name.split("-")[0] for path in (written / split).iterdir())
    assert kinds == {kind: count // len(sprites.KINDS) for kind in sprites.KINDS}
    assert (written / split / f"{sprites.KINDS[0]}-00000.png").is_file()


def test_no_picture_occurs_twice_so_none_of_val_is_in_train(written):
    pictures = [array.tobytes() for array in read_pixels(written).values()]
    assert len(set(pictures)) == len(pictures) == 360


def test_the_same_arguments_write_the_same_pixels(written, tmp_path):
    done = run_script(f"--out={tmp_path}", "--train=300", "--val=60", "--seed=0")
    assert done.returncode == 0, done.stderr
    assert digest(read_pixels(tmp_path)) == digest(read_pixels(written))
    assert len(done.stdout.splitlines()) == 1
    assert "360" in done.stdout and str(tmp_path) in done.stdout


def test_another_seed_draws_other_pictures(written, tmp_path):
    sprites.write_sprites(tmp_path, n_train=300, n_val=60, seed=1)
    assert digest(read_pixels(tmp_path)) != digest(read_pixels(written))


def test_the_training_pictures_do_not_depend_on_how_many_validate(written, tmp_path):
    sprites.write_sprites(tmp_path, n_train=300, n_val=0, seed=0)
    assert digest(read_pixels(tmp_path / "train")) == digest(read_pixels(written / "train"))


@pytest.mark.parametrize("kind", sprites.KINDS)
def test_a_kind_is_varied_symmetric_and_on_black(kind):
    rng = np.random.default_rng(0)
    drawn = [np.asarray(sprites.draw_sprite(rng, kind)) for _ in range(400)]
    assert len({pixels.tobytes() for pixels in drawn}) >= 150
    for pixels in drawn:
        assert pixels.shape == (16, 16, 3)
        assert (pixels == pixels[:, ::-1]).all()
        inked = pixels.any(axis=2)
        assert 0.2 < inked.mean() < 0.85
        assert not inked[[0, -1]][:, [0, -1]].any(), "the corners are background"
        assert 2 <= len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 13


def test_kinds_do_not_look_alike():
    rng = np.random.default_rng(0)
    mean = [
        np.mean([np.asarray(sprites.draw_sprite(rng, kind)).any(axis=2) for _ in range(50)], axis=0)
        for kind in sprites.KINDS
    ]
    for i, one in enumerate(mean):
        for other in mean[:i]:
            assert np.abs(one - other).mean() > 0.05


def test_every_part_fits_the_grid_and_is_used():
    used = set()
    for kind, recipe in sprites.RECIPES.items():
        for top, names in recipe.layers:
            used.update(names.split())
            for name in names.split():
                assert top + len(sprites.DRAWINGS[name]) <= sprites.GRID, (kind, name)
    assert used == set(sprites.DRAWINGS)
    rows = [row for part in sprites.DRAWINGS.values() for row in part]
    assert {len(row) for row in rows} == {sprites.GRID // 2}
    assert set("".join(rows)) <= set(sprites.INKS) | set("^Aa*Bb")


def test_a_larger_size_is_the_same_picture_in_bigger_pixels(tmp_path):
    sprites.write_sprites(tmp_path / "small", 12, 2)
    sprites.write_sprites(tmp_path / "large", 12, 2, size=48)
    small, large = read_pixels(tmp_path / "small"), read_pixels(tmp_path / "large")
    assert small.keys() == large.keys()
    for name, pixels in small.items():
        assert (large[name] == pixels.repeat(3, axis=0).repeat(3, axis=1)).all()


def test_a_second_run_replaces_the_first_and_nothing_else(tmp_path):
    sprites.write_sprites(tmp_path, 24, 12)
    (tmp_path / "train" / "mine.png").write_bytes(b"not a sprite")
    sprites.write_sprites(tmp_path, 12, 2, seed=3)
    assert len(list((tmp_path / "train").iterdir())) == 12 + 1
    assert (tmp_path / "train" / "mine.png").read_bytes() == b"not a sprite"
    assert len(list((tmp_path / "val").iterdir())) == 2


def test_it_says_so_when_there_is_nothing_new_left_to_draw(monkeypatch, tmp_path):
    monkeypatch.setattr(sprites, "MAX_TRIES", 1)
    with pytest.raises(ValueError, match="ask for fewer"):
        sprites.write_sprites(tmp_path, 5000, 0)


@pytest.mark.parametrize("argument", ["--size=20", "--size=0", "--train=-1", "--val=-1"])
def test_impossible_arguments_are_refused_before_anything_is_written(argument, tmp_path):
    done = run_script(f"--out={tmp_path / 'out'}", argument)
    assert done.returncode == 2
    assert "must" in done.stderr or "multiple" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
