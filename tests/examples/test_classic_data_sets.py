"""CIFAR-10 and Fashion-MNIST: small archives in the published formats become folders, exactly."""

import dataclasses
import gzip
import hashlib
import io
import signal
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.errors import DownloadError, PixaceError, UsageError
from pixace.pictures.folder import find_images
from tests.conftest import load_example
from tests.tools.places import ROOT
from tests.web.test_download import Server

SCRIPT = ROOT / "examples" / "classic_data_sets.py"


script = load_example(SCRIPT)
BATCHES = [f"cifar-10-batches-bin/data_batch_{n}.bin" for n in range(1, 6)]
BATCHES.append("cifar-10-batches-bin/test_batch.bin")


# --- small archives -----------------------------------------------------------------------------


def pictures(shape, n, seed):
    """Random pictures, and labels of all ten classes."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return script.Pictures(rng.permutation(np.arange(n) % 10).astype(np.uint8), pixels)


COLOUR = {"train": pictures((32, 32, 3), 25, 0), "val": pictures((32, 32, 3), 10, 1)}
GREY = {"train": pictures((28, 28), 30, 2), "val": pictures((28, 28), 10, 3)}


def records(labels, pixels) -> bytes:
    """The binary version: a label, 1024 reds, 1024 greens, 1024 blues."""
    return b"".join(
        bytes([label]) + picture[..., 0].tobytes() + picture[..., 1].tobytes()
        + picture[..., 2].tobytes()
        for label, picture in zip(labels, pixels, strict=True)
    )  # fmt: skip


def batches() -> dict[str, bytes]:
    """The contents of the six files; the train pictures lie in five of them."""
    train, val = COLOUR["train"], COLOUR["val"]
    parts = [records(train.labels[i : i + 5], train.pixels[i : i + 5]) for i in range(0, 25, 5)]
    return dict(zip(BATCHES, [*parts, records(*val)], strict=True))


def tar_gz(files: dict[str, bytes], others: list[tarfile.TarInfo] = ()) -> bytes:
    """An archive in an order that is not that of the names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in others:
            archive.addfile(member, io.BytesIO(b"evil" * 8) if member.isreg() else None)
        for name, contents in reversed(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def idx_files() -> dict[str, bytes]:
    return {
        f"{prefix}-{kind}": idx(array)
        for prefix, (labels, pixels) in (("train", GREY["train"]), ("t10k", GREY["val"]))
        for kind, array in (("images-idx3-ubyte.gz", pixels), ("labels-idx1-ubyte.gz", labels))
    }


FILES = {
    "cifar10": {script.CIFAR10_ARCHIVE: tar_gz(batches())},
    "fashion_mnist": idx_files(),
}
EXPECTED = {"cifar10": COLOUR, "fashion_mnist": GREY}


def published(name: str, files: dict[str, bytes]):
    """The data set as if these archives were the published ones."""
    assert set(files) == set(script.DATA_SETS[name].archives)
    sums = {file: hashlib.sha256(contents).hexdigest() for file, contents in files.items()}
    return dataclasses.replace(script.DATA_SETS[name], archives=sums)


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, contents in files.items():
        (folder / name).write_bytes(contents)
    return folder


def assert_folders(out: Path, name: str, n_train: int | None = None) -> None:
    """Compares every picture's pixels, mode, class and number with what was packed."""
    assert {path.name for path in out.iterdir()} == {"archives", "train", "val"}
    for split, (labels, pixels) in EXPECTED[name].items():
        classes = script.DATA_SETS[name].classes
        expected = {
            f"{classes[label]}/{number:05d}.png": picture
            for number, (label, picture) in enumerate(zip(labels, pixels, strict=True))
            if n_train is None or number < n_train
        }
        paths = find_images(out / split)
        assert {str(path.relative_to(out / split)) for path in paths} == set(expected)
        for path in paths:
            with Image.open(path) as img:
                assert img.mode == ("RGB" if name == "cifar10" else "L")
                found = np.asarray(img)
            np.testing.assert_array_equal(found, expected[str(path.relative_to(out / split))])


@pytest.fixture
def server(monkeypatch):
    """A server of all archives, which answers ranges as a real one does."""
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")

    def play(handler):
        body = {**FILES["cifar10"], **FILES["fashion_mnist"]}[handler.path.rpartition("/")[2]]
        start = handler.start()
        handler.reply(body, ETag='"v1"') if start is None else handler.rest(body, start)

    with Server() as server:
        server.play = play
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


# --- what must arrive ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_an_archive_becomes_folders_pixel_by_pixel(name, server, tmp_path):
    out = tmp_path / "deep" / "out"
    counts = script.make_folders(published(name, FILES[name]), out, f"{server.url}/mirror/")
    assert counts == {split: len(each.labels) for split, each in EXPECTED[name].items()}
    assert_folders(out, name)
    assert {path for path, _ in server.asked} == {f"/mirror/{file}" for file in FILES[name]}
    assert [path.name for path in out.parent.iterdir()] == ["out"], "nothing is left beside it"


@pytest.mark.parametrize("with_name", [False, True])
def test_an_archive_of_this_machine(with_name, tmp_path):
    place = laid_out(tmp_path / "here", FILES["cifar10"])
    url = str(place / script.CIFAR10_ARCHIVE if with_name else place)
    (tmp_path / "out").mkdir()
    script.make_folders(published("cifar10", FILES["cifar10"]), tmp_path / "out", url)
    assert_folders(tmp_path / "out", "cifar10")


def test_a_limit_takes_the_first_of_each(tmp_path):
    place = laid_out(tmp_path / "here", FILES["fashion_mnist"])
    data_set = published("fashion_mnist", FILES["fashion_mnist"])
    counts = script.make_folders(data_set, tmp_path / "out", str(place), limit=20)
    assert counts == {"train": 20, "val": 10}
    assert_folders(tmp_path / "out", "fashion_mnist", n_train=20)
    # The archives that a run keeps serve the next one.
    again = str(tmp_path / "out" / "archives")
    script.make_folders(data_set, tmp_path / "all", again)
    assert_folders(tmp_path / "all", "fashion_mnist")


def test_the_published_sums_are_whole():
    for data_set in script.DATA_SETS.values():
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in data_set.archives.values())
        assert len(set(data_set.classes)) == 10


# --- interruptions ------------------------------------------------------------------------------


def test_a_cut_download_goes_on_where_it_stopped(server, tmp_path):
    name, body = script.CIFAR10_ARCHIVE, FILES["cifar10"][script.CIFAR10_ARCHIVE]
    data_set, whole = published("cifar10", FILES["cifar10"]), server.play
    half = len(body) // 2

    def cut_and_vanish(handler):
        if handler.start() is None:
            handler.reply(body[:half], length=len(body), ETag='"v1"')
        else:
            handler.reply(status=404)

    server.play = cut_and_vanish
    with pytest.raises(DownloadError, match="404"):
        script.make_folders(data_set, tmp_path / "out", server.url)
    assert not (tmp_path / "out").exists()
    server.play = whole
    script.make_folders(data_set, tmp_path / "out", server.url)
    assert_folders(tmp_path / "out", "cifar10")
    assert server.ranges() == [None, f"bytes={half}-", f"bytes={half}-"]
    assert not list((tmp_path / "out" / "archives").glob(f".{name}*"))


KILLED = """
import dataclasses, importlib.util, os, signal, sys
from pathlib import Path
from PIL import Image
spec = importlib.util.spec_from_file_location("classic_data_sets", sys.argv[1])
script = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
save, saved = Image.Image.save, []
def save_or_die(img, path):
    saved.append(path)
    if len(saved) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    save(img, path)
Image.Image.save = save_or_die
sums = dict(zip(script.FASHION_MNIST.archives, sys.argv[5:], strict=True))
data_set = dataclasses.replace(script.FASHION_MNIST, archives=sums)
script.make_folders(data_set, Path(sys.argv[3]), sys.argv[4])
"""


def test_a_killed_conversion_ends_complete_when_run_again(server, tmp_path):
    at = 35  # all training pictures are written, and some of the others
    data_set, out = published("fashion_mnist", FILES["fashion_mnist"]), tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, SCRIPT, str(at), out, server.url]
        + list(data_set.archives.values()),
        capture_output=True, text=True, cwd=SCRIPT.parent.parent,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists(), "the folder appears once it is complete"
    n_asked = len(server.asked)
    assert n_asked == 4
    script.make_folders(data_set, out, server.url)
    assert_folders(out, "fashion_mnist")
    assert len(server.asked) == n_asked, "what was fetched is not fetched again"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- what must not arrive -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_another_file_than_the_published_one_is_refused(name, server, tmp_path):
    with pytest.raises(DownloadError, match="has SHA-256 .* expected") as caught:
        script.make_folders(script.DATA_SETS[name], tmp_path / "out", server.url)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("*.png"))


def assert_refused(name: str, files: dict[str, bytes], tmp_path: Path, words: str) -> None:
    """Converts archives whose sums agree, expects one line and no folder."""
    place = laid_out(tmp_path / "damaged", files)
    with pytest.raises(PixaceError, match=words) as caught:
        script.make_folders(published(name, files), tmp_path / "out", str(place))
    assert str(caught.value).isprintable(), "one line"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tenths", [1, 5, 9])
@pytest.mark.parametrize(
    ("name", "file"), [(name, file) for name, files in FILES.items() for file in files]
)
def test_a_cut_archive_is_refused(name, file, tenths, tmp_path):
    body = FILES[name][file]
    files = {**FILES[name], file: body[: len(body) * tenths // 10]}
    assert_refused(name, files, tmp_path, "damaged")


@pytest.mark.parametrize(
    ("batch", "contents", "words"),
    [
        (BATCHES[5], b"", ": 0 bytes are no whole records"),
        (BATCHES[5], bytes(3072), "3072 bytes are no whole records of 3073"),
        (BATCHES[0], bytes(3074), "no whole records of 3073"),
        (BATCHES[0], bytes([10]) + bytes(3072), "train: label 10, but there are 10 classes"),
        (BATCHES[3], None, "data_batch_4.bin is not in there"),
    ],
)
def test_records_that_are_none(batch, contents, words, tmp_path):
    files = {
        name: body for name, body in {**batches(), batch: contents}.items() if body is not None
    }
    assert_refused("cifar10", {script.CIFAR10_ARCHIVE: tar_gz(files)}, tmp_path, words)


def packed(shape: tuple[int, ...], n_bytes: int, kind: int = 8) -> bytes:
    """An IDX file whose header and contents need not agree."""
    header = struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)
    return gzip.compress(header + bytes(n_bytes), mtime=0)


IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
HUGE = 2**32 - 1


@pytest.mark.parametrize(
    ("file", "contents", "words"),
    [
        (IMAGES, gzip.compress(b"", mtime=0), "no IDX file of bytes along 3 axes"),
        (IMAGES, idx(GREY["val"].labels), "no IDX file of bytes along 3 axes"),
        (LABELS, idx(GREY["val"].pixels), "no IDX file of bytes along 1 axes"),
        (LABELS, packed((10,), 10, kind=9), "no IDX file of bytes"),
        (LABELS, packed((10,), 9), "9 bytes after a header that announces 10"),
        (LABELS, packed((10,), 11), "11 bytes after a header that announces 10"),
        (LABELS, packed((9,), 9), "10 pictures but 9 labels in t10k"),
        (LABELS, idx(np.full(10, 10, np.uint8)), "val: label 10, but there are 10 classes"),
        (IMAGES, packed((0, 28, 28), 0), "announces 0"),
        (IMAGES, packed((HUGE, HUGE, HUGE), 8), f"8 bytes after .* announces {HUGE**3}"),
    ],
)
def test_idx_files_that_are_none(file, contents, words, tmp_path):
    assert_refused("fashion_mnist", {**FILES["fashion_mnist"], file: contents}, tmp_path, words)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "MAX_BYTES", 100_000)
    bomb = gzip.compress(bytes(1_000_000), mtime=0)
    files = {**FILES["fashion_mnist"], "train-images-idx3-ubyte.gz": bomb}
    assert_refused("fashion_mnist", files, tmp_path, "more than 100000 bytes")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 32 if kind == tarfile.REGTYPE else 0
    return info


def test_evil_members_are_never_unpacked(tmp_path):
    evil = [
        member("../evil.png"),
        member(str(tmp_path / "evil.png")),
        member("cifar-10-batches-bin/../../evil.png"),
        member("link", tarfile.SYMTYPE, str(tmp_path)),
        member("link/evil.png"),
        member("fifo", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
    ]
    files = {script.CIFAR10_ARCHIVE: tar_gz(batches(), evil)}
    place = laid_out(tmp_path / "here", files)
    script.make_folders(published("cifar10", files), tmp_path / "sub" / "out", str(place))
    assert_folders(tmp_path / "sub" / "out", "cifar10")
    assert {path.name for path in tmp_path.iterdir()} == {"here", "sub"}
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_batch_that_is_a_link_or_a_folder_is_not_read(kind, tmp_path):
    target = tmp_path / "secret"
    target.write_bytes(bytes(3073))
    files = batches()
    del files[BATCHES[1]]
    archive = tar_gz(files, [member(BATCHES[1], kind, str(target))])
    words = "data_batch_2.bin is not in there"
    assert_refused("cifar10", {script.CIFAR10_ARCHIVE: archive}, tmp_path, words)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    out = tmp_path / "out"
    (out / "train").mkdir(parents=True)
    with pytest.raises(UsageError, match="is there already; remove it"):
        script.make_folders(script.CIFAR10, out, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in out.iterdir()] == ["train"]


# --- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["cifar10", "--url=here", "--out=new"], 1, "here/cifar-10-binary.tar.gz: not a file of"),
        (["fashion_mnist", "--limit=0"], 2, "limit must be at least 1, not 0"),
    ],
)
def test_errors_are_one_line(arguments, code, words, tmp_path):
    laid_out(tmp_path / "here", {script.CIFAR10_ARCHIVE: b"<html>moved</html>"})
    command = [sys.executable, SCRIPT, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(SCRIPT.parent.parent), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("classic_data_sets.py: ") and words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["here"], "nothing is left behind"
