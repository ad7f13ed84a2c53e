"""The captions of a folder's images: which are found where, and what is said of those amiss."""

import json
import os
import unicodedata

import pytest
from PIL import Image

from pixace.dataset.caption_finding import find_captions
from pixace.dataset.reading import load_images
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import list_folder
from pixace.settings.model import ModelConfig
from pixace.settings.reading import ReadingSettings


@pytest.fixture
def album(tmp_path):
    """Returns a function that makes images by their names in one folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), "red").save(path)
        return tmp_path

    return make


def jsonl(*rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def captions_of(found) -> dict:
    """The captions of each file."""
    return {found.files.label(number): each for number, each in enumerate(found.captions)}


def test_metadata_tell_of_images_by_their_place_beside_them(album):
    folder = album("a.png", "b.png", "c.png", "deep/er/d.png", "deep/er/e.png")
    top = jsonl(
        {"file_name": "a.png", "text": "A Red\theart", "caption": "not this"},
        {"file_name": "./b.png", "caption": "a cat", "label": "Animal"},
        {"file_name": "deep/er/d.png", "prompt": "a dog", "class": 7, "text": " "},
    )
    (folder / "metadata.jsonl").write_text(top)
    (folder / "deep" / "er" / "metadata.csv").write_bytes(
        b'\xef\xbb\xbffile_name, text\r\ne.png,"an apple, and a ""parrot"""\r\n'
    )
    found = find_captions(folder)
    assert captions_of(found) == {
        "a.png": ("a red heart",),
        "b.png": ("a cat", "animal"),
        "c.png": (),
        "deep/er/d.png": ("a dog", "7"),
        "deep/er/e.png": ('an apple, and a "parrot"',),
    }
    assert found.classes == ("7", "animal")
    assert found.summary == ("4 of 5 images, from metadata.jsonl and metadata.csv; 2 classes")
    assert found.troubles == ["images without any: c.png"]


def test_texts_beside_images_have_a_line_for_each_alternative(album):
    folder = album("a.png", "b.jpg", "sub/c.png")
    (folder / "a.txt").write_text("a cat\n\n  A CAT \r\na tabby\n")
    (folder / "sub" / "c.txt").write_text("\ufeffrotes Herz, größer")
    (folder / "README.txt").write_text("about these images")
    found = find_captions(folder)
    assert captions_of(found) == {
        "a.png": ("a cat", "a tabby"),
        "b.jpg": (),
        "sub/c.png": ("rotes herz, grösser",),
    }
    assert found.summary == "2 of 3 images, from text files beside them"
    assert found.longest == "rotes herz, grösser"


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat/1.png", "dog/2.png", "3.png"], ["cat", "dog"]),
        (["x/Red Cat/1.png", "x/dog/2.png"], ["dog", "red cat"]),
        (["train/cat/1.png", "val/dog/2.png"], ["cat", "dog"]),
        (["cat/train/1.png", "dog/train/2.png"], ["cat", "dog"]),
        (["cat/1.png", "2.png"], []),
        (["train/1.png", "Val/2.png", "TEST/3.png"], []),
        (["cat/1.png", "dog/old/2.png"], []),
        (["1.png", "2.png"], []),
    ],
)
def test_class_folders_are_several_at_one_depth(album, names, classes):
    found = find_captions(album(*names))
    assert [*found.classes] == classes
    expected = [(name,) for name in classes] + [()] * (len(names) - len(classes))
    assert sorted(found.captions) == sorted(expected)


def test_the_only_folder_is_a_class_if_it_is_known_as_one_or_asked_for(album):
    folder = album("cat/1.png")
    assert find_captions(folder).classes == ()
    assert find_captions(folder, known_classes=["cat", "dog"]).classes == ("cat",)
    assert find_captions(folder, "folders").classes == ("cat",)


def test_names_are_captions_only_where_they_are_asked_for(album):
    names = "red-heart_0012.png", "1234.png", "Größe2.png", "हिन्दी-3.png"
    folder = album(*names, "❤️_001.png", "1️⃣ ☺️.png")
    assert not find_captions(folder).source
    found = find_captions(folder, "names")
    assert captions_of(found) == {
        "red-heart_0012.png": ("red heart",),
        "1234.png": (),
        "Größe2.png": ("grösse",),
        "हिन्दी-3.png": (unicodedata.normalize("NFC", "हिन्दी"),),
        "❤️_001.png": (),
        "1️⃣ ☺️.png": (),
    }
    assert found.classes == ()


def test_a_folder_has_captions_of_one_kind_the_first_that_there_is(album):
    folder = album("cat/a.png", "dog/b.png")
    assert find_captions(folder).source == "class folders"
    (folder / "cat" / "a.txt").write_text("a text")
    found = find_captions(folder)
    assert found.source == "text files beside them"
    assert found.summary == (
        "1 of 2 images, from text files beside them; captions=folders would find 2"
    ), "a stray text does not hide the classes"
    assert find_captions(folder, "txt").summary == "1 of 2 images, from text files beside them"
    metadata = folder / "metadata.jsonl"
    metadata.write_text(jsonl({"file_name": "dog/b.png", "text": "a row"}))
    assert captions_of(find_captions(folder)) == {"cat/a.png": (), "dog/b.png": ("a row",)}
    asked = {kind: find_captions(folder, kind).source for kind in ("txt", "folders", "none")}
    assert asked == {"txt": "text files beside them", "folders": "class folders", "none": ""}
    metadata.write_text(jsonl({"file_name": "train/b.png", "text": "a row"}))
    found = find_captions(folder)
    assert found.source == "text files beside them"
    assert "listed in metadata.jsonl, but not there: train/b.png" in found.troubles


def test_what_is_amiss_in_metadata_is_named_and_the_rest_is_taken(album):
    folder = album("a.png", "b.png", "c.png", "d.png")
    good = jsonl({"file_name": "a.png", "text": "first"}, {"file_name": "a.png", "text": "second"})
    rows = [
        good.encode(),
        b"{\n",
        b"[" * 100_000 + b"\n",
        b"7\n",
        jsonl({"text": "whose?"}, {"file_name": 3}).encode(),
        b'{"file_name": "b.png", "text": "caf\xe9"}\n',
        jsonl({"file_name": "c.png", "text": "  "}).encode(),
        jsonl({"file_name": "../x.png", "text": "x"}, {"file_name": "/y", "text": "y"}).encode(),
        b'{"file_name": "c.png", "text": "\\ud800"}\n',
        b'{"file_name": "\\ud800", "text": "z"}\n',
        jsonl({"file_name": "b.png", "text": "word " * 300_000}).encode(),
        jsonl({"file_name": "d.png", "text": "word " * 100}).encode(),
    ]
    (folder / "metadata.jsonl").write_bytes(b"".join(rows))
    (folder / "metadata.csv").write_text("file_name,text\nb.png,b\n")
    found = find_captions(folder, length=12)
    assert captions_of(found) == {
        "a.png": ("first", "second"),
        "b.png": (),
        "c.png": (),
        "d.png": ("word word",),
    }
    assert found.troubles == [
        "not read, as metadata.jsonl is there, too: metadata.csv",
        "no JSON object, left out: metadata.jsonl, line 3 and 2 more",
        "rows without a file_name, left out: metadata.jsonl, line 6 and 1 more",
        "not UTF-8, left out: metadata.jsonl, line 8 and 1 more",
        "empty: metadata.jsonl, line 9",
        "lines of more than 1,048,576 bytes, left out: metadata.jsonl, line 14",
        "longer than 12 bytes, cut at a word: metadata.jsonl, line 15",
        "listed in metadata.jsonl, but not there: ../x.png and 2 more",
        "listed more than once, all are taken: a.png and 1 more",
        "images without any: b.png and 1 more",
    ]


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("name,text\na.png,a\n", "no column file_name: metadata.csv, line 1"),
        (f'file_name,text\nb.png,b\na.png,"{"x" * 200_000}"\n', "no CSV (field larger than"),
        ("file_name,text\nb.png,red, round\n", "more values than columns, as commas need quotes"),
        ('file_name,text\nb.png,b\na.png,"open\n', "no CSV (unexpected end of data), left out"),
        ("", ""),
    ],
)
def test_what_is_amiss_in_csv_is_named(album, text, trouble):
    folder = album("a.png", "b.png")
    (folder / "metadata.csv").write_text(text)
    found = find_captions(folder)
    assert any(line.startswith(trouble) for line in found.troubles) or not trouble
    assert bool(found.source) == ("b.png" in text)


def test_what_is_amiss_in_texts_is_named_and_the_images_are_kept(album):
    names = [f"{letter}.png" for letter in "abcdefg"]
    folder = album(*names)
    (folder / "a.txt").write_bytes("größe".encode("latin-1"))
    (folder / "b.txt").write_bytes("utf-16".encode("utf-16"))
    (folder / "c.txt").write_text(" \n")
    (folder / "d.txt").write_text("ä" * 5_000_000)
    (folder / "e.txt").mkdir()
    (folder / "f.txt").write_text("".join(f"caption {number}\n" for number in range(1000)))
    os.mkfifo(folder / "g.txt")
    found = find_captions(folder)
    assert [len(each) for each in found.captions] == [0, 0, 0, 1, 0, 100, 0]
    assert found.captions[3] == ("ä" * 32,)
    assert found.troubles == [
        "not UTF-8, left out: a.txt and 1 more",
        "empty: c.txt",
        "more than 65,536 bytes, read up to there: d.txt",
        "longer than 64 bytes, cut at a word: d.txt",
        "cannot be read (a folder, not a regular file): e.txt",
        "more than 100 for one image, cut: f.txt",
        "cannot be read (not a regular file): g.txt",
        "images without any: a.png and 4 more",
    ]


def test_names_that_are_no_text_are_told(album):
    folder = album("cat/1.png", "dog/2.png")
    os.rename(folder / "cat", os.fsencode(folder) + b"/c\xe9t")
    found = find_captions(folder)
    assert sorted(found.captions) == [(), ("dog",)]
    assert "not UTF-8, left out: c\\udce9t" in found.troubles


def test_pictures_have_the_captions_of_their_files(album):
    folder = album("a.png", "c.png")
    sheet = Image.new("RGB", (8, 4), "red")
    for x in (1, 5):
        sheet.putpixel((x, 1), (0, 0, 255))
    sheet.save(folder / "b.png")
    (folder / "0.png").write_bytes(b"no picture")
    for letter in "0abc":
        (folder / f"{letter}.txt").write_text(f"this is {letter}")
    found = find_captions(folder)
    config = ModelConfig("pointer", image_size=4)
    images = load_images(folder, config, reading=ReadingSettings(grid="4x4"), captions=found)
    assert [*images.captions] == [("this is a",), ("this is b",), ("this is b",), ("this is c",)]
    share = load_images(folder, config, share=(1, 2), captions=found)
    assert [*share.captions] == [("this is a",), ("this is c",)]
    assert load_images(folder, config).captions is None


def test_a_picture_that_came_later_has_none(album):
    found = find_captions(album("cat/a.png", "dog/b.png"))
    folder = album("cat/0.png")
    images = load_images(folder, ModelConfig("pointer", image_size=4), captions=found)
    assert [*images.captions] == [(), ("cat",), ("dog",)]


def test_what_cannot_be_asked_for_is_told(album):
    with pytest.raises(UsageError, match="captions must be one of auto, metadata, txt"):
        find_captions(album("a.png"), "text")
    with pytest.raises(ImageError, match="no such folder"):
        find_captions(album("a.png") / "missing")


def test_what_is_found_is_said(album, caplog):
    folder = album("cat/a.png", "dog/b.png", "c.png")
    with caplog.at_level("INFO", "pixace"):
        find_captions(folder).tell()
        find_captions(folder, "txt").tell()
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: captions: 2 of 3 images, from class folders; 2 classes",
        f"{folder}: captions: images without any: c.png",
        f"{folder}: captions: 0 of 3 images",
    ]


# --- which files a folder's captions are read from ------------------------------------------------

CONFIG = ModelConfig(image_size=4, bitdepth=(1, 1, 1))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"metadata.jsonl": jsonl({"file_name": "a.png", "text": "a cat"})}, None),
        ({"metadata.csv": "file_name,text\na.png,a cat\n", "deep/metadata.csv": "x"}, None),
        ({"a.txt": "a cat", "deep/b.txt": "a dog"}, None),
        ({"a.txt": "a cat", "README.txt": "of cats"}, "1 .txt"),
        ({"a.txt": "a cat", "metadata.jsonl": "{}"}, "1 .jsonl"),
        ({"a.txt": "a cat", "a.yaml": "-", "b.heic": "-"}, "1 .yaml, 1 .heic"),
    ],
)
def test_files_of_captions_are_not_told_as_left_over(album, texts, said, caplog):
    folder = album("a.png", "a.jpg", "deep/b.png")
    for name, text in texts.items():
        (folder / name).write_text(text)
    caplog.set_level("INFO")
    load_images(folder, CONFIG, captions=find_captions(folder))
    lines = [line for line in caplog.messages if "not read as images" in line]
    assert lines == ([] if said is None else [f"{folder}: not read as images: {said}"])


def test_all_are_told_where_captions_are_not_wanted(album, caplog):
    folder = album("a.png")
    (folder / "a.txt").write_text("a cat")
    caplog.set_level("INFO")
    load_images(folder, CONFIG, captions=find_captions(folder, "none"))
    assert f"{folder}: not read as images: 1 .txt" in caplog.messages


def test_captions_of_one_file_and_of_some(album):
    """Of others in the metadata that are there, and only left out, nothing is said."""
    folder = album("a.png", "b.png", ".c.png")
    names = ("a.png", "b.png", ".c.png", "d.png")
    (folder / "metadata.jsonl").write_text(jsonl(*({"file_name": n, "text": n} for n in names)))
    found = find_captions(folder / "a.png")
    assert captions_of(found) == {"a.png": ("a.png",)}
    assert found.troubles == ["listed in metadata.jsonl, but not there: d.png"]
    some = find_captions(list_folder(folder).select([1]))
    assert captions_of(some) == {"b.png": ("b.png",)}
    assert some.used == {".jsonl": 1}
