"""Pictures of their own, sheets and exact collages: pixel for pixel what was drawn, or nothing."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import pytiled_parser
from PIL import Image

from pixace.drawing.layout import Layout
from pixace.drawing.outputs import Outputs
from pixace.drawing.recipe import read_recipe
from pixace.errors import ImageError, UsageError
from pixace.pictures.writing import write_picture
from pixace.settings.drawing import DrawingSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import tokens_of
from pixace.tokens.vocabulary import TRANSPARENT_ID
from tests.tools.drawings import a_drawing

pytestmark = pytest.mark.usefixtures("here")


def random_drawing(n_rows=3, n_columns=1, edge=4, bitdepth=(4, 2, 2), **fields):
    """A drawing of random colours."""
    rng, n_colours = np.random.default_rng(0), 2 ** sum(bitdepth)
    columns = [
        rng.integers(2, 2 + n_colours, (n_rows, edge**2), np.int32) for _ in range(n_columns)
    ]
    return a_drawing(columns, batch_size=n_rows, bitdepth=bitdepth, **fields)


def write(drawing, out=None, sheet=None, film=None):
    outputs = Outputs.named(out, sheet, film)
    settings, pictures = drawing.recipe.drawing, drawing.recipe.config.pictures
    outputs.check(drawing.recipe.layout, settings, pictures.size, 0, 0)
    outputs.write(drawing, ())
    return outputs


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def pixels(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def drawn_pixels(drawing, row, column):
    """What the tokens say, by NumPy alone."""
    pictures = drawing.recipe.config.pictures
    palette = codec_of(pictures).colours()
    return palette[drawing.tokens[column][row]].reshape(*pictures.shape, 3)


# --- pictures of their own ----------------------------------------------------------------------


def test_each_result_is_a_file_of_exactly_the_tokens_drawn(draw, painted):
    prompts = sorted((painted / "val").iterdir())[:2]
    done = draw(prompts=prompts, drawing={"temperature": [0.5, 1], "seed": 1, "cut": 14}, out="a/")
    assert names() == ["a"]
    assert names("a") == ["001-1.png", "001-2.png", "002-1.png", "002-2.png"]
    assert (done.path, done.pictures) == (Path("a"), tuple(Path("a", name) for name in names("a")))
    palette = codec_of(done.drawing.recipe.config.pictures).colours().tolist()
    for (row, column), path in zip(np.ndindex(2, 2), done.pictures, strict=True):
        with Image.open(path) as file:
            assert (file.format, file.mode, file.size) == ("PNG", "P", (6, 6))
            assert len(file.getcolors()) <= 256
        np.testing.assert_array_equal(pixels(path), drawn_pixels(done.drawing, row, column))
        assert all(colour in palette for colour in pixels(path).reshape(-1, 3).tolist())
        assert read_recipe(path) == dataclasses.replace(done.drawing.recipe, tile=(row, column))
    told = done.to_dict()
    assert told["path"] == "a" and "sheet" not in told
    assert [tile["path"] for tile in told["tiles"]] == [str(path) for path in done.pictures]


def test_like_draws_that_picture_alone_again(draw, painted):
    settings = {"batch_size": 5, "temperature": [0.7, 1], "seed": 2, "best_of": 2}
    draw(drawing=settings, out="a/")
    for name in ("004-2.png", "001-1.png"):
        done = draw(like=f"a/{name}", out="b/")
        assert done.drawing.log_likelihood.shape == (1, 1)
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    assert names("b") == ["001-1.png", "004-2.png"]
    done = draw(like="a/004-2.png", out="one.png", drawing={"scale": 16}, film="one.gif")
    assert Image.open("one.png").size == Image.open("one.gif").size == (16, 16)
    assert done.to_dict()["tiles"][0]["temperature"] == 1.0
    draw(like="one.png", out="c/")
    np.testing.assert_array_equal(pixels("c/004-2.png"), pixels("a/004-2.png"))


@pytest.mark.slow
def test_like_completes_that_prompt_alone_again(draw, painted):
    for index, path in enumerate(sorted((painted / "val").iterdir())[:3]):
        shutil.copy(path, f"{index}.png")
    for cut in (14, 36):
        out = f"a{cut}/"
        draw(prompts=[f"{i}.png" for i in range(3)], drawing={"cut": cut, "seed": 1}, out=out)
        done = draw(like=f"{out}002-1.png", out=f"b{cut}/")
        assert names(f"b{cut}") == ["002-1.png"]
        assert Path(out, "002-1.png").read_bytes() == Path(f"b{cut}/002-1.png").read_bytes()
        assert len(done.drawing.prompts) == 1 and len(done.drawing.recipe.prompts) == 3


@pytest.mark.parametrize("named", [{"batch_size": 2}, {"temperature": [0.5, 1.0]}])
def test_what_names_other_pictures_draws_them_all(draw, named):
    draw(drawing={"batch_size": 2, "seed": 2}, out="a/")
    done = draw(like="a/002-1.png", drawing=named, out="b/")
    assert done.drawing.recipe.tile is None
    assert len(names("b")) == 2 * len(named.get("temperature", [1.0]))


def test_a_file_is_a_prompt_that_comes_back_exactly(draw):
    first = draw(drawing={"batch_size": 2, "seed": 3, "scale": "4x"}, out="a/")
    assert pixels("a/001-1.png").shape == (24, 24, 3)
    done = draw(
        prompts=["a/001-1.png", "a/002-1.png"], drawing={"cut": 36, "scale": "4x"}, out="b/"
    )
    for row, name in enumerate(names("b")):
        np.testing.assert_array_equal(pixels(f"b/{name}"), pixels(f"a/{name}"))
        kept = done.drawing.tokens[0][row]
        palette = codec_of(first.drawing.recipe.config.pictures).colours()
        np.testing.assert_array_equal(palette[kept], palette[first.drawing.tokens[0][row]])


def test_more_than_256_colours_are_no_palette():
    drawing = random_drawing(1, edge=32, bitdepth=(5, 4, 4))
    write(drawing, "a/")
    with Image.open("a/001-1.png") as file:
        assert file.mode == "RGB"
    np.testing.assert_array_equal(pixels("a/001-1.png"), drawn_pixels(drawing, 0, 0))
    assert (tokens_of("a/001-1.png", drawing.recipe.config.pictures)).shape == (1024,)


@pytest.mark.parametrize("make", [lambda: "a/", lambda: Path("a"), lambda: "a"])
def test_a_folder_is_named_by_a_slash_or_by_being_there(make):
    if make() != "a/":
        Path("a").mkdir()
    assert write(random_drawing(), make()).first == Path("a")
    assert names("a") == ["001-1.png", "002-1.png", "003-1.png"]


def test_without_a_slash_a_new_name_is_a_file():
    with pytest.raises(UsageError, match=r"^out must end in one of"):
        write(random_drawing(), "a")
    assert names() == []


# --- sheets -------------------------------------------------------------------------------------


def test_frames_tile_the_sheet_as_its_data_says():
    drawing = random_drawing(5, scale="2x")
    outputs = write(drawing, sheet="s/a.png")
    assert (outputs.first, names(), names("s")) == (Path("s/a.png"), ["s"], ["a.json", "a.png"])
    data = json.loads(Path("s/a.json").read_text())
    with Image.open("s/a.png") as file:
        assert file.mode == "P" and file.size == (24, 16)
        sheet = np.asarray(file.convert("RGBA"))
    assert data["meta"]["image"] == "a.png" and data["meta"]["size"] == {"w": 24, "h": 16}
    assert [frame["filename"] for frame in data["frames"]] == [f"00{n}-1.png" for n in range(1, 6)]
    covered = np.zeros((16, 24), int)
    for row, frame in enumerate(data["frames"]):
        x, y, w, h = (frame["frame"][name] for name in "xywh")
        expected = drawn_pixels(drawing, row, 0).repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(sheet[y : y + h, x : x + w, :3], expected)
        covered[y : y + h, x : x + w] += 1
    np.testing.assert_array_equal(covered, sheet[..., 3] == 255, "the cell left is transparent")
    assert read_recipe("s/a.png") == drawing.recipe


def test_several_temperatures_are_columns():
    drawing = random_drawing(2, 3)
    write(drawing, sheet="a.tsj")
    assert names() == ["a.png", "a.tsj"]
    tiles = [[drawn_pixels(drawing, row, column) for column in range(3)] for row in range(2)]
    np.testing.assert_array_equal(pixels("a.png"), np.vstack([np.hstack(row) for row in tiles]))
    read = pytiled_parser.parse_tileset(Path("a.tsj"))
    assert (read.name, read.image, read.tile_count, read.columns) == ("a", Path("a.png"), 6, 3)
    assert (read.tile_width, read.tile_height) == (4, 4)


def test_like_draws_a_sheet_again(draw):
    first = draw(drawing={"batch_size": 3, "seed": 1, "scale": "2x"}, sheet="a.tsj")
    assert names() == ["a.png", "a.tsj"], "no collage is written unasked"
    assert (first.path, first.sheet, first.pictures) == (Path("a.tsj"), Path("a.png"), ())
    assert first.to_dict()["sheet"] == "a.png"
    draw(like="a.png", sheet="b/a.tsj", out="b.png")
    assert Path("a.png").read_bytes() == Path("b/a.png").read_bytes()
    assert Path("a.tsj").read_bytes() == Path("b/a.tsj").read_bytes()
    assert Path("b.png").exists()


# --- transparency -------------------------------------------------------------------------------


def clear_drawing(n_rows=3, edge=4, bitdepth=(4, 2, 2), originals=None, n_kept=0, **fields):
    """A drawing of random colours, and of none at every third pixel."""
    drawing = random_drawing(n_rows, 1, edge, bitdepth)
    tokens = drawing.tokens[0].copy()
    tokens[:, ::3] = TRANSPARENT_ID
    named = {"batch_size": n_rows, "bitdepth": bitdepth, "config": {"alpha": True}, **fields}
    return a_drawing([tokens], originals, n_kept, **named)


def rgba(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGBA"))


def drawn_rgba(drawing, row):
    """What the tokens say, by NumPy alone."""
    pictures, tokens = drawing.recipe.config.pictures, drawing.tokens[0][row]
    colours = codec_of(dataclasses.replace(pictures, alpha=False)).colours()
    alpha = np.where(tokens == 1, 0, 255)
    return np.insert(colours[tokens], 3, alpha, axis=1).reshape(*pictures.shape, 4)


@pytest.mark.parametrize(("edge", "mode"), [(4, "P"), (32, "RGBA")])
def test_a_transparent_pixel_of_a_file_is_one_that_was_drawn_so(edge, mode):
    drawing = clear_drawing(1, edge, (5, 4, 4))
    write(drawing, "a/")
    with Image.open("a/001-1.png") as file:
        assert file.mode == mode and file.has_transparency_data
        if mode == "P":  # a tRNS chunk of one entry, the first
            assert file.info["transparency"] == 0
    np.testing.assert_array_equal(rgba("a/001-1.png"), drawn_rgba(drawing, 0))
    again = tokens_of("a/001-1.png", drawing.recipe.config.pictures)
    colours = codec_of(drawing.recipe.config.pictures).colours()
    np.testing.assert_array_equal(colours[again], colours[drawing.tokens[0][0]])


def test_sheets_and_exact_collages_are_transparent_where_their_pictures_are():
    drawing = clear_drawing(4, scale="2x")
    write(drawing, "a.png", "s.png")
    frames = [drawn_rgba(drawing, row).repeat(2, 0).repeat(2, 1) for row in range(4)]
    np.testing.assert_array_equal(rgba("a.png"), np.vstack(frames))
    expected = np.vstack([np.hstack(frames[:2]), np.hstack(frames[2:])])
    np.testing.assert_array_equal(rgba("s.png"), expected)


def test_a_collage_carries_transparency_and_what_was_cut_off_is_black():
    originals = np.full((1, 16), TRANSPARENT_ID, np.int32)
    drawing = clear_drawing(1, originals=originals, n_kept=8, scale=60, batch_size=1)
    drawing.tokens[0][:, :8] = TRANSPARENT_ID
    write(drawing, "a.png")
    centres = rgba("a.png")[5::10, 5::10].reshape(6, 3, 6, 4)[1:-1, :, 1:-1]
    is_seen = centres[..., 3] > 127  # enlarged smoothly
    assert not is_seen[:, 0].any(), "the prompt"
    assert not is_seen[:2, 1].any() and is_seen[2:, 1].all(), "cut off"
    assert not centres[3, 1, :, :3].any(), "black"
    np.testing.assert_array_equal(is_seen[:, 2], drawn_rgba(drawing, 0)[..., 3] > 0)
    for out in ("a.jpg", "a.gif", "a.bmp"):
        blue = dataclasses.replace(drawing.recipe.config, background="blue")
        on_blue = dataclasses.replace(drawing.recipe, config=blue)
        write(dataclasses.replace(drawing, recipe=on_blue), out)
        assert abs(rgba(out)[25, 25].astype(int) - [0, 0, 255, 255]).max() < 9
        assert abs(rgba(out)[45, 85].astype(int) - [0, 0, 0, 255]).max() < 9


# --- exact collages -----------------------------------------------------------------------------


def test_a_collage_of_exact_pixels_has_no_borders():
    drawing = random_drawing(2, 2, scale="3x")
    write(drawing, "a.png")
    tiles = [[drawn_pixels(drawing, row, column) for column in range(2)] for row in range(2)]
    expected = np.vstack([np.hstack(row) for row in tiles]).repeat(3, 0).repeat(3, 1)
    np.testing.assert_array_equal(pixels("a.png"), expected)


def test_its_scale_is_in_the_recipe(draw):
    draw(drawing={"batch_size": 2, "seed": 1, "scale": "2x"}, out="a.png", film="a.gif")
    draw(like="a.png", out="b.png", film="b.gif")
    for suffix in ("png", "gif"):
        assert Path(f"a.{suffix}").read_bytes() == Path(f"b.{suffix}").read_bytes()
    assert Image.open("a.png").size == Image.open("a.gif").size == (12, 24)


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "wording"),
    [
        ({"out": "file/"}, "^out file/ is no folder; name a new one"),
        ({"out": "folder"}, r"^out folder/002-1\.png is there already and is not replaced"),
        ({"sheet": "old.png"}, r"^sheet old\.png is there already and is not replaced"),
        ({"sheet": "data.png"}, r"^sheet data\.json is there already and is not replaced"),
        ({"sheet": "old.tsj"}, r"^sheet old\.png is there already and is not replaced"),
        ({"sheet": "link.png"}, r"^sheet link\.png is there already and is not replaced"),
        ({"sheet": "a.json"}, r"^sheet must end in \.png or \.tsj, not 'a\.json'"),
        ({"sheet": "folder"}, r"^sheet must end in \.png or \.tsj, not 'folder'"),
        ({"sheet": ""}, "^sheet must end in"),
        ({"sheet": "a.png", "out": "./a.png"}, r"^out and sheet are both a\.png; name two files"),
        ({"sheet": "new/001-1.tsj", "out": "new/"}, r"^out and sheet are both new/001-1\.png"),
        ({"out": "new/", "drawing": {"scale": 16}}, "^scale=16 is for the tiles of a collage"),
        ({"sheet": "a.png", "drawing": {"scale": 16}}, "^scale=16 is for the tiles of a collage"),
        ({"out": "new/", "drawing": {"scale": "0x"}}, "^scale must be pixels from 1 to 4096 or"),
        ({"sheet": "a.png", "drawing": {"batch_size": 10_000, "scale": "99x"}}, "is too large"),
        ({"out": "new/", "film": "a.png"}, "^film must end in .gif"),
    ],
    ids=str,
)
def test_a_mistake_is_told_before_anything_is_drawn(draw, request_, wording):
    for name in ("file", "folder/002-1.png", "old.png", "data.json"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"old")
    Path("link.png").symlink_to("nowhere.png")
    before = names()
    request = {"drawing": {"batch_size": 2}, **request_}
    with pytest.raises(UsageError, match=wording) as caught:
        draw(**request)
    assert str(caught.value).isprintable()
    assert set(names()) - set(before) <= {"new"} and not (
        Path("new").is_dir() and any(Path("new").iterdir())
    )
    assert all(Path(n).read_bytes() == b"old" for n in ("file", "folder/002-1.png", "old.png"))


def test_what_the_collage_shows_at_its_right_counts_too():
    outputs, drawing = Outputs.named("a.webp", None, None), DrawingSettings.of(scale=4096)
    outputs.check(Layout(1, 3), drawing, (4, 4), 0, 0)
    with pytest.raises(UsageError, match=r"16384x4096 pixels is too large for \.webp"):
        outputs.check(Layout(1, 3), drawing, (4, 4), 0, 1)


def test_where_nothing_can_be_written_is_told(draw):
    Path("file").touch()
    for request in ({"out": "file/new/"}, {"sheet": "file/a.png"}, {"out": "x" * 300 + "/"}):
        with pytest.raises(ImageError, match="cannot write: "):
            draw(**request)
    with pytest.raises(ImageError, match=r"\.json: cannot write: File name too long"):
        draw(sheet="x" * 251 + ".png")
    assert names() == ["file"]


def test_a_number_of_pixels_may_be_for_the_film(draw):
    draw(drawing={"scale": 16, "seed": 1}, out="a/", film="a.gif")
    assert Image.open("a/001-1.png").size == (6, 6) and Image.open("a.gif").size == (16, 16)


def test_a_file_that_has_come_meanwhile_is_not_replaced_and_nothing_is_left():
    drawing = random_drawing()
    for out, sheet, late in (("a/", None, "a/003-1.png"), (None, "a/s.png", "a/s.json")):
        outputs = Outputs.named(out, sheet, None)
        outputs.check(drawing.recipe.layout, drawing.recipe.drawing, (4, 4), 0, 0)
        Path(late).write_bytes(b"late")
        with pytest.raises(UsageError, match="is there already and is not replaced"):
            outputs.write(drawing, ())
        assert names("a") == [Path(late).name] and Path(late).read_bytes() == b"late"
        Path(late).unlink()


def test_a_disk_that_fails_leaves_nothing(monkeypatch):
    """The last of several files cannot be written: none is there."""
    drawing = random_drawing()
    for out, sheet, last in (("a/", None, "a/003-1.png"), (None, "a/s.tsj", "a/s.tsj")):
        outputs = Outputs.named(out, sheet, None)
        outputs.check(Layout(3, 1), DrawingSettings(), (4, 4), 0, 0)

        def fails(self, target, real=Path.replace, last=last):
            if str(target) == last:
                raise OSError(28, "No space left on device")
            return real(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", fails)
            with pytest.raises(Exception, match=f"{last}: cannot write: No space left on device"):
                outputs.write(drawing, ())
        assert names("a") == []


def test_a_collage_replaces_an_old_one_as_ever():
    write_picture(Image.new("RGB", (3, 3)), Path("collage.png"))
    assert write(random_drawing()).first == Path("collage.png")
    assert pixels("collage.png").shape == (36, 12, 3)
