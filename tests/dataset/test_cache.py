"""Tokens kept on disk: the same as those in memory, and never those of another picture."""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections import Counter

import numpy as np
import PIL
import pytest
from PIL import Image

from pixace.dataset.batches import padded_batches, spread_rows, training_batches
from pixace.dataset.cache import CachedTokens, TokenCache, TokenFile, fingerprints
from pixace.dataset.contents import UNKNOWN, content_digests
from pixace.dataset.reading import load_images
from pixace.errors import ImageError, PixaceError
from pixace.pictures.folder import ImagePaths, find_images
from pixace.settings.model import ModelConfig
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.tokens.order import order_of
from tests.conftest import assert_same_state, paint, train_tiny
from tests.tools.small_disk import NoSmallDisk, small_disk

CONFIG = ModelConfig(image_size=6, bitdepth=(2, 1, 2))
ALL_4096 = "palette:" + ",".join(f"{number:06x}" for number in range(4096))


@pytest.fixture
def album(tmp_path):
    """A folder of twelve pictures in two sub-folders."""
    paint(tmp_path / "album" / "a", 5, seed=0)
    paint(tmp_path / "album" / "b", 7, seed=1)
    return tmp_path / "album"


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "new" / "cache"


def load(album, cache_dir, config=CONFIG):
    """Loads through the cache, and checks the result against what is loaded without."""
    images, plain = load_images(album, config, cache_dir=cache_dir), load_images(album, config)
    assert list(images.paths) == list(plain.paths)
    assert images.skipped == plain.skipped
    assert images.tokens.dtype == plain.tokens.dtype
    np.testing.assert_array_equal(images.tokens, plain.tokens)
    return images


def only_file(cache_dir):
    (path,) = cache_dir.iterdir()
    return path


def overwrite(path, data):
    """Changes a file's bytes, but neither its size nor the time that it shows.

    Args:
        path: the file.
        data: as many bytes as it has.
    """
    status = path.stat()
    assert len(data) == status.st_size
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def blank(*paths):
    for path in paths:
        overwrite(path, bytes(path.stat().st_size))


def test_tokens_are_on_disk(album, cache_dir):
    for _ in range(2):
        tokens = load(album, cache_dir).tokens
        assert isinstance(tokens, TokenFile)


def test_rows_are_those_of_an_array(album, cache_dir):
    tokens, plain = load(album, cache_dir).tokens, load_images(album, CONFIG).tokens
    assert tokens.shape == plain.shape
    assert len(tokens) == len(plain)
    for rows in (0, 3, slice(2, 5), slice(None), slice(4, 999), slice(3, 3), np.array([5, 0, 5])):
        np.testing.assert_array_equal(tokens[rows], plain[rows])
    assert len([*tokens]) == len(plain), "iteration ends"
    nothing = (len(plain), -1, np.array([0, len(plain)]), slice(0, 4, 2), (0, 0), None, plain > 2)
    for rows in (*nothing, np.ones(len(plain), bool), np.array([1.0])):
        with pytest.raises(IndexError):
            tokens[rows]


def test_a_disk_that_delivers_little_at_a_time(album, cache_dir, monkeypatch):
    """As some network disks do, and Linux beyond 2 GiB."""
    tokens, plain = load(album, cache_dir).tokens, load_images(album, CONFIG).tokens
    original = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, into, at: original(file, [into[0][:7]], at))
    np.testing.assert_array_equal(tokens[2:9], plain[2:9])


def test_a_file_cut_short_while_in_use_is_told(album, cache_dir):
    """With a map of the file, the system would end the process."""
    tokens = load(album, cache_dir).tokens
    (path,) = cache_dir.iterdir()
    os.truncate(path, 4096 + tokens.shape[1])
    for rows in (0, slice(0, 3), np.array([2, 1])):
        with pytest.raises(PixaceError, match=r"\.tokens: something has cut it short"):
            tokens[rows]
    np.testing.assert_array_equal(
        load(album, cache_dir).tokens, load_images(album, CONFIG).tokens, "it is made anew"
    )


@pytest.mark.parametrize("bitdepth", [(0, 0, 1), (0, 0, 8)])
def test_greys_are_kept_too(bitdepth, album, cache_dir):
    for _ in range(2):
        tokens = load(album, cache_dir, dataclasses.replace(CONFIG, bitdepth=bitdepth)).tokens
        assert 2 <= tokens[:].min() < tokens[:].max() < 2 ** sum(bitdepth) + 2
    only_file(cache_dir)


@pytest.fixture
def opened(caplog):
    """A function that returns how often each image has been decoded since the last call."""
    caplog.set_level(logging.DEBUG, "pixace.pictures.reading")

    def counts():
        names = (line.rpartition("/")[2] for line in caplog.messages if "opening" in line)
        counted = Counter(names)
        caplog.clear()
        return counted

    return counts


def test_pictures_are_read_once(album, cache_dir, opened):
    first = load_images(album, CONFIG, cache_dir=cache_dir)
    assert opened().total() == 12
    inode = only_file(cache_dir).stat().st_ino
    again = load_images(album, CONFIG, cache_dir=cache_dir)
    np.testing.assert_array_equal(again.tokens, first.tokens)
    assert list(again.paths) == list(first.paths)
    assert (only_file(cache_dir).stat().st_ino, opened()) == (inode, {})


def in_place(path, data):
    overwrite(path, data)


def renamed_over(path, data):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    overwrite(other, data)
    other.replace(path)


@pytest.mark.parametrize("replace", [in_place, renamed_over])
def test_another_picture_of_the_same_size_and_time_is_noticed(album, cache_dir, replace):
    """As rsync --times and unpacked archives make them."""
    for number in range(2):
        Image.new("RGB", (12, 12), "red").save(album / f"{number}.bmp")
    before = load(album, cache_dir)
    replace(album / "0.bmp", (album / "0.bmp").read_bytes()[:-300] + bytes(300))
    after = load(album, cache_dir)
    assert (after.tokens[0] != before.tokens[0]).any()
    np.testing.assert_array_equal(after.tokens[1:], before.tokens[1:])


def unpacked_anew(album):
    old = album.with_name("old")
    album.rename(old)
    shutil.copytree(old, album)


def touched(album):
    for path in album.rglob("*.png"):
        os.utime(path, ns=(0, 0))
        path.chmod(0o644)


def renamed(album):
    (album / "a").rename(album / "z")
    (album / "b" / "disc-000.png").rename(album / "b" / "first.png")


@pytest.mark.parametrize("change", [unpacked_anew, touched, renamed])
def test_the_same_pictures_are_not_decoded_again(album, cache_dir, opened, change):
    load_images(album, CONFIG, cache_dir=cache_dir)
    change(album)
    opened()
    images = load_images(album, CONFIG, cache_dir=cache_dir)
    assert opened() == {}
    np.testing.assert_array_equal(images.tokens[:], load_images(album, CONFIG).tokens)
    inode = only_file(cache_dir).stat().st_ino
    load(album, cache_dir)
    assert only_file(cache_dir).stat().st_ino == inode, "written once per change"


def test_a_cache_that_does_not_know_the_bytes_is_made_again(album, cache_dir):
    """As version 1 wrote it, which knew pictures by name, size and time."""
    load(album, cache_dir)
    whole = only_file(cache_dir).read_bytes()
    prints = np.frombuffer(whole[-12 * 16 :], "<u8").reshape(12, 2)[:, 0]
    body = whole[4096 : -12 * 16] + prints.tobytes()
    header = json.loads(whole[:4096]) | {"crc32": zlib.crc32(body)}
    only_file(cache_dir).write_bytes(json.dumps(header).encode().ljust(4096) + body)
    load(album, cache_dir)
    assert only_file(cache_dir).read_bytes() == whole


def test_contents_are_those_of_files_and_pieces(album):
    paths = find_images(album)
    digests = content_digests(paths, range(12))
    assert len({*digests.tolist(), UNKNOWN}) == 13
    pieces = ImagePaths(album, (paths.name(n // 2) + b"\0%d\0a" % (n % 2) for n in range(4)))
    of_pieces = content_digests(pieces, [0, 1, 2, 3])
    assert len({*digests.tolist(), *of_pieces.tolist()}) == 16
    paths[0].unlink()
    os.mkfifo(paths[0])
    paths[1].unlink()
    assert content_digests(paths, [1, 0, 2]).tolist() == [UNKNOWN, UNKNOWN, digests[2]]


def test_a_folder_by_another_name_is_the_same(album, cache_dir, monkeypatch):
    load(album, cache_dir)
    monkeypatch.chdir(album.parent)
    images = load(album.name, cache_dir)
    assert images.paths[0] == find_images(album.name)[0]
    only_file(cache_dir)


def test_batches_are_the_same_from_disk(album, cache_dir):
    tokens, plain = load(album, cache_dir).tokens, load_images(album, CONFIG).tokens
    order = order_of(CONFIG.pictures)
    streams = [training_batches(rows, 5, seed=1, start=2, mirror=order) for rows in (tokens, plain)]
    for _ in range(6):
        ours, expected = (next(stream).tokens for stream in streams)
        assert type(ours) is np.ndarray
        assert ours.dtype == expected.dtype
        np.testing.assert_array_equal(ours, expected)
    np.testing.assert_array_equal(spread_rows(tokens, 5), spread_rows(plain, 5))
    batches = zip(padded_batches(tokens, 5), padded_batches(plain, 5), strict=True)
    assert all((one.tokens == two.tokens).all() and n == m for (one, n), (two, m) in batches)


def repaint(album):
    paint(album / "a", 1, seed=9)


def rewrite_with_the_old_time(album):
    path = album / "a" / "disc-002.png"
    status = path.stat()
    path.write_bytes((album / "b" / "disc-001.png").read_bytes() + b"\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def add(album):
    paint(album / "aa", 2, seed=5)


def remove(album):
    (album / "b" / "disc-000.png").unlink()


def rename(album):
    (album / "b" / "disc-000.png").rename(album / "a" / "z.png")


def swap(album):
    (album / "a").rename(album / "c")


def spoil(album):
    (album / "b" / "disc-003.png").write_bytes(b"no image")


@pytest.mark.parametrize(
    "change", [repaint, rewrite_with_the_old_time, add, remove, rename, swap, spoil]
)
def test_a_change_of_the_folder_is_noticed(album, cache_dir, change):
    load(album, cache_dir)
    change(album)
    load(album, cache_dir)
    inode = only_file(cache_dir).stat().st_ino
    load(album, cache_dir)
    assert only_file(cache_dir).stat().st_ino == inode, "written once per change"


def test_only_what_has_changed_is_read_again(album, cache_dir, opened):
    before = load(album, cache_dir)
    opened()
    repaint(album)
    after = load_images(album, CONFIG, cache_dir=cache_dir)
    assert opened() == {"disc-000.png": 1}
    np.testing.assert_array_equal(after.tokens[1:], before.tokens[1:])
    np.testing.assert_array_equal(after.tokens[0], load_images(album, CONFIG).tokens[0])
    assert (after.tokens[0] != before.tokens[0]).any()


def test_unreadable_files_are_told_every_time(album, cache_dir, caplog):
    (album / "a" / "half.png").write_bytes(b"no image")
    inodes = set()
    for _ in range(3):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            images = load_images(album, CONFIG, cache_dir=cache_dir)
        assert ["half.png" in line for line in caplog.messages] == [True]
        assert len(images.skipped) == 1
        assert len(images.paths) == len(images.tokens) == 12
        inodes.add(only_file(cache_dir).stat().st_ino)
    assert len(inodes) == 1


def test_a_folder_without_a_readable_image_leaves_the_cache_alone(album, cache_dir):
    paths = load(album, cache_dir).paths
    stored = only_file(cache_dir).read_bytes()
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(ImageError, match="none of its 12 image files can be read; the first"):
        load_images(album, CONFIG, cache_dir=cache_dir)
    assert only_file(cache_dir).read_bytes() == stored


def test_each_way_of_making_tokens_has_its_own_file(album, cache_dir):
    configs = [
        CONFIG,
        dataclasses.replace(CONFIG, image_size=5),
        dataclasses.replace(CONFIG, bitdepth=(1, 2, 2)),
        dataclasses.replace(CONFIG, background="white"),
        dataclasses.replace(CONFIG, image_size="6x5"),
        dataclasses.replace(CONFIG, fit="pad"),
        dataclasses.replace(CONFIG, fit="crop"),
        dataclasses.replace(CONFIG, bitdepth=(6, 5, 5)),  # one token more than 16 bits hold
        dataclasses.replace(CONFIG, bitdepth=None, colours="rgb:2,2,1"),
        dataclasses.replace(CONFIG, bitdepth=None, colours="palette:000000,ff004d"),
        dataclasses.replace(CONFIG, bitdepth=None, colours=ALL_4096),
        dataclasses.replace(CONFIG, alpha=True),
    ]
    for number, config in enumerate(configs * 2):
        load(album, cache_dir, config)
        assert len(os.listdir(cache_dir)) == min(number + 1, len(configs))
    load(album, cache_dir, dataclasses.replace(CONFIG, background="#000", d_model=64))
    load_images(album, CONFIG, cache_dir=cache_dir, share=(1, 2))
    assert len(os.listdir(cache_dir)) == len(configs) + 1


def test_a_file_of_an_older_version_is_found_and_read(album, cache_dir):
    """Its name and its header are what they were when settings were an edge and a bit depth."""
    load(album, cache_dir)
    settings = {"image_size": 6, "bitdepth": [2, 1, 2], "background": [0, 0, 0]}
    key = json.dumps([os.path.realpath(album), settings, [0, 1]])
    path = only_file(cache_dir)
    assert path.name == f"album-{hashlib.sha256(key.encode()).hexdigest()[:16]}.tokens"
    made = {"format": 3, "pillow": PIL.__version__, **settings}
    header = path.read_bytes()[:4096]
    assert json.dumps(json.loads(header)["made"]) == json.dumps(made)


def test_shares_have_files_of_their_own(album, cache_dir):
    whole = load_images(album, CONFIG)
    for index in (0, 1, 0, 1):
        share = load_images(album, CONFIG, cache_dir=cache_dir, share=(index, 2))
        np.testing.assert_array_equal(share.tokens, whole.tokens[index::2])
    assert len(os.listdir(cache_dir)) == 2


def test_what_another_version_made_is_replaced(album, cache_dir, monkeypatch):
    monkeypatch.setattr(PIL, "__version__", "1.1.7")
    blank_later = load(album, cache_dir).paths[3]
    monkeypatch.undo()
    blank(blank_later)
    assert len(load(album, cache_dir).skipped) == 1, "everything was read again"
    only_file(cache_dir)


def cut(where):
    return lambda data: data[:where]


def flip(where):
    return lambda data: data[:where] + bytes([data[where] ^ 4]) + data[where:][1:]


@pytest.mark.parametrize(
    "damage",
    [
        *(cut(where) for where in (0, 1, 50, 4095, 4096, 4500, -1)),
        *(flip(where) for where in (0, 10, 4096, 4500, -100, -1)),
        lambda data: data + b"\0",
        lambda data: b"[" * len(data),
        lambda data: b"[]".ljust(4096) + data[4096:],
        lambda data: b"{}".ljust(4096) + data[4096:],
        lambda data: data[:4096].replace(b"12", b'"x"') + data[4096:],
        lambda data: bytes(len(data)),
        lambda data: b"\xff" * len(data),
    ],
)
def test_a_damaged_cache_is_made_again(album, cache_dir, damage):
    load(album, cache_dir)
    path = only_file(cache_dir)
    whole = path.read_bytes()
    damaged = damage(whole)
    assert damaged != whole
    path.write_bytes(damaged)
    load(album, cache_dir)
    assert only_file(cache_dir).read_bytes() == whole


@pytest.mark.parametrize("n_images", [-1, 0, True, 1.0, "1", None])
def test_a_header_of_a_stranger(album, cache_dir, n_images):
    load(album, cache_dir)
    path = only_file(cache_dir)
    whole = path.read_bytes()
    header = json.loads(whole[:4096]) | {"n_images": n_images}
    path.write_bytes(json.dumps(header).encode().ljust(4096))
    load(album, cache_dir)
    assert only_file(cache_dir).read_bytes() == whole


def test_tokens_beyond_the_vocabulary(album, cache_dir):
    load(album, cache_dir)
    path = only_file(cache_dir)
    whole = path.read_bytes()
    body = b"\xff\xff" + whole[4098:]
    header = json.loads(whole[:4096]) | {"crc32": zlib.crc32(body)}
    path.write_bytes(json.dumps(header).encode().ljust(4096) + body)
    load(album, cache_dir)
    assert only_file(cache_dir).read_bytes() == whole


def test_a_pipe_in_the_cache_s_place_is_no_cache(album, cache_dir):
    load(album, cache_dir)
    path = only_file(cache_dir)
    path.unlink()
    os.mkfifo(path)
    load(album, cache_dir)
    assert path.is_file()


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_cache_that_cannot_be_written_is_named(album, tmp_path, below):
    (tmp_path / "file").touch()
    cache_dir = tmp_path / "file" / below
    with pytest.raises(PixaceError, match=f"^cache_dir {cache_dir}: cannot be written: ") as caught:
        load_images(album, CONFIG, cache_dir=cache_dir)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_and_left_clean(album, tmp_path):
    try:
        (tmp_path / "disk").mkdir()
        with small_disk(tmp_path / "disk", 1) as disk:
            with pytest.raises(PixaceError, match="cannot be written: No space left"):
                load_images(album, CONFIG, cache_dir=disk.path)
            assert os.listdir(disk.path) == []
    except (NoSmallDisk, FileNotFoundError) as reason:
        pytest.skip(str(reason))


def test_two_at_once_do_not_disturb_each_other(album, cache_dir):
    """The second comes while the first is writing, and is done before it."""
    plain = load_images(album, CONFIG)

    def rows():
        for number, row in enumerate(plain.tokens):
            if number == 6:
                repaint(album)
                load(album, cache_dir)
            yield number, row

    cache = TokenCache(cache_dir, album, CONFIG.pictures, (0, 1), ONE_EACH)
    numbers, tokens = cache.write(rows(), fingerprints(plain.paths))
    assert list(numbers) == list(range(12))
    np.testing.assert_array_equal(tokens, plain.tokens)
    load(album, cache_dir)  # the first was the last to finish, but its first picture is out of date
    np.testing.assert_array_equal(tokens, plain.tokens)  # its owner keeps what it has opened
    only_file(cache_dir)


def test_what_was_left_half_written_is_removed(album, cache_dir):
    load(album, cache_dir)
    path = only_file(cache_dir)
    (cache_dir / f".{path.name}.abcdefg1.tmp").touch()
    repaint(album)
    load(album, cache_dir)
    assert only_file(cache_dir) == path


@pytest.mark.slow
def test_training_does_not_depend_on_the_cache(painted, weights_dir, tmp_path):
    cache_dir = tmp_path / "cache"
    load_images(painted / "train", CONFIG, cache_dir=cache_dir)
    folder = train_tiny(painted, tmp_path, "m", "transformer", cache_dir=str(cache_dir))
    assert len(os.listdir(cache_dir)) == 2  # training and validation images
    assert_same_state(folder, weights_dir / "transformer")


# --- sheets, frames and pixel art made larger -----------------------------------------------------


def tile_sheet(path, seed, size=(36, 24)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("reading", [{"grid": "12x12"}, {"grid": "6x6+0+1"}, {"unscale": True}])
def test_each_way_of_reading_has_a_file_of_its_own(album, cache_dir, reading):
    reading = ReadingSettings(**reading)
    tile_sheet(album / "tiles.png", 0)
    plain = load(album, cache_dir)
    before = only_file(cache_dir).read_bytes()
    cut = load_images(album, CONFIG, cache_dir=cache_dir, reading=reading)
    expected = load_images(album, CONFIG, reading=reading)
    assert list(cut.paths) == list(expected.paths)
    np.testing.assert_array_equal(cut.tokens[:], expected.tokens)
    assert len(list(cache_dir.iterdir())) == 2
    np.testing.assert_array_equal(load(album, cache_dir).tokens[:], plain.tokens[:])
    assert before in [path.read_bytes() for path in cache_dir.iterdir()]


def test_only_the_pictures_of_a_changed_sheet_are_read_again(album, cache_dir, opened):
    reading = ReadingSettings(grid="12x12")
    for name in ("tiles.png", "more.png"):
        tile_sheet(album / name, len(name))
    load_images(album, CONFIG, cache_dir=cache_dir, reading=reading)
    tile_sheet(album / "tiles.png", 7)
    opened()
    cut = load_images(album, CONFIG, cache_dir=cache_dir, reading=reading)
    counts = opened()
    assert (counts["tiles.png"], counts["more.png"]) == (2, 1), "one to find the cells"
    np.testing.assert_array_equal(cut.tokens[:], load_images(album, CONFIG, reading=reading).tokens)


def test_another_json_beside_a_sheet_is_noticed(album, cache_dir):
    tile_sheet(album / "tiles.png", 0)
    for left in (0, 5):
        frame = {"frame": {"x": left, "y": 0, "w": 9, "h": 9}}
        (album / "tiles.json").write_text(json.dumps({"frames": {"one": frame}}))
        images = load(album, cache_dir)
        assert images.paths[-1].box == (left, 0, left + 9, 9)


def test_two_files_of_which_nothing_is_known_are_not_the_same():
    stored = CachedTokens(np.zeros((2, 1), "<u2"), np.array([[1, 0], [2, 9]], "<u8"))
    wanted = np.array([[7, 0], [8, 9]], "<u8")
    assert stored.find_contents(wanted).tolist() == [-1, 1]
